/* SPDX-License-Identifier: Apache-2.0 */
/*
 * address/parts.c — local part, domain and extension of an internal address.
 */
#include "address/address.h"

struct address_parts address_split(struct str internal)
{
	ptrdiff_t at = str_rchr(internal, '@');

	if (at < 0)
		return (struct address_parts){ internal, STR_EMPTY, false };
	return (struct address_parts){ str_head(internal, (size_t)at),
		str_skip(internal, (size_t)at + 1), true };
}

static bool is_never_split(struct str local, const struct ext_rules *rules)
{
	struct str bounce = rules->double_bounce_sender.len > 0 ? rules->double_bounce_sender
								: STR("double-bounce");

	return str_ieq(local, STR("postmaster")) || str_ieq(local, STR("mailer-daemon")) ||
	       str_ieq(local, bounce);
}

bool address_split_ext_rules(struct str local, const struct ext_rules *rules, struct str *ret_user,
	struct str *ret_ext)
{
	if (rules->delimiters.len == 0 || is_never_split(local, rules))
		return false;
	if (rules->owner_request_special && str_chr(rules->delimiters, '-') >= 0 &&
		(str_istarts(local, STR("owner-")) || str_iends(local, STR("-request"))))
		return false;
	for (size_t i = 0; i < local.len; i++) {
		if (str_chr(rules->delimiters, local.ptr[i]) < 0)
			continue;
		if (i == 0)
			return false;
		*ret_user = str_head(local, i);
		*ret_ext = str_skip(local, i + 1);
		return true;
	}
	return false;
}

bool address_split_ext(struct str local, struct str delimiters, struct str *ret_user,
	struct str *ret_ext)
{
	struct ext_rules rules = { .delimiters = delimiters, .owner_request_special = true };

	return address_split_ext_rules(local, &rules, ret_user, ret_ext);
}
