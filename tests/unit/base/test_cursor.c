/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of base/cursor.c: what fails consumes nothing.
 */
#include "base/cursor.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_walk(void **state)
{
	struct cursor c = cur_of(STR("FROM: <a@b>  12345x"));
	struct str s;
	uint64_t n = 0;

	(void)state;
	assert_false(cur_lit(&c, STR("from")));
	assert_true(cur_ilit(&c, STR("from")));
	assert_false(cur_char(&c, '<'));
	assert_true(cur_char(&c, ':'));
	assert_int_equal(cur_skip_ws(&c), 1);
	assert_int_equal(cur_peek(&c), '<');
	assert_true(cur_char(&c, '<'));
	assert_false(cur_token(&c, is_digit, 10, &s));
	assert_true(cur_token(&c, is_alpha, 10, &s));
	assert_true(str_eq(s, STR("a")));
	assert_false(cur_until(&c, '>', 1, &s));
	assert_true(cur_until(&c, '>', 2, &s));
	assert_true(str_eq(s, STR("@b")));
	assert_true(cur_lit(&c, STR(">")));
	assert_int_equal(cur_skip_ws(&c), 2);
	assert_false(cur_token(&c, is_digit, 4, &s));
	assert_false(cur_u64(&c, 12344, &n));
	assert_true(cur_u64(&c, 12345, &n));
	assert_int_equal(n, 12345);
	assert_false(cur_u64(&c, 99, &n));
	assert_true(str_eq(cur_rest(&c), STR("x")));
	assert_true(cur_char(&c, 'x'));
	assert_true(cur_at_end(&c));
	assert_int_equal(cur_peek(&c), -1);
	assert_false(cur_char(&c, 'x'));
	assert_false(cur_until(&c, 'x', 10, &s));
	assert_int_equal(cur_skip_ws(&c), 0);
}

static void test_overflow(void **state)
{
	struct cursor c = cur_of(STR("18446744073709551616"));
	uint64_t n = 0;

	(void)state;
	assert_false(cur_u64(&c, UINT64_MAX, &n));
	c = cur_of(STR("18446744073709551615"));
	assert_true(cur_u64(&c, UINT64_MAX, &n));
	assert_true(n == UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_walk),
		cmocka_unit_test(test_overflow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
