/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of smtp/command.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "smtp/command.h"

/* Words joined by '|', "!" after a bad one. */
static struct str joined(struct arena *a, struct str line, int *ret)
{
	struct smtp_command c;
	struct str s = STR_EMPTY;

	*ret = smtp_command_parse(line, a, &c);
	if (*ret < 0)
		return s;
	for (size_t i = 0; i < c.n; i++)
		s = arena_fmt(a, STR_FMT "%s" STR_FMT "%s", STR_ARG(s), i == 0 ? "" : "|",
			STR_ARG(c.v[i].text), c.v[i].bad ? "!" : "");
	return s;
}

static void test_tokens(void **state)
{
	static const struct {
		struct str line;
		int r;
		const char *words;
	} cases[] = {
		{ STR("QUIT"), 0, "QUIT" },
		{ STR("  QUIT \t x  "), 0, "QUIT|x" },
		{ STR("QUIT\r"), 0, "QUIT" },
		{ STR("QUIT\r\r"), 0, "QUIT" },
		{ STR(""), -EINVAL, "" },
		{ STR(" \t "), -EINVAL, "" },
		{ STR("\r"), -EINVAL, "" },
		{ STR("MAIL FROM:<a@b>"), 0, "MAIL|FROM:|<a@b>" },
		{ STR("MAIL FROM: <a@b> SIZE=1"), 0, "MAIL|FROM:|<a@b>|SIZE=1" },
		{ STR("mail from:a@b"), 0, "mail|from:|a@b" },
		{ STR("rcpt To:a"), 0, "rcpt|To:|a" },
		{ STR("RCPT TO:TO:a"), 0, "RCPT|TO:|TO:|a" },
		{ STR("x xto:a"), 0, "x|xto:a" },
		{ STR("MAIL FROM:<\"a b\"@c>"), 0, "MAIL|FROM:|<\"a b\"@c>" },
		{ STR("MAIL FROM:<\"a>b\"@c> x"), 0, "MAIL|FROM:|<\"a>b\"@c>|x" },
		{ STR("MAIL FROM:\"a b\"@c"), 0, "MAIL|FROM:|\"a b\"@c" },
		{ STR("MAIL FROM:\"a\\\" b\"@c"), 0, "MAIL|FROM:|\"a\\\" b\"@c" },
		{ STR("MAIL FROM:a\\ b"), 0, "MAIL|FROM:|a\\ b" },
		{ STR("MAIL FROM:<a\\>b> c"), 0, "MAIL|FROM:|<a\\>b>|c" },
		{ STR("MAIL FROM:<a b"), 0, "MAIL|FROM:|<a b!" },
		{ STR("MAIL FROM:\"a b"), 0, "MAIL|FROM:|\"a b!" },
		{ STR("MAIL FROM:<\"a> b"), 0, "MAIL|FROM:|<\"a> b!" },
		{ STR("MAIL FROM:<a>x<b c>y"), 0, "MAIL|FROM:|<a>x<b c>y" },
		{ STR("x\\"), 0, "x\\" },
		{ STR("MAIL FROM:<a@b>\r BODY=8BITMIME"), -EILSEQ, "" },
		{ STR("MAIL FROM:<a@b>\r\nRCPT"), -EILSEQ, "" },
		{ STR("MAIL\0FROM"), -EILSEQ, "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		_cleanup_arena_ struct arena *a = arena_new(0);
		int r;
		struct str got = joined(a, cases[i].line, &r);

		if (r != cases[i].r || !str_eq(got, str_of(cases[i].words)))
			fail_msg("case %zu: %d '" STR_FMT "'", i, r, STR_ARG(got));
	}
}

static void test_count(void **state)
{
	(void)state;
	for (size_t n = SMTP_MAX_TOKENS - 1; n <= SMTP_MAX_TOKENS + 1; n++) {
		_cleanup_arena_ struct arena *a = arena_new(0);
		_cleanup_buf_ struct buf b = BUF(BUF_SMALL);
		struct smtp_command c;
		int r;

		for (size_t i = 0; i < n; i++)
			buf_puts(&b, "x ");
		r = smtp_command_parse(buf_str(&b), a, &c);
		assert_int_equal(r, n <= SMTP_MAX_TOKENS ? 0 : -E2BIG);
		if (r == 0)
			assert_int_equal(c.n, n);
	}
}

static void test_header(void **state)
{
	static const struct {
		const char *line;
		bool is;
	} cases[] = {
		{ "Subject: x", true },
		{ "Subject : x", true },
		{ "X:", true },
		{ "MAIL FROM:<x>", false },
		{ ": x", false },
		{ "", false },
		{ "EHLO x", false },
		{ "a\x01: x", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (smtp_looks_like_header(str_of(cases[i].line)) != cases[i].is)
			fail_msg("case %zu: '%s'", i, cases[i].line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tokens),
		cmocka_unit_test(test_count),
		cmocka_unit_test(test_header),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
