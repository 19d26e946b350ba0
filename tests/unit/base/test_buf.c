/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of base/buf.c: growth, limits, formatting.
 */
#include "base/buf.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_append(void **state)
{
	_cleanup_buf_ struct buf b = BUF(BUF_SMALL);

	(void)state;
	assert_string_equal(buf_cstr(&b), "");
	assert_int_equal(buf_adds(&b, "ab"), 0);
	assert_int_equal(buf_addc(&b, 'c'), 0);
	assert_int_equal(buf_add(&b, str_from("\0d", 2)), 0);
	assert_int_equal(b.len, 5);
	assert_memory_equal(b.ptr, "abc\0d", 6);
	buf_truncate(&b, 3);
	buf_consume(&b, 1);
	assert_string_equal(buf_cstr(&b), "bc");
	buf_consume(&b, 2);
	assert_int_equal(b.len, 0);
	for (int i = 0; i < 1000; i++)
		buf_putf(&b, "%03d,", i);
	assert_int_equal(b.len, 4000);
	assert_memory_equal(b.ptr + 3992, "998,999,", 9);
	buf_clear(&b);
	assert_string_equal(buf_cstr(&b), "");
}

static void test_trim(void **state)
{
	_cleanup_buf_ struct buf b = BUF(BUF_SMALL);
	size_t cap;

	(void)state;
	buf_trim(&b, 0);
	for (int i = 0; i < 1000; i++)
		buf_putc(&b, 'x');
	cap = b.cap;
	buf_trim(&b, cap);
	assert_string_equal(buf_cstr(&b), "");
	assert_int_equal(b.cap, cap);
	buf_putc(&b, 'y');
	buf_trim(&b, cap - 1);
	assert_int_equal(b.cap, 0);
	buf_putc(&b, 'z');
	assert_string_equal(buf_cstr(&b), "z");
}

static void test_limit(void **state)
{
	_cleanup_buf_ struct buf b = BUF(5);

	(void)state;
	assert_int_equal(buf_add(&b, STR("123456")), -EMSGSIZE);
	assert_int_equal(buf_addf(&b, "%d", 123456), -EMSGSIZE);
	assert_string_equal(buf_cstr(&b), "");
	assert_int_equal(buf_addf(&b, "%d", 12345), 0);
	assert_int_equal(buf_addc(&b, '6'), -EMSGSIZE);
	assert_int_equal(buf_addf(&b, "%s", ""), 0);
	assert_int_equal(buf_reserve(&b, 1), -EMSGSIZE);
	assert_int_equal(buf_reserve(&b, SIZE_MAX), -EMSGSIZE);
	assert_string_equal(buf_cstr(&b), "12345");
}

/* Room on the stack: full to the last byte, one past it, taken, emptied and used again. */
static void test_local(void **state)
{
	char text[BUF_LOCAL_ROOM + 1];

	(void)state;
	memset(text, 'x', sizeof text);
	for (size_t n = 0; n <= BUF_LOCAL_ROOM; n++) {
		_cleanup_buf_ struct buf b = BUF_LOCAL(BUF_SMALL);
		const char *room = b.ptr;
		char *p;

		assert_int_equal(buf_add(&b, str_from(text, n)), 0);
		assert_true((b.ptr == room) == (n < BUF_LOCAL_ROOM));
		assert_true(b.local == (n < BUF_LOCAL_ROOM));
		assert_int_equal(strlen(b.ptr), n);
		p = buf_take(&b);
		assert_int_equal(strlen(p), n);
		assert_ptr_not_equal(p, room);
		free(p);
		assert_string_equal(buf_cstr(&b), "");
		buf_putf(&b, "%s", "again");
		assert_string_equal(buf_cstr(&b), "again");
		assert_false(b.local);
	}
}

/* A limit below the room is kept, also by formatted text. */
static void test_local_limit(void **state)
{
	_cleanup_buf_ struct buf b = BUF_LOCAL(5);
	_cleanup_buf_ struct buf none = BUF_LOCAL(0);

	(void)state;
	assert_int_equal(buf_addf(&b, "%d", 123456), -EMSGSIZE);
	assert_int_equal(buf_addf(&b, "%d", 12345), 0);
	assert_int_equal(buf_addc(&b, '6'), -EMSGSIZE);
	assert_string_equal(buf_cstr(&b), "12345");
	assert_true(b.local);
	assert_int_equal(buf_addc(&none, 'a'), -EMSGSIZE);
	assert_int_equal(buf_addf(&none, "%s", ""), 0);
}

/* The sizes where the first allocation is just full. */
static void test_edges(void **state)
{
	(void)state;
	for (size_t n = 60; n < 70; n++) {
		_cleanup_buf_ struct buf b = BUF(n);
		_cleanup_buf_ struct buf f = BUF(n);

		for (size_t i = 0; i < n; i++)
			buf_putc(&b, 'x');
		if (buf_addc(&b, 'x') != -EMSGSIZE || b.len != n)
			fail_msg("size %zu", n);
		buf_putf(&f, "%*s", (int)n, "x");
		if (f.len != n || f.ptr[n] != '\0')
			fail_msg("formatted size %zu", n);
	}
}

static void test_take(void **state)
{
	struct buf b = BUF(BUF_SMALL);
	char *s = buf_take(&b);

	(void)state;
	assert_string_equal(s, "");
	free(s);
	buf_puts(&b, "text");
	s = buf_take(&b);
	assert_string_equal(s, "text");
	assert_int_equal(b.len, 0);
	free(s);
	buf_puts(&b, "again");
	buf_done(&b);
	assert_string_equal(buf_cstr(&b), "");
	buf_done(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_append),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_trim),
		cmocka_unit_test(test_local),
		cmocka_unit_test(test_local_limit),
		cmocka_unit_test(test_edges),
		cmocka_unit_test(test_take),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
