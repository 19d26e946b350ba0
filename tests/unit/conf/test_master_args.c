/* SPDX-License-Identifier: Apache-2.0 */
/*
 * -o settings of services and master_service_disable.
 */
#include "dir.h"

#include "conf/master_cf.h"

static void options(void **state)
{
	struct master_entry e = { 0 };
	struct str name, value;
	struct why why = { "" };
	size_t pos = 0;

	(void)state;
	assert_int_equal(master_entry_parse(STR("x unix n n n - - smtpd -v -o a=1 -ob=3 "
						"-o { c = d e } -o bad -o a=4 -o"),
				 false, &e, &why),
		0);
	assert_true(master_entry_option(&e, &pos, &name, &value));
	assert_true(str_eq(name, STR("a")) && str_eq(value, STR("1")));
	assert_true(master_entry_option(&e, &pos, &name, &value));
	assert_true(str_eq(name, STR("b")) && str_eq(value, STR("3")));
	assert_true(master_entry_option(&e, &pos, &name, &value));
	assert_true(str_eq(name, STR("c")) && str_eq(value, STR("d e")));
	assert_true(master_entry_option(&e, &pos, &name, &value));
	assert_true(str_eq(name, STR("a")) && str_eq(value, STR("4")));
	assert_false(master_entry_option(&e, &pos, &name, &value));
	assert_true(master_entry_find_option(&e, STR("a"), &value));
	assert_true(str_eq(value, STR("4")));
	assert_false(master_entry_find_option(&e, STR("z"), &value));
	master_entry_done(&e);
}

/* As the daemons' getopt reads them. */
static void where_options_end(void **state)
{
	static const struct {
		const char *args;
		const char *want; /* settings, each with a blank behind it */
	} cases[] = {
		{ "pipe flags=F user=x argv=/bin/x -o smtp_a=b", "" },
		{ "smtp -v -o a=1 -s 2 -o b=2 -- -o c=3", "a=1 b=2 " },
		{ "smtp -s -o a=1 -o b=2", "" },
		{ "smtp -oa=1 x -o b=2", "a=1 " },
		{ "smtp -vo a=1 -voo=1 -vz -o", "a=1 o=1 " },
		{ "smtp -o bad -o c=1", "bad c=1 " },
		{ "smtp - -o a=1", "" },
		{ "smtp", "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		_cleanup_buf_ struct buf line = BUF(BUF_SMALL);
		_cleanup_buf_ struct buf got = BUF(BUF_SMALL);
		struct master_entry e = { 0 };
		struct why why = { "" };
		struct str setting;
		size_t pos = 0;

		buf_putf(&line, "x unix n n n - - %s", cases[i].args);
		assert_int_equal(master_entry_parse(buf_str(&line), false, &e, &why), 0);
		while (master_entry_setting(&e, &pos, &setting))
			buf_putf(&got, STR_FMT " ", STR_ARG(setting));
		if (!str_eq(buf_str(&got), str_of(cases[i].want)))
			fail_msg("%s: %s", cases[i].args, buf_cstr(&got));
		master_entry_done(&e);
	}
}

static void disabled(void **state)
{
	static const struct {
		const char *patterns;
		bool want;
	} cases[] = {
		{ "", false },
		{ "inet", true },
		{ "INET", true },
		{ "unix", false },
		{ "smtp/inet", true },
		{ "SMTP.inet", true },
		{ "smtp/unix", false },
		{ "!smtp/inet, inet", false },
		{ "!unix inet", true },
		{ "!!inet", true },
		{ "other/inet smtp/inet", true },
	};
	struct master_entry e = { .name = (char[]){ "smtp" }, .type = MASTER_INET };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (master_cf_disabled(&e, str_of(cases[i].patterns)) != cases[i].want)
			fail_msg("%s", cases[i].patterns);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options),
		cmocka_unit_test(where_options_end),
		cmocka_unit_test(disabled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
