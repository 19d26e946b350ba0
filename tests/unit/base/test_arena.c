/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of base/arena.c: limits, clearing, hooks.
 */
#include "base/arena.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_objects(void **state)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	struct str s;
	int *numbers;

	(void)state;
	for (size_t i = 0; i < 3000; i++) {
		char *p = arena_alloc(a, i);

		assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
		for (size_t j = 0; j < i; j++)
			assert_int_equal(p[j], 0);
		memset(p, 'x', i);
	}
	numbers = arena_array(a, 1000, sizeof *numbers);
	assert_int_equal(numbers[999], 0);
	s = arena_str(a, str_from("a\0b", 3));
	assert_int_equal(s.len, 3);
	assert_memory_equal(s.ptr, "a\0b", 4);
	assert_string_equal(arena_cstr(a, STR_EMPTY), "");
	s = arena_fmt(a, "%d-%s", 42, "x");
	assert_int_equal(s.len, 4);
	assert_string_equal(s.ptr, "42-x");
}

static void test_limit(void **state)
{
	_cleanup_arena_ struct arena *a = arena_new(4096);

	(void)state;
	assert_null(arena_try(a, 4097));
	assert_null(arena_try(a, SIZE_MAX));
	assert_non_null(arena_try(a, 2048));
	assert_non_null(arena_try(a, 2048));
	assert_null(arena_try(a, 1));
	assert_int_equal(arena_used(a), 4096);
	arena_clear(a);
	assert_int_equal(arena_used(a), 0);
	assert_non_null(arena_try(a, 2048));
	arena_clear(a);
	arena_free(a);
	a = arena_new(4096);
	assert_non_null(arena_try(a, 4096));
}

static int the_order;

static void count(void *p)
{
	*(int *)p = ++the_order;
}

static void test_hooks(void **state)
{
	struct arena *a = arena_new(0);
	int first = 0;
	int second = 0;

	(void)state;
	the_order = 0;
	arena_on_free(a, count, &first);
	arena_on_free(a, count, &second);
	arena_clear(a);
	assert_int_equal(second, 1);
	assert_int_equal(first, 2);
	arena_clear(a);
	assert_int_equal(the_order, 2);
	arena_on_free(a, count, &first);
	arena_free(a);
	assert_int_equal(first, 3);
	arena_free(NULL);
}

/* Clearing keeps memory in use bounded whatever was there before. */
static void test_reuse(void **state)
{
	_cleanup_arena_ struct arena *a = arena_new((size_t)1024 * 1024);

	(void)state;
	for (int i = 0; i < 10000; i++) {
		memset(arena_alloc(a, 1000), 'y', 1000);
		if (i % 500 == 499)
			arena_clear(a);
	}
}

/* A block up to the size that may stay is used again; a larger one is given back. */
static void test_trim(void **state)
{
	_cleanup_arena_ struct arena *a = arena_new(10000);
	const void *first;

	(void)state;
	arena_trim(a, 0);
	first = arena_alloc(a, 9000);
	arena_trim(a, 9008);
	assert_int_equal(arena_used(a), 0);
	assert_null(arena_try(a, 9500)); /* the block counts */
	assert_ptr_equal(arena_alloc(a, 9000), first);
	arena_trim(a, 8999);
	assert_int_equal(arena_used(a), 0);
	assert_non_null(arena_try(a, 9500));
	arena_trim(a, 0);
	/* Of several the largest that may stay does. */
	first = arena_alloc(a, 500);
	(void)arena_alloc(a, 900);
	(void)arena_alloc(a, 6000);
	arena_trim(a, 1000);
	assert_int_equal(arena_used(a), 0);
	assert_ptr_equal(arena_alloc(a, 500), first);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_objects),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_hooks),
		cmocka_unit_test(test_reuse),
		cmocka_unit_test(test_trim),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
