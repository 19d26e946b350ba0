/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of smtp/data.c: threats S1-S10, each cut at every byte.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "smtp/data.h"

/* Lines ended by '|' ('+' for a piece), "#" at the end of data; what is left unread after '~'. */
static void feed(struct smtp_data *d, struct str in, struct buf *out, bool *ended)
{
	while (!*ended) {
		struct smtp_data_line l;
		size_t used;
		int r = smtp_data_next(d, in, &used, &l);

		in = str_skip(in, used);
		if (r == 0) {
			assert_int_equal(in.len, 0);
			return;
		}
		if (r == 2) {
			buf_putc(out, '#');
			*ended = true;
			break;
		}
		buf_put(out, l.text);
		buf_putc(out, l.partial ? '+' : '|');
	}
	if (in.len > 0) {
		buf_putc(out, '~');
		buf_put(out, in);
	}
}

struct data_case {
	const char *name;
	struct str in;
	const char *allow, *strict;
	bool bare; /* strict modes see a bare LF */
};

/* NUL bytes are compared as '0'. */
static void check_out(const struct data_case *c, struct buf *out, const char *want, int mode,
	size_t cut)
{
	for (size_t i = 0; i < out->len; i++)
		if (out->ptr[i] == '\0')
			out->ptr[i] = '0';
	if (strcmp(buf_cstr(out), want) != 0)
		fail_msg("%s mode %d cut %zu: '%s', want '%s'", c->name, mode, cut, buf_cstr(out),
			want);
}

static const struct data_case cases[] = {
	{ "plain", STR("a\r\nb\r\n.\r\n"), "a|b|#", "a|b|#", false },
	{ "empty", STR(".\r\n"), "#", "#", false },
	{ "stuffed", STR("..\r\n.a\r\n...\r\n.\r\n"), ".|a|..|#", ".|a|..|#", false },
	{ "S1", STR("a\n.\r\nMAIL\r\n.\r\n"), "a|#~MAIL\r\n.\r\n", "a|MAIL|#", true },
	{ "S2", STR("a\n.\nMAIL\r\n.\r\n"), "a|#~MAIL\r\n.\r\n", "a|MAIL|#", true },
	{ "S3", STR("a\r\n.\nMAIL\r\n.\r\n"), "a|#~MAIL\r\n.\r\n", "a|MAIL|#", true },
	{ "S4", STR("a\r.\rMAIL\r\n.\r\n"), "a\r.\rMAIL|#", "a\r.\rMAIL|#", false },
	{ "S5", STR("a\r\n.\rMAIL\r\n.\r\n"), "a|\rMAIL|#", "a|\rMAIL|#", false },
	{ "S6", STR("a\r\r\n.\r\r\nMAIL\r\n.\r\n"), "a|#~MAIL\r\n.\r\n", "a\r|\r|MAIL|#", false },
	{ "S7", STR("a\n\r\n.\r\nMAIL\r\n"), "a||#~MAIL\r\n", "a||#~MAIL\r\n", true },
	{ "S8", STR("a\r\n\0.\r\nMAIL\r\n.\r\n"), "a|0.|MAIL|#", "a|0.|MAIL|#", false },
	{ "S8b", STR("a\r\n.\0\r\nMAIL\r\n.\r\n"), "a|0|MAIL|#", "a|0|MAIL|#", false },
	{ "dot after bare", STR("a\n..\r\n.\r\n"), "a|.|#", "a|.|#", true },
	{ "empty line after bare", STR("a\n\n.\r\nb\r\n.\r\n"), "a||#~b\r\n.\r\n", "a||b|#", true },
	{ "open end", STR("a\r\nb"), "a|", "a|", false },
	{ "long", STR("0123456789abcdefghij\r\n.\r\n"), "0123456789+abcdefghij|#",
		"0123456789+abcdefghij|#", false },
	{ "exact", STR("0123456789\r\n.\r\n"), "0123456789|#", "0123456789|#", false },
	{ "one more", STR("0123456789a\r\n.\r\n"), "0123456789+a|#", "0123456789+a|#", false },
	{ "dot in piece", STR(".123456789abc\r\n.\r\n"), "123456789+abc|#", "123456789+abc|#",
		false },
	{ "piece then dot", STR("0123456789a.\r\n.\r\n"), "0123456789+a.|#", "0123456789+a.|#",
		false },
	{ "rest is a dot", STR("0123456789.\r\nx\r\n.\r\n"), "0123456789+.|x|#", "0123456789+.|x|#",
		false },
	{ "two pieces", STR("0123456789012345678901234\r\n.\r\n"), "0123456789+0123456789+01234|#",
		"0123456789+0123456789+01234|#", false },
};

