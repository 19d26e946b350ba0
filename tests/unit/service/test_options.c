/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of service/options.c.
 */
#include "service/options_priv.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define LETTERS "+cdDi:lm:n:o:r:s:St:uvVz"

/* Parse blank-separated words; strings in *ret point into v. */
static int parse(const char *line, struct strv *v, struct service_options *ret, struct why *why)
{
	strv_split(v, str_of(line), " ");
	return service_options_parse((int)v->n, v->v, LETTERS, ret, why);
}

static void test_all(void **state)
{
	_cleanup_strv_ struct strv v = { 0 };
	struct service_options o;
	struct why why;

	(void)state;
	assert_int_equal(parse("smtpd -l -z -n 25 -t inet -d -v -v -u -c -o a=b -o c=d -s 3 -i 5s "
			       "-m 7 -r 9 -S -D -V flags=x -o not=mine",
				 &v, &o, &why),
		0);
	assert_true(o.limit_one && o.unlimited && o.by_hand && o.drop && o.chroot);
	assert_true(o.stand_alone && o.debugger && o.to_stderr);
	assert_int_equal(o.verbose, 2);
	assert_int_equal(o.sockets, 3);
	assert_string_equal(o.name, "25");
	assert_string_equal(o.transport, "inet");
	assert_string_equal(o.retire, "9");
	assert_int_equal(o.overrides.n, 4);
	assert_string_equal(o.overrides.v[0], "a=b");
	assert_string_equal(o.overrides.v[1], "c=d");
	assert_string_equal(o.overrides.v[2], "max_idle=5s");
	assert_string_equal(o.overrides.v[3], "max_use=7");
	assert_string_equal(o.args[0], "flags=x");
	assert_string_equal(o.args[1], "-o");
	assert_string_equal(o.args[2], "not=mine");
	assert_null(o.args[3]);
	service_options_done(&o);
}

static void test_bad(void **state)
{
	static const struct {
		const char *line;
		const char *why;
	} cases[] = {
		{ "x -q", "invalid option: q" },
		{ "x -t", "invalid option: t" },
		{ "x -s 0", "invalid socket_count: 0" },
		{ "x -s 1001", "invalid socket_count: 1001" },
		{ "x -s a", "invalid socket_count: a" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		_cleanup_strv_ struct strv v = { 0 };
		struct service_options o;
		struct why why = { "" };

		if (parse(cases[i].line, &v, &o, &why) != -EINVAL)
			fail_msg("%s", cases[i].line);
		assert_string_equal(why.text, cases[i].why);
	}
}

static void test_none(void **state)
{
	_cleanup_strv_ struct strv v = { 0 };
	struct service_options o;
	struct why why;

	(void)state;
	assert_int_equal(parse("x", &v, &o, &why), 0);
	assert_int_equal(o.sockets, 1);
	assert_null(o.name);
	assert_null(o.args[0]);
	service_options_done(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
