/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of ipc/attr.c: bytes on the wire, order of reading, limits.
 */
#include "ipc/attr.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"

/* A stream that yields these bytes and then ends. */
static struct stream *stream_of(struct str bytes)
{
	int fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	assert_int_equal(fd_write_all(fd[1], bytes), 0);
	assert_int_equal(close(fd[1]), 0);
	return stream_new(fd[0]);
}

static void put_sample(struct buf *b, enum attr_enc enc)
{
	assert_int_equal(attr_put_str(b, enc, "s", STR("text")), 0);
	assert_int_equal(attr_put_int(b, enc, "i", -1), 0);
	assert_int_equal(attr_put_long(b, enc, "l", -1), 0);
	assert_int_equal(attr_put_data(b, enc, "d", str_from("\0\1\2", 3)), 0);
	assert_int_equal(attr_put_str(b, enc, "s", STR_EMPTY), 0);
	assert_int_equal(attr_put_end(b, enc), 0);
}

static void test_wire(void **state)
{
	_cleanup_buf_ struct buf nul = BUF(BUF_SMALL);
	_cleanup_buf_ struct buf plain = BUF(BUF_SMALL);
	_cleanup_buf_ struct buf b64 = BUF(BUF_SMALL);
	static const char nul_want[] = "s\0text\0i\0"
				       "4294967295\0l\0"
				       "18446744073709551615\0"
				       "d\0AAEC\0s\0\0";

	(void)state;
	put_sample(&nul, ATTR_NUL);
	assert_int_equal(nul.len, sizeof nul_want);
	assert_memory_equal(nul.ptr, nul_want, sizeof nul_want);
	put_sample(&plain, ATTR_PLAIN);
	assert_string_equal(buf_cstr(&plain),
		"s=text\ni=4294967295\nl=18446744073709551615\nd=AAEC\ns=\n\n");
	put_sample(&b64, ATTR_BASE64);
	assert_string_equal(buf_cstr(&b64),
		"cw==:dGV4dA==\naQ==:NDI5NDk2NzI5NQ==\n"
		"bA==:MTg0NDY3NDQwNzM3MDk1NTE2MTU=\nZA==:AAEC\ncw==:\n\n");
}

static void test_round_trip(void **state)
{
	static const enum attr_enc encs[] = { ATTR_NUL, ATTR_PLAIN, ATTR_BASE64 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(encs); i++) {
		_cleanup_buf_ struct buf b = BUF(BUF_SMALL);
		_cleanup_arena_ struct arena *a = arena_new(0);
		_cleanup_stream_ struct stream *s = NULL;
		struct attr_list l;
		struct str text;
		int number = 0;
		int64_t big = 0;

		put_sample(&b, encs[i]);
		s = stream_of(buf_str(&b));
		assert_int_equal(attr_list_read(s, encs[i], 1000, a, &l), 0);
		assert_int_equal(l.n, 5);
		assert_int_equal(attr_str(&l, "s", &text), 0);
		assert_true(str_eq(text, STR("text")));
		assert_int_equal(attr_str(&l, "none", &text), -ENOENT);
		assert_int_equal(attr_int(&l, "i", &number), 0);
		assert_int_equal(number, -1);
		assert_int_equal(attr_long(&l, "l", &big), 0);
		assert_int_equal(big, -1);
		assert_int_equal(attr_data(&l, "d", a, &text), 0);
		assert_true(str_eq(text, str_from("\0\1\2", 3)));
		assert_int_equal(attr_str(&l, "s", &text), 0);
		assert_int_equal(text.len, 0);
		assert_int_equal(attr_str(&l, "s", &text), -ENOENT);
		assert_int_equal(attr_list_read(s, encs[i], 1000, a, &l), -ENODATA);
	}
}

