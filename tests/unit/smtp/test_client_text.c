/* SPDX-License-Identifier: Apache-2.0 */
/* Content on its way out: lengths as Postfix 3.7.11 breaks them, nothing that could end the data. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "smtp/client_text.h"

static void expect(size_t limit, const char *const *lines, const char *want, bool broke)
{
	struct buf b = BUF(BUF_SMALL);
	struct smtp_text t;

	smtp_text_init(&t, limit);
	/* A line that ends in '\' continues in the next one. */
	for (; *lines != NULL; lines++) {
		struct str s = str_of(*lines);
		bool partial = str_ends(s, STR("\\"));

		if (partial)
			s.len--;
		assert_int_equal(smtp_text_line(&t, &b, s, partial), 0);
	}
	assert_int_equal(smtp_text_end(&t, &b), 0);
	if (!str_eq(buf_str(&b), str_of(want)))
		fail_msg("got %s, want %s", buf_cstr(&b), want);
	assert_int_equal(t.broke, broke);
	buf_done(&b);
}

#define LINES(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void test_lines(void **state)
{
	(void)state;
	expect(0, LINES("a", "", "b"), "a\r\n\r\nb\r\n", false);
	expect(0, LINES(".", "..", ".x", "x.", " ."), "..\r\n...\r\n..x\r\nx.\r\n .\r\n", false);
	expect(0, LINES("a\\", ".b", "\\", ".c"), "a.b\r\n..c\r\n", false);
	expect(0, LINES("open\\"), "open\r\n", false);
	expect(0, LINES("a\r", "b\nc", "\r.\r"), "a \r\nb c\r\n . \r\n", false);
}

static void test_breaks(void **state)
{
	(void)state;
	expect(5, LINES("12345"), "12345\r\n", false);
	expect(5, LINES("123456"), "12345\r\n 6\r\n", true);
	expect(5, LINES("1234567890"), "12345\r\n 6789\r\n 0\r\n", true);
	expect(5, LINES("123456789"), "12345\r\n 6789\r\n", true);
	expect(5, LINES("123\\", "456"), "12345\r\n 6\r\n", true);
	expect(5, LINES(".2345.7"), "..2345\r\n .7\r\n", true);
	/* Not inside a character. */
	expect(5, LINES("1234\xc3\xa4"), "1234\r\n \xc3\xa4\r\n", true);
	expect(5,
		LINES("123\xe2\x82\xac"
		      "4"),
		"123\r\n \xe2\x82\xac"
		"4\r\n",
		true);
	expect(5, LINES("12\xf0\x9f\x98\x80"), "12\r\n \xf0\x9f\x98\x80\r\n", true);
	/* Garbage is broken anywhere. */
	expect(5, LINES("\x80\x80\x80\x80\x80\x80"), "\x80\x80\x80\x80\x80\r\n \x80\r\n", true);
}

/* Wherever it stands in lines of any length. */
static void test_controls(void **state)
{
	static const char controls[] = { '\r', '\n', '\0', '\t', '\v', 1, 14 };
	char line[41];

	(void)state;
	for (size_t len = 1; len <= 40; len++) {
		for (size_t at = 0; at < len * ARRAY_LEN(controls); at++) {
			char c = controls[at / len];
			struct buf b = BUF(BUF_SMALL);
			struct smtp_text t;

			memset(line, 'a', len);
			line[at % len] = c;
			smtp_text_init(&t, 0);
			assert_int_equal(smtp_text_line(&t, &b, str_from(line, len), false), 0);
			if (c == '\r' || c == '\n' || c == '\0')
				line[at % len] = ' ';
			assert_int_equal(b.len, len + 2);
			assert_memory_equal(b.ptr, line, len);
			assert_memory_equal(b.ptr + len, "\r\n", 2);
			buf_done(&b);
		}
	}
}

static void test_nul_and_limit(void **state)
{
	struct buf b = BUF(8);
	struct smtp_text t;

	(void)state;
	smtp_text_init(&t, 0);
	assert_int_equal(smtp_text_line(&t, &b, STR("a\0b"), false), 0);
	assert_memory_equal(b.ptr, "a b\r\n", 5);
	assert_int_equal(smtp_text_line(&t, &b, STR("xyz"), false), -EMSGSIZE);
	buf_done(&b);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_breaks),
		cmocka_unit_test(test_controls),
		cmocka_unit_test(test_nul_and_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
