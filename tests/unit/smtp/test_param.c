/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of smtp/param.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "smtp/command.h"

static void test_notify(void **state)
{
	static const struct {
		const char *in;
		int r;
	} cases[] = {
		{ "NEVER", 1 },
		{ "never", 1 },
		{ "SUCCESS", 2 },
		{ "FAILURE", 4 },
		{ "DELAY", 8 },
		{ "SUCCESS,FAILURE,DELAY", 14 },
		{ "success,delay", 10 },
		{ "FAILURE,FAILURE", 4 },
		{ "NEVER,SUCCESS", -EINVAL },
		{ "", -EINVAL },
		{ ",", -EINVAL },
		{ "FAIL", -EINVAL },
		{ "SUCCESS FAILURE", -EINVAL },
		{ "SUCCESS,X", -EINVAL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int r = smtp_notify_parse(str_of(cases[i].in));

		if (r != cases[i].r)
			fail_msg("'%s': %d", cases[i].in, r);
	}
}

static void test_ret(void **state)
{
	(void)state;
	assert_int_equal(smtp_ret_parse(STR("FULL")), 1);
	assert_int_equal(smtp_ret_parse(STR("full")), 1);
	assert_int_equal(smtp_ret_parse(STR("HDRS")), 2);
	assert_int_equal(smtp_ret_parse(STR("")), -EINVAL);
	assert_int_equal(smtp_ret_parse(STR("FULLX")), -EINVAL);
}

static void test_orcpt(void **state)
{
	static const struct {
		const char *in;
		bool utf8;
		int r;
		const char *out;
	} cases[] = {
		{ "rfc822;a@b", false, 0, "rfc822;a@b" },
		{ "rfc822;a+2Bx@b", false, 0, "rfc822;a+x@b" },
		{ "rfc822;a+20b@c", false, 0, "rfc822;a b@c" },
		{ "x-foo;bar", true, 0, "x-foo;bar" },
		{ "utf-8;\\x{E9}@b", true, 0, "utf-8;\xc3\xa9@b" },
		{ "UTF-8;\\x{E9}@b", true, 0, "UTF-8;\xc3\xa9@b" },
		{ "rfc822", false, -EINVAL, "" },
		{ ";a", false, -EINVAL, "" },
		{ "rfc822;", false, -EINVAL, "" },
		{ "", false, -EINVAL, "" },
		{ "rfc822;a+0D+0A", false, -EINVAL, "" },
		{ "rfc822;a+00", false, -EINVAL, "" },
		{ "rfc822;a+7F", false, -EINVAL, "" },
		{ "rfc822;a+2", false, -EINVAL, "" },
		{ "rfc822;a+xy", false, -EINVAL, "" },
		{ "rf c;a", false, -EINVAL, "" },
		{ "r+2B;a", false, -EINVAL, "" },
		{ "utf-8;\\x{0D}", true, -EINVAL, "" },
		{ "utf-8;\\x{}", true, -EINVAL, "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		_cleanup_arena_ struct arena *a = arena_new(0);
		struct str got = STR_EMPTY;
		int r = smtp_orcpt_parse(str_of(cases[i].in), cases[i].utf8, a, &got);

		if (r != cases[i].r || !str_eq(got, str_of(cases[i].out)))
			fail_msg("'%s': %d '" STR_FMT "'", cases[i].in, r, STR_ARG(got));
	}
}

static void test_envid(void **state)
{
	static const struct {
		const char *in;
		int r;
		const char *out;
	} cases[] = {
		{ "abc", 0, "abc" },
		{ "a+2Bb", 0, "a+b" },
		{ "", -EINVAL, "" },
		{ "a+00", -EINVAL, "" },
		{ "a+0D", -EINVAL, "" },
		{ "a+2", -EINVAL, "" },
		{ "a+E9", -EINVAL, "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		_cleanup_arena_ struct arena *a = arena_new(0);
		struct str got = STR_EMPTY;
		int r = smtp_envid_parse(str_of(cases[i].in), a, &got);

		if (r != cases[i].r || !str_eq(got, str_of(cases[i].out)))
			fail_msg("'%s': %d '" STR_FMT "'", cases[i].in, r, STR_ARG(got));
	}
}

static void test_size(void **state)
{
	static const struct {
		const char *in;
		int r;
		int64_t out;
	} cases[] = {
		{ "0", 0, 0 },
		{ "10240000", 0, 10240000 },
		{ "9223372036854775807", 0, INT64_MAX },
		{ "9223372036854775808", -ERANGE, -1 },
		{ "99999999999999999999999", -ERANGE, -1 },
		{ "", -EINVAL, -1 },
		{ "-1", -EINVAL, -1 },
		{ "1x", -EINVAL, -1 },
		{ " 1", -EINVAL, -1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int64_t got = -1;
		int r = smtp_size_parse(str_of(cases[i].in), &got);

		if (r != cases[i].r || got != cases[i].out)
			fail_msg("'%s': %d %lld", cases[i].in, r, (long long)got);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_notify),
		cmocka_unit_test(test_ret),
		cmocka_unit_test(test_orcpt),
		cmocka_unit_test(test_envid),
		cmocka_unit_test(test_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
