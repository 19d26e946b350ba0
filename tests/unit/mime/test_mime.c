/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of mime/mime.c: the class of every line, compared with what Postfix 3.7 was seen to do.
 */
#include "mime/mime.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* What came out: "P|text" header by class, "E|" end of header, "b|text" body, "!|words" error. */
struct trace {
	struct buf out;
	bool offsets;
};

static int on_header(void *ctx, enum mime_class cls, const struct header_def *def, struct str text)
{
	struct trace *t = ctx;

	(void)def;
	buf_putf(&t->out, "%c|", "PMN"[cls]);
	for (size_t i = 0; i < text.len; i++)
		buf_putc(&t->out, text.ptr[i] == '\n' ? '^' : text.ptr[i]);
	buf_putc(&t->out, '\n');
	return 0;
}

static int on_header_end(void *ctx)
{
	buf_puts(&((struct trace *)ctx)->out, "E|\n");
	return 0;
}

static int on_body(void *ctx, struct str line, bool partial, int64_t offset)
{
	struct trace *t = ctx;

	if (t->offsets)
		buf_putf(&t->out, "%lld", (long long)offset);
	buf_putf(&t->out, "%c|" STR_FMT "\n", partial ? 'l' : 'b', STR_ARG(line));
	return 0;
}

static void on_error(void *ctx, enum mime_error err, struct str text)
{
	buf_putf(&((struct trace *)ctx)->out, "!|%s: " STR_FMT "\n", mime_error_text(err, NULL),
		STR_ARG(text));
}

static const struct mime_callbacks callbacks = {
	.header = on_header,
	.header_end = on_header_end,
	.body = on_body,
	.error = on_error,
};

static const struct mime_settings defaults = {
	.header_size_limit = 102400,
	.boundary_length_limit = 2048,
	.nesting_limit = 100,
};

/* Lines are separated by '\n'; one that ends in '\\' is a piece. */
static void feed(struct mime *m, const char *input)
{
	struct str rest = str_of(input);

	while (rest.len > 0) {
		ptrdiff_t nl = str_chr(rest, '\n');
		struct str line = nl < 0 ? rest : str_head(rest, (size_t)nl);
		bool partial = str_ends(line, STR("\\"));

		if (partial)
			line.len--;
		assert_int_equal(mime_line(m, line, partial), 0);
		rest = nl < 0 ? STR_EMPTY : str_skip(rest, (size_t)nl + 1);
	}
}

/* Messages that are given up in the middle of something, with every kind of error. */
static const char *const unfinished[] = {
	"Content-Type: multipart/digest; boundary=bb\nContent-Transfer-Encoding: 8bit\n\n--bb\n"
	"Content-Type: multipart/x; boundary=A\n\n--A\nContent-Type: message/rfc822\n\nS: \344\\\n",
	"A: \344\nContent-Transfer-Encoding: 8bit\nno header\n\344=\\\n",
	"Content-Type: message/partial\nContent-Transfer-Encoding: x\n\n",
	"Content-Type: multipart/x; boundary=a\n\n--a\n"
	"Content-Type: multipart/x; boundary=b\n\n--b\n"
	"Content-Type: multipart/x; boundary=c\n\n--c\n"
	"Content-Type: multipart/x; boundary=d\n\n--d\n"
	"Content-Type: multipart/x; boundary=e\n\n--e\n"
	"Content-Type: multipart/x; boundary=f\n\n--f\nX: y",
};

/* One message; `before`: another one first, by its number in `unfinished` + 1. */
static void run(struct trace *t, const struct mime_settings *s, size_t before, const char *input)
{
	struct mime_settings strict = { .options = ~(unsigned)MIME_OPT_DISABLE,
		.header_size_limit = 200,
		.boundary_length_limit = 100,
		.nesting_limit = 4 };
	struct mime *m = mime_new(before > 0 ? &strict : s, &callbacks, t);

	if (before > 0) {
		feed(m, unfinished[before - 1]);
		mime_reset(m, s);
		buf_clear(&t->out);
	}
	assert_int_equal(mime_errors(m), 0);
	feed(m, input);
	assert_int_equal(mime_end(m), 0);
	mime_free(m);
}

