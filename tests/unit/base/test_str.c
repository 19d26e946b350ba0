/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of base/str.c.
 */
#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static int sign(int v)
{
	return (v > 0) - (v < 0);
}

static void test_compare(void **state)
{
	static const struct {
		const char *a;
		const char *b;
		int cmp;
		int icmp;
	} cases[] = {
		{ "", "", 0, 0 },
		{ "a", "", 1, 1 },
		{ "a", "b", -1, -1 },
		{ "a", "A", 1, 0 },
		{ "ab", "AB", 1, 0 },
		{ "ab", "abc", -1, -1 },
		{ "[", "a", -1, -1 },
		{ "\xe4", "a", 1, 1 },
		{ "\xc4", "\xe4", -1, -1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct str a = str_of(cases[i].a);
		struct str b = str_of(cases[i].b);

		if (sign(str_cmp(a, b)) != cases[i].cmp || sign(str_icmp(a, b)) != cases[i].icmp ||
			str_ieq(a, b) != (cases[i].icmp == 0) ||
			str_eq(a, b) != (cases[i].cmp == 0))
			fail_msg("\"%s\" and \"%s\"", cases[i].a, cases[i].b);
	}
	assert_false(str_eq(str_from("a\0b", 3), str_from("a\0c", 3)));
	assert_true(str_eq(str_of(NULL), STR_EMPTY));
}

static void test_parts(void **state)
{
	struct str s = STR("Foo.Bar.baz");

	(void)state;
	assert_true(str_starts(s, STR("Foo")));
	assert_false(str_starts(s, STR("foo")));
	assert_true(str_istarts(s, STR("fOO.")));
	assert_false(str_istarts(STR("fo"), STR("foo")));
	assert_true(str_ends(s, STR(".baz")));
	assert_false(str_ends(s, STR(".Baz")));
	assert_true(str_iends(s, STR(".Baz")));
	assert_false(str_iends(STR("az"), STR("baz")));
	assert_true(str_starts(s, STR_EMPTY) && str_ends(s, STR_EMPTY));
	assert_int_equal(str_chr(s, '.'), 3);
	assert_int_equal(str_rchr(s, '.'), 7);
	assert_int_equal(str_chr(s, '!'), -1);
	assert_int_equal(str_rchr(STR_EMPTY, '.'), -1);
	assert_int_equal(str_find(s, STR("Bar")), 4);
	assert_int_equal(str_find(s, STR("bar")), -1);
	assert_int_equal(str_find(s, STR_EMPTY), 0);
	assert_int_equal(str_find(STR("a"), STR("ab")), -1);
	assert_true(str_eq(str_skip(s, 8), STR("baz")));
	assert_int_equal(str_skip(s, 100).len, 0);
	assert_true(str_eq(str_head(s, 3), STR("Foo")));
	assert_int_equal(str_head(s, 100).len, s.len);
}

static void test_trim_and_classes(void **state)
{
	(void)state;
	assert_true(str_eq(str_trim(STR(" \t\r\n\v\fa b \n")), STR("a b")));
	assert_true(str_eq(str_rtrim(STR(" a ")), STR(" a")));
	assert_int_equal(str_trim(STR("  ")).len, 0);
	assert_true(str_has_8bit(STR("a\x80")));
	assert_false(str_has_8bit(STR("a\x7f")));
	assert_true(str_all_digits(STR("0123456789")));
	assert_false(str_all_digits(STR("12a")));
	assert_false(str_all_digits(STR_EMPTY));
	for (int c = 0; c < 256; c++) {
		unsigned char u = (unsigned char)c;
		bool alpha = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

		if (is_alpha(u) != alpha || is_alnum(u) != (alpha || is_digit(u)) ||
			ascii_upper(ascii_lower(u)) != (alpha ? ascii_upper(u) : u))
			fail_msg("byte %d", c);
	}
}

static void test_words(void **state)
{
	struct str rest = STR(",, one two,,three ");
	struct str w;

	(void)state;
	assert_true(str_word(&rest, ", ", &w));
	assert_true(str_eq(w, STR("one")));
	assert_true(str_word(&rest, ", ", &w));
	assert_true(str_eq(w, STR("two")));
	assert_true(str_word(&rest, ", ", &w));
	assert_true(str_eq(w, STR("three")));
	assert_false(str_word(&rest, ", ", &w));
	assert_false(str_word(&rest, ", ", &w));
	rest = str_from("a\0b", 3);
	assert_true(str_word(&rest, ",", &w));
	assert_int_equal(w.len, 3);
}

static void test_dup(void **state)
{
	char *p = str_dup(str_from("a\0b", 3));

	(void)state;
	assert_memory_equal(p, "a\0b", 4);
	free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_compare),
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_trim_and_classes),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_dup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
