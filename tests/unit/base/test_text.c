/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of base/text.c.
 */
#include "base/text.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_utf8(void **state)
{
	static const struct {
		const char *s;
		bool valid;
	} cases[] = {
		{ "", true },
		{ "a", true },
		{ "\xc3\xa4", true },
		{ "\xe2\x82\xac", true },
		{ "\xf0\x9f\x98\x80", true },
		{ "\xf4\x8f\xbf\xbf", true },
		{ "\xf4\x90\x80\x80", false },
		{ "\xf5\x80\x80\x80", false },
		{ "\xc0\x80", false },
		{ "\xc1\xbf", false },
		{ "\xe0\x9f\xbf", false },
		{ "\xe0\xa0\x80", true },
		{ "\xed\x9f\xbf", true },
		{ "\xed\xa0\x80", false },
		{ "\xf0\x8f\xbf\xbf", false },
		{ "\xc3", false },
		{ "\xe2\x82", false },
		{ "\x80", false },
		{ "\xc3\x28", false },
		{ "\xe2\x82\x28", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		if (utf8_is_valid(str_of(cases[i].s)) != cases[i].valid)
			fail_msg("case %zu", i);
	}
	assert_true(utf8_is_valid(str_from("\0", 1)));
}

static void test_printable(void **state)
{
	static const struct {
		const char *in;
		const char *ascii;
		const char *utf8;
	} cases[] = {
		{ "plain ~", "plain ~", "plain ~" },
		{ "a\tb\n\x7f", "a?b??", "a?b??" },
		{ "\xc3\xa4x", "??x", "\xc3\xa4x" },
		{ "\xc2\x85", "??", "??" },
		{ "\xc2\xa0", "??", "\xc2\xa0" },
		{ "\xff\xc3", "??", "??" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		_cleanup_buf_ struct buf b = BUF(BUF_SMALL);
		char copy[32];

		text_printable(&b, str_of(cases[i].in), false);
		assert_string_equal(buf_cstr(&b), cases[i].ascii);
		buf_clear(&b);
		text_printable(&b, str_of(cases[i].in), true);
		assert_string_equal(buf_cstr(&b), cases[i].utf8);
		memcpy(copy, cases[i].in, strlen(cases[i].in) + 1);
		text_printable_cstr(copy, true);
		assert_string_equal(copy, cases[i].utf8);
	}
}

static void test_limits(void **state)
{
	_cleanup_buf_ struct buf b = BUF(3);

	(void)state;
	text_printable(&b, STR("a\xc3\xa4\xc3\xa4"), true);
	assert_string_equal(buf_cstr(&b), "a\xc3\xa4");
	buf_clear(&b);
	text_printable(&b, STR("abcd"), true);
	assert_string_equal(buf_cstr(&b), "abc");
	buf_clear(&b);
	text_escape(&b, STR("\r\n"));
	assert_string_equal(buf_cstr(&b), "\\r");
	buf_clear(&b);
	assert_int_equal(text_lower(&b, STR("ABCD")), -EMSGSIZE);
	assert_int_equal(text_lower(&b, STR("A\xc4Z")), 0);
	assert_string_equal(buf_cstr(&b), "a\xc4z");
}

static void test_escape(void **state)
{
	_cleanup_buf_ struct buf b = BUF(BUF_SMALL);

	(void)state;
	text_escape(&b, str_from("a\\\r\n\t\0\x80~", 8));
	assert_string_equal(buf_cstr(&b), "a\\\\\\r\\n\\t\\000\\200~");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_utf8),
		cmocka_unit_test(test_printable),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_escape),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
