/* SPDX-License-Identifier: Apache-2.0 */
/* service/submit_settings.c — see submit_settings.h. */
#include "service/submit_settings.h"

#define S struct submit_settings
static const struct conf_var vars[] = {
	CV_STR(S, authorized_submit_users),
	CV_STR(S, local_login_sender_maps),
	CV_STR(S, empty_address_local_login_sender_maps_lookup_key),
	CV_STR(S, recipient_delimiter),
	CV_INT(S, message_size_limit),
	CV_BOOL(S, enable_long_queue_ids),
	CV_BOOL(S, smtputf8_enable),
	CV_END,
};

int submit_settings_fill(struct conf *c, const struct table_settings *tables, const struct notes *n,
	struct submit_settings *ret, struct why *why)
{
	*ret = (struct submit_settings){ .tables = tables, .log = n };
	return conf_fill(c, vars, ret, why);
}
