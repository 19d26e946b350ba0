/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names that a configuration uses.
 */
#include "dir.h"

#include "conf/names.h"

static void in_text(void **state)
{
	static const struct {
		const char *text;
		const char *want; /* names with blanks, in order of appearance */
	} cases[] = {
		{ "plain", "" },
		{ "$a ${b} $(c)", "a b c " },
		{ "$$a $b", "b " },
		{ "${a?{$b}:{${ c }}}", "a b c " },
		{ "${{$a} == {x} ? {$b}}", "a b " },
		{ "$a$b.$c", "a b c " },
		{ "$", "" },
		{ "${", "" },
		{ "$.a", "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		_cleanup_map_ struct map *names = map_new(NULL);
		_cleanup_buf_ struct buf got = BUF(BUF_SMALL);
		struct map_iter it = { 0 };
		struct str name;

		conf_names_in_text(names, str_of(cases[i].text));
		while (map_next(names, &it, &name, NULL))
			buf_putf(&got, "%.*s ", STR_ARG(name));
		if (strcmp(buf_cstr(&got), cases[i].want) != 0)
			fail_msg("%s: %s", cases[i].text, buf_cstr(&got));
	}
}

static void kinds(void **state)
{
	static const struct {
		const char *name;
		enum conf_name_kind want;
	} cases[] = {
		{ "myhostname", CONF_NAME_PARAM },
		{ "virtual_maps", CONF_NAME_PARAM },
		{ "maildrop_time_limit", CONF_NAME_TRANSPORT },
		{ "maildrop_recipient_limit", CONF_NAME_TRANSPORT },
		{ "policy_time_limit", CONF_NAME_TRANSPORT },
		{ "policy_recipient_limit", CONF_NAME_UNUSED },
		{ "smtp_time_limit", CONF_NAME_UNUSED },
		{ "nosuch_recipient_limit", CONF_NAME_UNUSED },
		{ "mine", CONF_NAME_USER },
		{ "by_service", CONF_NAME_USER },
		{ "my_class", CONF_NAME_USER },
		{ "dir_server_host", CONF_NAME_USER },
		{ "dir2_server_host", CONF_NAME_UNUSED },
		{ "other", CONF_NAME_UNUSED },
	};
	struct dir d = dir_make("relayhost = $mine\nsmtpd_restriction_classes = my_class, b\n"
				"alias_maps = proxy:ldap:dir, hash:/x\n",
		"maildrop unix - n n - - pipe flags=x\npolicy unix - n n - 0 spawn user=x argv=y\n"
		"smtp unix - - n - - smtp -o syslog_name=$by_service\n");
	_cleanup_(conf_freep) struct conf *c = NULL;
	struct master_cf m = { 0 };
	struct why why = { "" };
	struct map *used;
	char path[128];

	(void)state;
	assert_int_equal(conf_load(d.path, NULL, &c, &why), 0);
	snprintf(path, sizeof path, "%s/master.cf", d.path);
	assert_int_equal(master_cf_load(path, false, NULL, &m, &why), 0);
	used = conf_names_used(c, &m);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		enum conf_name_kind got = conf_name_kind(str_of(cases[i].name), used, &m);

		if (got != cases[i].want)
			fail_msg("%s: %d", cases[i].name, (int)got);
	}
	map_free(used);
	master_cf_done(&m);
	dir_remove(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_text),
		cmocka_unit_test(kinds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