static void test_cuts(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		for (int mode = SMTP_BARE_LF_ALLOW; mode <= SMTP_BARE_LF_REJECT; mode++) {
			const char *want = mode == SMTP_BARE_LF_ALLOW ? cases[i].allow
								      : cases[i].strict;

			for (size_t cut = 0; cut <= cases[i].in.len; cut++) {
				_cleanup_buf_ struct buf out = BUF(BUF_SMALL);
				struct smtp_data d;
				bool ended = false;

				smtp_data_init(&d, (enum smtp_bare_lf)mode, 10);
				feed(&d, str_head(cases[i].in, cut), &out, &ended);
				if (!ended)
					feed(&d, str_skip(cases[i].in, cut), &out, &ended);
				else /* what follows the end stays with the caller */
					buf_puts(&out, strchr(buf_cstr(&out), '~') ||
								       cut == cases[i].in.len
							       ? ""
							       : "~"),
						buf_put(&out, str_skip(cases[i].in, cut));
				check_out(&cases[i], &out, want, mode, cut);
				if (mode != SMTP_BARE_LF_ALLOW)
					assert_int_equal(d.saw_bare_lf, cases[i].bare);
				smtp_data_done(&d);
			}
		}
	}
}

static void test_bytewise(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		_cleanup_buf_ struct buf out = BUF(BUF_SMALL);
		struct smtp_data d;
		bool ended = false;
		size_t pos;

		smtp_data_init(&d, SMTP_BARE_LF_NORMALIZE, 10);
		for (pos = 0; pos < cases[i].in.len && !ended; pos++)
			feed(&d, str_from(cases[i].in.ptr + pos, 1), &out, &ended);
		if (pos < cases[i].in.len) {
			buf_putc(&out, '~');
			buf_put(&out, str_skip(cases[i].in, pos));
		}
		check_out(&cases[i], &out, cases[i].strict, 1, 1);
		smtp_data_done(&d);
	}
}

static void test_bytes(void **state)
{
	struct smtp_data d;
	_cleanup_buf_ struct buf out = BUF(BUF_SMALL);
	bool ended = false;

	(void)state;
	smtp_data_init(&d, SMTP_BARE_LF_NORMALIZE, 100);
	feed(&d, STR("abc\r\n.d\r\n.\r\nQUIT\r\n"), &out, &ended);
	assert_true(ended);
	assert_int_equal(d.bytes, 9);
	smtp_data_done(&d);
}

static void test_chunk(void **state)
{
	static const struct {
		struct str in;
		const char *want, *rest;
	} chunks[] = {
		{ STR("a\r\n.\r\nb\nc"), "a|.|b|", "c" },
		{ STR("a\n.\r\n.\n"), "a|.|.|", NULL },
		{ STR("..x\r\n"), "..x|", NULL },
		{ STR("0123456789abcd"), "0123456789+", "abcd" },
		{ STR("abc\r"), "", "abc\r" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(chunks); i++) {
		for (size_t cut = 0; cut <= chunks[i].in.len; cut++) {
			_cleanup_buf_ struct buf out = BUF(BUF_SMALL);
			struct smtp_data d;
			struct smtp_data_line l;
			bool ended = false;
			int r;

			smtp_data_init_chunk(&d, SMTP_BARE_LF_NORMALIZE, 10);
			feed(&d, str_head(chunks[i].in, cut), &out, &ended);
			feed(&d, str_skip(chunks[i].in, cut), &out, &ended);
			if (strcmp(buf_cstr(&out), chunks[i].want) != 0)
				fail_msg("chunk %zu cut %zu: '%s'", i, cut, buf_cstr(&out));
			r = smtp_data_rest(&d, &l);
			assert_int_equal(r, chunks[i].rest != NULL);
			if (r == 1)
				assert_true(str_eq(l.text, str_of(chunks[i].rest)));
			assert_int_equal(smtp_data_rest(&d, &l), 0);
			smtp_data_done(&d);
		}
	}
}

static void test_endless_line(void **state)
{
	struct smtp_data d;
	char block[4096];
	int64_t total = 0;

	(void)state;
	memset(block, 'x', sizeof(block));
	smtp_data_init(&d, SMTP_BARE_LF_NORMALIZE, 2048);
	for (int i = 0; i < 256; i++) {
		struct str in = str_from(block, sizeof(block));

		while (in.len > 0) {
			struct smtp_data_line l;
			size_t used;

			if (smtp_data_next(&d, in, &used, &l) == 1) {
				assert_true(l.partial);
				assert_int_equal(l.text.len, 2048);
				total += (int64_t)l.text.len;
			}
			in = str_skip(in, used);
			assert_true(d.line.cap <= 8192);
		}
	}
	assert_true(total >= 256 * 4096 - 4096);
	smtp_data_done(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cuts),
		cmocka_unit_test(test_bytewise),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_chunk),
		cmocka_unit_test(test_endless_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
