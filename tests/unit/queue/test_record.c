/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of queue/record.c: bytes of records, limits, size record, attributes.
 */
#include "queue/record.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct str repeat(struct buf *b, char c, size_t n)
{
	while (n-- > 0)
		buf_putc(b, c);
	return buf_str(b);
}

static void test_lengths(void **state)
{
	static const struct {
		size_t len;
		struct str head;
	} cases[] = {
		{ 0, { "N\x00", 2 } },
		{ 1, { "N\x01", 2 } },
		{ 127, { "N\x7f", 2 } },
		{ 128, { "N\x80\x01", 3 } },
		{ 300, { "N\xac\x02", 3 } },
		{ 16383, { "N\xff\x7f", 3 } },
		{ 16384, { "N\x80\x80\x01", 4 } },
		{ 2097151, { "N\xff\xff\x7f", 4 } },
		{ 2097152, { "N\x80\x80\x80\x01", 5 } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		_cleanup_buf_ struct buf data = BUF(BUF_MEDIUM);
		_cleanup_buf_ struct buf b = BUF(BUF_MEDIUM);
		struct str s = repeat(&data, 'x', cases[i].len);
		struct str got;
		int type;

		assert_int_equal(rec_put(&b, REC_NORM, s), 0);
		if (!str_starts(buf_str(&b), cases[i].head) ||
			b.len != cases[i].head.len + cases[i].len)
			fail_msg("length %zu", cases[i].len);
		if (rec_get(buf_str(&b), 0, &type, &got) != (ssize_t)b.len || type != 'N' ||
			!str_eq(got, s))
			fail_msg("decode length %zu", cases[i].len);
	}
}

static void test_put_limit(void **state)
{
	_cleanup_buf_ struct buf b = BUF(10);

	(void)state;
	assert_int_equal(rec_put(&b, REC_NORM, STR("12345678")), 0);
	assert_int_equal(rec_put(&b, REC_END, STR_EMPTY), -EMSGSIZE);
	assert_int_equal(b.len, 10);
	buf_clear(&b);
	assert_int_equal(rec_put(&b, REC_NORM, STR("123456789")), -EMSGSIZE);
	assert_int_equal(b.len, 0);
	assert_int_equal(rec_put_line(&b, STR("12345678"), 4), -EMSGSIZE);
	assert_int_equal(b.len, 0);
	assert_int_equal(rec_put(&b, REC_NORM, str_from("", (size_t)REC_MAX + 1)), -EMSGSIZE);
}

static void test_get(void **state)
{
	static const struct {
		struct str in;
		size_t max;
		ssize_t want;
	} cases[] = {
		{ { "", 0 }, 0, 0 },
		{ { "N", 1 }, 0, 0 },
		{ { "N\x80", 2 }, 0, 0 },
		{ { "N\x02x", 3 }, 0, 0 },
		{ { "N\x02xy", 4 }, 0, 4 },
		{ { "N\x02xyE", 5 }, 2, 4 },
		{ { "N\x02xy", 4 }, 1, -EMSGSIZE },
		{ { "N\x7f", 2 }, 126, -EMSGSIZE },
		{ { "\0\x00", 2 }, 0, -EBADMSG },
		{ { "N\x80\x80\x80\x80", 5 }, 0, -EBADMSG },
		{ { "N\x80\x80\x80\x80\x00", 6 }, 0, -EBADMSG },
		{ { "N\x82\x80\x80\x00xy", 7 }, 0, 7 },
		{ { "\xff\x00", 2 }, 0, 2 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct str data;
		int type;
		ssize_t r = rec_get(cases[i].in, cases[i].max, &type, &data);

		if (r != cases[i].want)
			fail_msg("case %zu: %zd", i, r);
	}
}

static void test_line(void **state)
{
	static const struct {
		struct str line;
		struct str want;
	} cases[] = {
		{ { "", 0 }, { "N\x00", 2 } },
		{ { "abcd", 4 }, { "N\x04"
				   "abcd",
					 6 } },
		{ { "abcde", 5 }, { "L\x04"
				    "abcdN\x01"
				    "e",
					  9 } },
		{ { "abcdefgh", 8 }, { "L\x04"
				       "abcdN\x04"
				       "efgh",
					     12 } },
		{ { "abcdefghi", 9 }, { "L\x04"
					"abcdL\x04"
					"efghN\x01i",
					      15 } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		_cleanup_buf_ struct buf b = BUF(BUF_SMALL);

		assert_int_equal(rec_put_line(&b, cases[i].line, 4), 0);
		if (!str_eq(buf_str(&b), cases[i].want))
			fail_msg("case %zu", i);
	}
}

static void test_size_record(void **state)
{
	static const char bytes[] = "C\x5f"
				    "            317             395               2 "
				    "             12             317               0";
	const struct rec_size s = { 317, 395, 2, 12, 317, 0 };
	_cleanup_buf_ struct buf b = BUF(BUF_SMALL);
	struct rec_size got;

	(void)state;
	rec_put_size(&b, &s);
	assert_int_equal(b.len, 97);
	assert_string_equal(buf_cstr(&b), bytes);
	assert_int_equal(rec_parse_size(str_skip(buf_str(&b), 2), &got), 0);
	assert_memory_equal(&got, &s, sizeof(s));
}

static void test_parse_size(void **state)
{
	static const struct {
		const char *text;
		int want;
		struct rec_size size;
	} cases[] = {
		{ "1 2 3", 0, { 1, 2, 3, 0, 1, 0 } },
		{ "1 2 3 30 0 1", 0, { 1, 2, 3, 30, 1, 1 } },
		{ "1 2 3 31 4 255", 0, { 1, 2, 3, 31, 4, 63 } },
		{ "1 2 3 x", 0, { 1, 2, 3, 0, 1, 0 } },
		{ "17", 1, { 17, 0, 0, 0, 17, 0 } },
		{ "1 2 3 32", -EBADMSG, { 0 } },
		{ "1 2 3 0 -1", -EBADMSG, { 0 } },
		{ "1 0 3", -EBADMSG, { 0 } },
		{ "0 2 3", -EBADMSG, { 0 } },
		{ "1 2", -EBADMSG, { 0 } },
		{ "0", -EBADMSG, { 0 } },
		{ "", -EBADMSG, { 0 } },
		{ "x", -EBADMSG, { 0 } },
		{ "99999999999999999999 2 3", -EBADMSG, { 0 } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct rec_size got = { 0 };
		int r = rec_parse_size(str_of(cases[i].text), &got);

		if (r != cases[i].want || memcmp(&got, &cases[i].size, sizeof(got)) != 0)
			fail_msg("case \"%s\": %d", cases[i].text, r);
	}
}

static void test_attr(void **state)
{
	static const struct {
		const char *text;
		int want;
		const char *name;
		const char *value;
	} cases[] = {
		{ "a=b", 0, "a", "b" },
		{ "a = b c ", 0, "a", "b c" },
		{ " a=b=c", 0, "a", "b=c" },
		{ "a=", 0, "a", "" },
		{ "=b", -EINVAL, "", "" },
		{ "a", -EINVAL, "", "" },
		{ "a b=c", -EINVAL, "", "" },
		{ "", -EINVAL, "", "" },
	};
	_cleanup_buf_ struct buf b = BUF(BUF_SMALL);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct str name = STR_EMPTY;
		struct str value = STR_EMPTY;
		int r = rec_attr_split(str_of(cases[i].text), &name, &value);

		if (r != cases[i].want || !str_eq(name, str_of(cases[i].name)) ||
			!str_eq(value, str_of(cases[i].value)))
			fail_msg("case \"%s\": %d", cases[i].text, r);
	}
	assert_int_equal(rec_put_attr(&b, "create_time", STR("1795247613")), 0);
	assert_int_equal(rec_putf(&b, REC_WARN, "%15d", -1), 0);
	assert_string_equal(buf_cstr(&b), "A\x16"
					  "create_time=1795247613W\x0f             -1");
}

static void test_ptr_and_names(void **state)
{
	int64_t v = 7;

	(void)state;
	assert_int_equal(rec_parse_ptr(STR("            395"), &v), 0);
	assert_int_equal(v, 395);
	assert_int_equal(rec_parse_ptr(STR(" 0"), &v), 0);
	assert_int_equal(v, 0);
	assert_int_equal(rec_parse_ptr(STR("-1"), &v), -EBADMSG);
	assert_int_equal(rec_parse_ptr(STR("1x"), &v), -EBADMSG);
	assert_int_equal(rec_parse_ptr(STR(""), &v), -EBADMSG);
	assert_string_equal(rec_type_name('C'), "message_size");
	assert_string_equal(rec_type_name('/'), "canceled_recipient");
	assert_null(rec_type_name('?'));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_put_limit),
		cmocka_unit_test(test_get),
		cmocka_unit_test(test_line),
		cmocka_unit_test(test_size_record),
		cmocka_unit_test(test_parse_size),
		cmocka_unit_test(test_attr),
		cmocka_unit_test(test_ptr_and_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
