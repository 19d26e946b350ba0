/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service/template_text.c — see template_text.h.
 */
#include "service/template_text.h"

#include <errno.h>

#include "dns/dns.h"

/* A host name as people read it. */
static int shown_name(const struct conf *c, const char *param, bool utf8, struct arena *a,
	struct str *ret, struct why *why)
{
	_cleanup_free_ char *value = NULL;
	int r = conf_str(c, param, &value, why);

	if (r == 0)
		*ret = utf8 ? dns_to_utf8(str_of(value), a) : arena_str(a, str_of(value));
	return r;
}

static int read_values(const struct conf *c, struct arena *a, struct template_values *ret,
	struct why *why)
{
	bool utf8 = false;
	int r = conf_bool(c, "smtputf8_enable", &utf8, why);

	if (r == 0)
		r = conf_time(c, "delay_warning_time", &ret->delay_warning_time, why);
	if (r == 0)
		r = conf_time(c, "maximal_queue_lifetime", &ret->maximal_queue_lifetime, why);
	if (r == 0)
		r = shown_name(c, "myhostname", utf8, a, &ret->myhostname, why);
	return r < 0 ? r : shown_name(c, "mydomain", utf8, a, &ret->mydomain, why);
}

int template_text(const struct conf *c, const struct template *t, struct buf *ret, struct why *why)
{
	_cleanup_arena_ struct arena *a = arena_new(BUF_MEDIUM);
	_cleanup_buf_ struct buf named = BUF_LOCAL(BUF_MEDIUM);
	struct template_values v;
	int r = read_values(c, a, &v, why);

	if (r < 0)
		return r;
	template_expand(&named, t, &v);
	return conf_expand_text(c, buf_str(&named), ret, why);
}
