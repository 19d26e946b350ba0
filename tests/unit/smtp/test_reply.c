/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of smtp/reply.c (threats P5).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "smtp/reply.h"

static void test_dsn(void **state)
{
	static const struct {
		const char *in;
		size_t used;
		unsigned class, subject, detail;
	} cases[] = {
		{ "5.7.1", 5, 5, 7, 1 },
		{ "5.7.1 text", 5, 5, 7, 1 },
		{ "2.0.0\tx", 5, 2, 0, 0 },
		{ "4.123.999 x", 9, 4, 123, 999 },
		{ "4.1234.9 x", 0, 0, 0, 0 },
		{ "4.1.2345", 0, 0, 0, 0 },
		{ "3.0.0", 0, 0, 0, 0 },
		{ "1.0.0", 0, 0, 0, 0 },
		{ "5.7", 0, 0, 0, 0 },
		{ "5.7.", 0, 0, 0, 0 },
		{ "5..1", 0, 0, 0, 0 },
		{ "5.7.1x", 0, 0, 0, 0 },
		{ "", 0, 0, 0, 0 },
		{ " 5.7.1", 0, 0, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct dsn_code d = { 0 };
		size_t n = dsn_code_parse(str_of(cases[i].in), &d);

		if (n != cases[i].used || d.class != cases[i].class ||
			d.subject != cases[i].subject || d.detail != cases[i].detail)
			fail_msg("'%s': %zu %u.%u.%u", cases[i].in, n, d.class, d.subject,
				d.detail);
	}
}

/* Feed lines; returns the code, 0 when it did not complete. */
static int feed(struct smtp_reply *r, const char *const *lines)
{
	for (; *lines != NULL; lines++) {
		int n = smtp_reply_line(r, str_of(*lines));

		if (n == 1)
			return r->code;
	}
	return 0;
}

static void test_replies(void **state)
{
	static const struct {
		const char *lines[6];
		int code;
		const char *dsn;
		const char *text;
	} cases[] = {
		{ { "250 2.1.0 Ok" }, 250, "2.1.0", "250 2.1.0 Ok" },
		{ { "250 2.1.0 Ok\r" }, 250, "2.1.0", "250 2.1.0 Ok" },
		{ { "250" }, 250, "2.0.0", "250" },
		{ { "250 " }, 250, "2.0.0", "250 " },
		{ { "250 5.1.1 liar" }, 250, "2.0.0", "250 5.1.1 liar" },
		{ { "550 no code" }, 550, "5.0.0", "550 no code" },
		{ { "550-5.1.1 a", "550 5.1.2 b" }, 550, "5.1.2", "550-5.1.1 a\n550 5.1.2 b" },
		{ { "550-5.1.1 a", "450 b" }, 450, "4.0.0", "550-5.1.1 a\n450 b" },
		{ { "550-5.1.1 stale", "550 plain" }, 550, "5.0.0", "550-5.1.1 stale\n550 plain" },
		{ { "garbage", "25", "2x0 a", "220 hi" }, 220, "2.0.0",
			"garbage\n25\n2x0 a\n220 hi" },
		{ { "250-a", "junk", "250 b" }, 250, "2.0.0", "250-a\njunk\n250 b" },
		{ { "250x" }, 0, "0.0.0", "250x" },
		{ { "" }, 0, "0.0.0", "" },
		{ { "250-a", "250-b" }, 0, "0.0.0", "250-a\n250-b" },
		{ { "999 x" }, 999, "9.0.0", "999 x" },
	};
	struct smtp_reply r;

	(void)state;
	smtp_reply_init(&r);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		_cleanup_buf_ struct buf dsn = BUF(100);
		int code;

		smtp_reply_clear(&r);
		code = feed(&r, cases[i].lines);
		dsn_code_format(&dsn, r.dsn);
		if (code != cases[i].code || strcmp(buf_cstr(&dsn), cases[i].dsn) != 0 ||
			strcmp(buf_cstr(&r.text), cases[i].text) != 0)
			fail_msg("case %zu: %d %s '%s'", i, code, buf_cstr(&dsn),
				buf_cstr(&r.text));
	}
	smtp_reply_done(&r);
}

static void test_many_lines(void **state)
{
	struct smtp_reply r;

	(void)state;
	smtp_reply_init(&r);
	for (size_t i = 0; i < 3 * SMTP_REPLY_LINES; i++)
		assert_int_equal(smtp_reply_line(&r, STR("250-x")), 0);
	assert_int_equal(smtp_reply_line(&r, STR("550 5.7.1 end")), 1);
	assert_int_equal(r.code, 550);
	assert_int_equal(r.dsn.subject, 7);
	assert_int_equal(r.text.len, SMTP_REPLY_LINES * 6 - 1);
	smtp_reply_done(&r);
}

static void test_long_lines(void **state)
{
	_cleanup_buf_ struct buf b = BUF(BUF_MEDIUM);
	struct smtp_reply r;

	(void)state;
	buf_puts(&b, "250-");
	while (b.len < 1000000)
		buf_putc(&b, 'x');
	smtp_reply_init(&r);
	assert_int_equal(smtp_reply_line(&r, buf_str(&b)), 0);
	assert_int_equal(smtp_reply_line(&r, buf_str(&b)), 0);
	b.ptr[3] = ' ';
	assert_int_equal(smtp_reply_line(&r, buf_str(&b)), 1);
	assert_int_equal(r.code, 250);
	assert_true(r.text.len <= SMTP_REPLY_MAX);
	smtp_reply_clear(&r);
	assert_int_equal(r.code, 0);
	assert_int_equal(smtp_reply_line(&r, STR("220 a")), 1);
	assert_int_equal(r.text.len, 5);
	smtp_reply_done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dsn),
		cmocka_unit_test(test_replies),
		cmocka_unit_test(test_many_lines),
		cmocka_unit_test(test_long_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