struct sample {
	const char *in;
	const char *out;
};

static void run_samples(const struct sample *c, size_t n, const struct mime_settings *s,
	bool offsets)
{
	for (size_t i = 0; i < n * (1 + ARRAY_LEN(unfinished)); i++) {
		struct trace t = { BUF(BUF_MEDIUM), offsets };
		const struct sample *at = &c[i % n];

		run(&t, s, i / n, at->in);
		if (!str_eq(buf_str(&t.out), str_of(at->out)))
			fail_msg("case %zu after %zu:\n%s\ngives\n%s\nwanted\n%s", i % n, i / n,
				at->in, buf_cstr(&t.out), at->out);
		buf_done(&t.out);
	}
}

#define CT_BB "Content-Type: multipart/mixed; boundary=bb"
static void test_classes(void **state)
{
	static const struct sample cases[] = {
		{ "", "E|\n" },
		{ "A: b\n\nbody\n", "P|A: b\nE|\nb|\nb|body\n" },
		{ "A: b\n c\n\td\nE: f\n", "P|A: b^ c^\td\nP|E: f\nE|\n" },
		{ "A : b\nC \t :d\n : e\n\nF : g\n", "P|A: b\nP|C:d^ : e\nE|\nb|\nb|F : g\n" },
		{ CT_BB "\n\n--bb\nX : y\n\nt : u\n",
			"P|" CT_BB "\nE|\nb|\nb|--bb\nM|X: y\nb|\nb|t : u\n" },
		{ "A: b\nbody text\nx: y\n", "P|A: b\nE|\nb|\nb|body text\nb|x: y\n" },
		{ "A: b\\\nc\\\nd\n e\n\n", "P|A: bcd^ e\nE|\nb|\n" },
		{ "A: b\nab\\\nd:ef\\\ngh\n", "P|A: b\nE|\nb|\nl|ab\nl|d:ef\nb|gh\n" },
		{ CT_BB "\n\npre\n--bb\nX: y\n\nt\n--bb\n\nn\n--bb--\nx: y\n",
			"P|" CT_BB "\nE|\nb|\nb|pre\nb|--bb\nM|X: y\nb|\nb|t\nb|--bb\nb|\nb|n\n"
			"b|--bb--\nb|x: y\n" },
		{ CT_BB "\n\n--bb\nContent-Type: message/rfc822\n\nS: i\n\nt\n--bb\nno\nc: d\n",
			"P|" CT_BB "\nE|\nb|\nb|--bb\nM|Content-Type: message/rfc822\nb|\nN|S: i\n"
			"b|\nb|t\nb|--bb\nb|no\nb|c: d\n" },
		{ CT_BB "\n\n--bb\nContent-Type: message/rfc822\n\nS: i\n--bb\nT: u\n\n",
			"P|" CT_BB "\nE|\nb|\nb|--bb\nM|Content-Type: message/rfc822\nb|\nN|S: i\n"
			"b|--bb\nM|T: u\nb|\n" },
		{ "Content-Type: multipart/digest; boundary=bb\n\n--bb\n\nS: i\n\nx\n--bb\n"
		  "Content-Type: text/plain\n\na: b\n",
			"P|Content-Type: multipart/digest; boundary=bb\nE|\nb|\nb|--bb\nb|\n"
			"N|S: i\nb|\nb|x\nb|--bb\nM|Content-Type: text/plain\nb|\nb|a: b\n" },
		{ "Content-Type: message/rfc822\n\nContent-Type: multipart/x; boundary=c\n\n--c\nX:\n",
			"P|Content-Type: message/rfc822\nE|\nb|\n"
			"N|Content-Type: multipart/x; boundary=c\nb|\nb|--c\nM|X:\n" },
		{ CT_BB "\n\n--bb\nContent-Type: multipart/x; boundary=cc\n\n--cc\nA:\n\n--bb\nC:\n\n"
			"--cc\nz: z\n--bb--\n--bb\nq: q\n",
			"P|" CT_BB "\nE|\nb|\nb|--bb\nM|Content-Type: multipart/x; boundary=cc\n"
			"b|\nb|--cc\nM|A:\nb|\nb|--bb\nM|C:\nb|\nb|--cc\nb|z: z\nb|--bb--\nb|--bb\n"
			"b|q: q\n" },
		{ CT_BB "\n\n--bbX\nA:\n\n--bb--x\n--bb\nB:\n",
			"P|" CT_BB "\nE|\nb|\nb|--bbX\nM|A:\nb|\nb|--bb--x\nb|--bb\nb|B:\n" },
		{ CT_BB "\n\nx\\\n--bb\nA:\n", "P|" CT_BB "\nE|\nb|\nl|x\nb|--bb\nb|A:\n" },
		{ CT_BB "\n\n--bb\\\nrest\nA:\n", "P|" CT_BB "\nE|\nb|\nl|--bb\nb|rest\nM|A:\n" },
		{ "Content-Type: message/partial\n\nA: b\n",
			"P|Content-Type: message/partial\nE|\nb|\nb|A: b\n" },
	};

	(void)state;
	run_samples(cases, ARRAY_LEN(cases), &defaults, false);
}

