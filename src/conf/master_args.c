/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf/master_args.c — the arguments of a service: -o settings, and who is disabled.
 */
#include "conf/lines.h"
#include "conf/master_cf.h"

/** Options of daemons that have an argument. */
static bool has_argument(char letter)
{
	return str_chr(STR("imnorst"), letter) >= 0;
}

bool master_entry_setting(const struct master_entry *e, size_t *pos, struct str *ret)
{
	while (*pos < e->args.n) {
		struct str arg = str_of(e->args.v[(*pos)++]);
		size_t i = 1;

		/* Here begin the arguments of the daemon, which may look like options. */
		if (arg.len < 2 || arg.ptr[0] != '-' || str_eq(arg, STR("--")))
			break;
		while (i < arg.len && !has_argument(arg.ptr[i]))
			i++;
		if (i == arg.len)
			continue;
		if (i + 1 == arg.len && *pos >= e->args.n)
			break;
		*ret = i + 1 < arg.len ? str_skip(arg, i + 1) : str_of(e->args.v[(*pos)++]);
		if (arg.ptr[i] == 'o')
			return true;
	}
	*pos = e->args.n;
	return false;
}

bool master_entry_option(const struct master_entry *e, size_t *pos, struct str *ret_name,
	struct str *ret_value)
{
	struct str setting;

	while (master_entry_setting(e, pos, &setting))
		if (conf_split_setting(setting, ret_name, ret_value) == NULL)
			return true;
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
