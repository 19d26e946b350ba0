/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf/master_args.c — the arguments of a service: -o settings, and who is disabled.
 */
#include "conf/lines.h"
#include "conf/master_cf.h"

bool master_entry_option(const struct master_entry *e, size_t *pos, struct str *ret_name,
	struct str *ret_value)
{
	while (*pos < e->args.n) {
		struct str arg = str_of(e->args.v[(*pos)++]);

		if (!str_starts(arg, STR("-o")))
			continue;
		arg = str_skip(arg, 2);
		if (arg.len == 0) {
			if (*pos >= e->args.n)
				return false;
			arg = str_of(e->args.v[(*pos)++]);
		}
		if (conf_split_setting(arg, ret_name, ret_value) == NULL)
			return true;
	}
	return false;
}

bool master_entry_find_option(const struct master_entry *e, struct str name, struct str *ret_value)
{
	struct str key, value;
	bool found = false;

	for (size_t i = 0; master_entry_option(e, &i, &key, &value);)
		if (str_eq(key, name)) {
			*ret_value = value;
			found = true;
		}
	return found;
}

/** One pattern of master_service_disable, without '!'. */
static bool pattern_names(struct str pattern, struct str name, struct str type)
{
	ptrdiff_t at = str_rchr(pattern, '/');

	if (at < 0)
		at = str_rchr(pattern, '.');
	if (at < 0)
		return str_ieq(pattern, type);
	return str_ieq(str_head(pattern, (size_t)at), name) &&
	       str_ieq(str_skip(pattern, (size_t)at + 1), type);
}

bool master_cf_disabled(const struct master_entry *e, struct str patterns)
{
	struct str name = str_of(e->name), type = str_of(master_type_name(e->type)), word;

	while (str_word(&patterns, ", \t\r\n", &word)) {
		bool negated = false;

		while (word.len > 0 && word.ptr[0] == '!') {
			negated = !negated;
			word = str_skip(word, 1);
		}
		if (pattern_names(word, name, type))
			return !negated;
	}
	return false;
}