static void test_disable(void **state)
{
	static const struct sample cases[] = {
		{ CT_BB "\n\n--bb\nX: y\n", "P|" CT_BB "\nE|\nb|\nb|--bb\nb|X: y\n" },
	};
	struct mime_settings s = defaults;

	(void)state;
	s.options = MIME_OPT_DISABLE;
	run_samples(cases, ARRAY_LEN(cases), &s, false);
}

static void test_offsets(void **state)
{
	static const struct sample cases[] = {
		{ "A:\n\n1234\n56\\\n7\n8\n", "P|A:\nE|\n0b|\n1b|1234\n6l|56\n9b|7\n11b|8\n" },
		{ CT_BB "\n\n--bb\nA:\n\n12\n--bb--\n34\n",
			"P|" CT_BB "\nE|\n0b|\n1b|--bb\nM|A:\n0b|\n1b|12\n0b|--bb--\n7b|34\n" },
	};

	(void)state;
	run_samples(cases, ARRAY_LEN(cases), &defaults, true);
}

static void test_limits(void **state)
{
	static const struct sample cases[] = {
		{ "Subject: 7890\n 23456789\n 2345678\n 234\nA: b\n",
			"!|message header length exceeds safety limit: Subject: 7890\n 23456789\n "
			"2345678\nP|Subject: 7890^ 23456789^ 2345678\nP|A: b\nE|\n" },
		{ "A: 4567890123456789012345678\nB:\n",
			"P|A: 4567890123456789012345678\nP|B:\nE|\n" },
		{ "Content-Type: multipart/x;\n boundary=abcdef\n\n--abcd\nX:\n",
			"!|message header length exceeds safety limit: Content-Type: multipart/x;\n "
			"boundary=abcdef\nP|Content-Type: multipart/x;^ boundary=abcdef\nE|\nb|\n"
			"b|--abcd\nM|X:\n" },
	};
	struct mime_settings s = defaults;

	(void)state;
	s.options = MIME_OPT_REPORT_TRUNC_HEADER;
	s.header_size_limit = 30;
	s.boundary_length_limit = 4;
	run_samples(cases, ARRAY_LEN(cases), &s, false);
}

static void test_nesting(void **state)
{
	struct mime_settings s = defaults;

	(void)state;
	s.options = MIME_OPT_REPORT_NESTING;
	s.nesting_limit = 3;
	for (int levels = 1; levels < 10; levels++) {
		struct trace t = { BUF(BUF_MEDIUM), false };
		_cleanup_buf_ struct buf in = BUF(BUF_MEDIUM);
		bool error;

		for (int i = 0; i < levels; i++)
			buf_putf(&in, "Content-Type: multipart/x; boundary=b%d\n\n--b%d\n", i, i);
		run(&t, &s, 0, buf_cstr(&in));
		error = str_find(buf_str(&t.out), STR("!|MIME nesting exceeds")) >= 0;
		if (error != (levels > 5))
			fail_msg("%d levels", levels);
		buf_done(&t.out);
	}
}