static void test_malformed(void **state)
{
	static const struct {
		enum attr_enc enc;
		struct str bytes;
		size_t limit;
		int want;
	} cases[] = {
		{ ATTR_NUL, { "", 0 }, 100, -ENODATA },
		{ ATTR_NUL, { "a", 1 }, 100, -EBADMSG },
		{ ATTR_NUL, { "a\0", 2 }, 100, -EBADMSG },
		{ ATTR_NUL, { "a\0b\0", 4 }, 100, -EBADMSG },
		{ ATTR_NUL, { "\0", 1 }, 100, 0 },
		{ ATTR_NUL, { "a\0b\0\0", 5 }, 5, 0 },
		{ ATTR_NUL, { "a\0bcd\0\0", 7 }, 4, -EMSGSIZE },
		{ ATTR_NUL, { "{\0k\0v\0}\0\0", 9 }, 100, 0 },
		{ ATTR_PLAIN, { "\n", 1 }, 100, 0 },
		{ ATTR_PLAIN, { "a=b=c\n\n", 7 }, 100, 0 },
		{ ATTR_PLAIN, { "ab\n\n", 4 }, 100, -EBADMSG },
		{ ATTR_PLAIN, { "=b\n\n", 4 }, 100, -EBADMSG },
		{ ATTR_PLAIN, { "a=b\n", 4 }, 100, -EBADMSG },
		{ ATTR_BASE64, { "YQ==:?\n\n", 8 }, 100, -EBADMSG },
		{ ATTR_BASE64, { "YQ==:\n\n", 7 }, 100, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		_cleanup_arena_ struct arena *a = arena_new(0);
		_cleanup_stream_ struct stream *s = stream_of(cases[i].bytes);
		struct attr_list l;
		int r = attr_list_read(s, cases[i].enc, cases[i].limit, a, &l);

		if (r != cases[i].want)
			fail_msg("case %zu: %d, not %d", i, r, cases[i].want);
	}
}

static void test_numbers(void **state)
{
	static const struct {
		const char *text;
		int want;
		int value;
		int want_long;
		int64_t value_long;
	} cases[] = {
		{ "0", 0, 0, 0, 0 },
		{ "-1", 0, -1, 0, -1 },
		{ "4294967295", 0, -1, 0, 4294967295 },
		{ "4294967296", -EBADMSG, 0, 0, 4294967296 },
		{ "-2147483648", 0, INT32_MIN, 0, INT32_MIN },
		{ "-2147483649", -EBADMSG, 0, 0, -2147483649 },
		{ "18446744073709551616", -EBADMSG, 0, -EBADMSG, 0 },
		{ "", -EBADMSG, 0, -EBADMSG, 0 },
		{ "12x", -EBADMSG, 0, -EBADMSG, 0 },
		{ "+1", -EBADMSG, 0, -EBADMSG, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct attr entry = { STR("n"), str_of(cases[i].text) };
		struct attr_list l = { .v = &entry, .n = 1 };
		int v = 0;
		int64_t big = 0;
		int r = attr_int(&l, "n", &v);

		if (r != cases[i].want || v != cases[i].value || l.pos != (r == 0 ? 1 : 0))
			fail_msg("int %s: %d %d", cases[i].text, r, v);
		l.pos = 0;
		r = attr_long(&l, "n", &big);
		if (r != cases[i].want_long || big != cases[i].value_long)
			fail_msg("long %s: %d %lld", cases[i].text, r, (long long)big);
	}
}

static void test_put_refusals(void **state)
{
	_cleanup_buf_ struct buf b = BUF(8);

	(void)state;
	assert_int_equal(attr_put_str(&b, ATTR_NUL, "n", str_from("a\0b", 3)), -EINVAL);
	assert_int_equal(attr_put_str(&b, ATTR_PLAIN, "n", STR("a\nb")), -EINVAL);
	assert_int_equal(attr_put_str(&b, ATTR_NUL, "n", STR("123456")), -EMSGSIZE);
	assert_int_equal(b.len, 0);
	assert_int_equal(attr_put_str(&b, ATTR_NUL, "n", STR("12345")), 0);
	assert_int_equal(attr_put_end(&b, ATTR_NUL), -EMSGSIZE);
}

static void test_greeting(void **state)
{
	_cleanup_buf_ struct buf b = BUF(BUF_SMALL);
	_cleanup_stream_ struct stream *s = NULL;

	(void)state;
	for (int i = 0; i < 2; i++)
		assert_int_equal(attr_put_greeting(&b, ATTR_NUL, "flush_protocol"), 0);
	s = stream_of(buf_str(&b));
	assert_int_equal(attr_expect_greeting(s, ATTR_NUL, "flush_protocol"), 0);
	assert_int_equal(attr_expect_greeting(s, ATTR_NUL, "flush_protoco"), -EPROTO);
	assert_int_equal(attr_expect_greeting(s, ATTR_NUL, "flush_protocol"), -ENODATA);
}

/* A list that the stream's buffer holds in part only, and one of many entries, come as the others do. */
static void test_lists_in_a_row(void **state)
{
	static const size_t first[] = { 0, 16000, 16380, 16384, 20000 };
	static char filler[20000];

	(void)state;
	memset(filler, 'x', sizeof(filler));
	for (size_t i = 0; i < ARRAY_LEN(first); i++) {
		_cleanup_buf_ struct buf b = BUF(BUF_SMALL);
		_cleanup_arena_ struct arena *a = arena_new(0);
		_cleanup_stream_ struct stream *s = NULL;
		struct attr_list l;
		struct str text;
		int number = 0;

		assert_int_equal(attr_put_str(&b, ATTR_NUL, "f", str_from(filler, first[i])), 0);
		assert_int_equal(attr_put_end(&b, ATTR_NUL), 0);
		for (int k = 0; k < 60; k++)
			assert_int_equal(attr_put_int(&b, ATTR_NUL, "number", k), 0);
		assert_int_equal(attr_put_end(&b, ATTR_NUL), 0);
		assert_int_equal(attr_put_str(&b, ATTR_NUL, "last", STR("one")), 0);
		assert_int_equal(attr_put_end(&b, ATTR_NUL), 0);
		s = stream_of(buf_str(&b));
		assert_int_equal(attr_list_read(s, ATTR_NUL, BUF_SMALL, a, &l), 0);
		assert_int_equal(attr_str(&l, "f", &text), 0);
		assert_int_equal(text.len, first[i]);
		assert_int_equal(attr_list_read(s, ATTR_NUL, BUF_SMALL, a, &l), 0);
		assert_int_equal(l.n, 60);
		for (int k = 0; k < 60; k++) {
			assert_int_equal(attr_int(&l, "number", &number), 0);
			assert_int_equal(number, k);
		}
		assert_int_equal(attr_list_read(s, ATTR_NUL, BUF_SMALL, a, &l), 0);
		assert_int_equal(attr_str(&l, "last", &text), 0);
		assert_string_equal(text.ptr, "one");
	}
}

/* A peer cannot make a list of more than ATTR_MAX entries, nor fill the arena past its limit. */
static void test_bounds(void **state)
{
	_cleanup_buf_ struct buf b = BUF(BUF_SMALL);
	_cleanup_arena_ struct arena *small = arena_new(1024);
	_cleanup_stream_ struct stream *s = NULL;
	struct attr_list l;

	(void)state;
	for (size_t i = 0; i <= ATTR_MAX; i++)
		assert_int_equal(attr_put_str(&b, ATTR_NUL, "n", STR("v")), 0);
	s = stream_of(buf_str(&b));
	assert_int_equal(attr_list_read(s, ATTR_NUL, BUF_SMALL, small, &l), -EMSGSIZE);
	stream_free(s);
	s = stream_of(buf_str(&b));
	arena_free(small);
	small = arena_new(0);
	assert_int_equal(attr_list_read(s, ATTR_NUL, BUF_SMALL, small, &l), -EMSGSIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wire),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_put_refusals),
		cmocka_unit_test(test_greeting),
		cmocka_unit_test(test_lists_in_a_row),
		cmocka_unit_test(test_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
