/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of intake/dups.c: what was there, growth, limits.
 */
#include "rig.h"

static struct str numbered(char *text, size_t size, int i)
{
	(void)snprintf(text, size, "%d@example.test", i);
	return str_of(text);
}

static void test_growth(void **state)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	struct dups d = { 0 };
	char text[100];

	(void)state;
	for (int i = 0; i < 5000; i++) {
		assert_true(dups_add(&d, a, numbered(text, sizeof(text), i), 0));
		assert_false(dups_add(&d, a, numbered(text, sizeof(text), i / 2), 0));
	}
	assert_int_equal(d.n, 5000);
	/* Bytes are bytes: NUL and the empty key too. */
	assert_true(dups_add(&d, a, str_from("a\0b", 3), 0));
	assert_true(dups_add(&d, a, str_from("a\0c", 3), 0));
	assert_false(dups_add(&d, a, str_from("a\0b", 3), 0));
	assert_true(dups_add(&d, a, STR_EMPTY, 0));
	assert_false(dups_add(&d, a, STR_EMPTY, 0));
}

/* At the limit, and past it: what is not remembered is new each time. */
static void test_limit(void **state)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	struct dups d = { 0 };

	(void)state;
	assert_true(dups_add(&d, a, STR("a"), 2));
	assert_true(dups_add(&d, a, STR("b"), 2));
	assert_true(dups_add(&d, a, STR("c"), 2));
	assert_true(dups_add(&d, a, STR("c"), 2));
	assert_false(dups_add(&d, a, STR("a"), 2));
	assert_false(dups_add(&d, a, STR("b"), 2));
	assert_int_equal(d.n, 2);
}

/* Long recipients without end do not take memory without end. */
static void test_bytes(void **state)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	_cleanup_buf_ struct buf long_key = BUF(BUF_MEDIUM);
	struct dups d = { 0 };
	int n = 0;

	(void)state;
	for (size_t i = 0; i < BUF_MEDIUM; i++)
		buf_putc(&long_key, 'x');
	for (; d.bytes + BUF_MEDIUM < DUPS_MAX_BYTES; n++) {
		(void)snprintf(long_key.ptr, 16, "%d", n);
		assert_true(dups_add(&d, a, buf_str(&long_key), 0));
	}
	assert_int_equal(n, 15);
	(void)snprintf(long_key.ptr, 16, "%d", n);
	assert_true(dups_add(&d, a, buf_str(&long_key), 0));
	assert_true(dups_add(&d, a, buf_str(&long_key), 0));
	(void)snprintf(long_key.ptr, 16, "%d", n - 1);
	assert_false(dups_add(&d, a, buf_str(&long_key), 0));
	assert_true(dups_add(&d, a, STR("short"), 0));
	assert_false(dups_add(&d, a, STR("short"), 0));
	assert_true(arena_used(a) < DUPS_MAX_BYTES + 4096);
}

RIG_MAIN(cmocka_unit_test(test_growth), cmocka_unit_test(test_limit), cmocka_unit_test(test_bytes));