static void test_strict(void **state)
{
	static const struct sample cases[] = {
		{ "A: \344\nB: \344\n\n\344\n\344\n",
			"!|improper use of 8-bit data in message header: A: \344\nP|A: \344\n"
			"P|B: \344\nE|\nb|\n!|improper use of 8-bit data in message body: \344\n"
			"b|\344\nb|\344\n" },
		{ "Content-Transfer-Encoding: 8bit\n\n\344\n",
			"P|Content-Transfer-Encoding: 8bit\nE|\nb|\nb|\344\n" },
		{ "Content-Transfer-Encoding: (x) 8BIT foo\n\n\344\n",
			"P|Content-Transfer-Encoding: (x) 8BIT foo\nE|\nb|\nb|\344\n" },
		{ "Content-Transfer-Encoding: x-uu\n\n\344\n",
			"P|Content-Transfer-Encoding: x-uu\nE|\nb|\n"
			"!|improper use of 8-bit data in message body: \344\nb|\344\n" },
		{ "Content-Type: message/partial\nContent-Transfer-Encoding: 8bit\n\nx\n",
			"P|Content-Type: message/partial\nP|Content-Transfer-Encoding: 8bit\n"
			"E|\n!|invalid message/* or multipart/* encoding domain: 8bit\nb|\nb|x\n" },
		{ "A: b\nno header\n",
			"P|A: b\n!|message header was not terminated by empty line: no header\n"
			"E|\nb|\nb|no header\n" },
	};
	struct mime_settings s = defaults;

	(void)state;
	s.options = MIME_OPT_REPORT_8BIT_IN_HEADER | MIME_OPT_REPORT_8BIT_IN_7BIT |
		    MIME_OPT_REPORT_DOMAIN | MIME_OPT_REPORT_NO_EMPTY_LINE;
	run_samples(cases, ARRAY_LEN(cases), &s, false);
}

static void test_downgrade(void **state)
{
	static const struct sample cases[] = {
		{ "Content-Transfer-Encoding: 8bit\nA: b\n\nx=\344 \n\n.\n",
			"P|A: b\nP|Content-Transfer-Encoding: quoted-printable\nE|\nb|\n"
			"b|x=3D=E4=20\nb|\nb|.\n" },
		{ "A: b\n\n\344=\n", "P|A: b\nE|\nb|\nb|\344=\n" },
		{ CT_BB "\nContent-Transfer-Encoding: 8bit\n\n\344\n--bb\n"
			"Content-Transfer-Encoding: binary\n\n\344\n--bb--\n",
			"P|" CT_BB "\nP|Content-Transfer-Encoding: 7bit\nE|\nb|\nb|\344\nb|--bb\n"
			"M|Content-Transfer-Encoding: quoted-printable\nb|\nb|=E4\nb|--bb--\n" },
		{ "Content-Transfer-Encoding: 8bit\n\na\\\n\344 \\\nb\n",
			"P|Content-Transfer-Encoding: quoted-printable\nE|\nb|\nb|a=E4 b\n" },
		{ "Content-Transfer-Encoding: 8bit\n\na\\\n",
			"P|Content-Transfer-Encoding: quoted-printable\nE|\nb|\nb|a\n" },
	};
	struct mime_settings s = defaults;

	(void)state;
	s.options = MIME_OPT_DOWNGRADE;
	run_samples(cases, ARRAY_LEN(cases), &s, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_classes),
		cmocka_unit_test(test_disable),
		cmocka_unit_test(test_offsets),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_nesting),
		cmocka_unit_test(test_strict),
		cmocka_unit_test(test_downgrade),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
