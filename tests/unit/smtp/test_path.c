/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of smtp/path.c. The lenient cases are what Debian's smtpd 3.7.11 accepts and refuses.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "smtp/command.h"

#define BAD -EBADMSG

static const struct {
	const char *in;
	int lenient;
	const char *out;
	int strict; /* with the same out */
} cases[] = {
	{ "<a@b.c>", 0, "a@b.c", 0 },
	{ "<>", 0, "", 0 },
	{ "< >", 0, "", 0 },
	{ "a@b.c", 0, "a@b.c", BAD },
	{ "<a b@c.d>", BAD, "", BAD },
	{ "<\"a b\"@c.d>", 0, "a b@c.d", 0 },
	{ "\"a b\"@c.d", 0, "a b@c.d", BAD },
	{ "<@x.y,@z.w:u@d.e>", 0, "u@d.e", 0 },
	{ "<@x.y:u@d.e>", 0, "u@d.e", 0 },
	{ "@x:<a@b>", 0, "a@b", BAD },
	{ "<@a:b:c@d>", 0, "b:c@d", 0 },
	{ "<a@b@c>", 0, "a@b@c", 0 },
	{ "<a@b,c@d>", BAD, "", BAD },
	{ "<a@b><c@d>", BAD, "", BAD },
	{ "name<a@b>", 0, "a@b", BAD },
	{ "\"a\"<b@c>", 0, "b@c", BAD },
	{ "a\"b\"c<d@e>", 0, "d@e", BAD },
	{ "<a@b>(comment)", 0, "a@b", BAD },
	{ "(comment)<a@b>", 0, "a@b", BAD },
	{ "<(c)a@b>", 0, "a@b", BAD },
	{ "<a@b(c)>", 0, "a@b", BAD },
	{ "<a(c)@b>", 0, "a@b", BAD },
	{ "<a(x)b@c>", BAD, "", BAD },
	{ "<a@b", BAD, "", BAD },
	{ "\"a@b", BAD, "", BAD },
	{ "<a@>", BAD, "", BAD },
	{ "<@>", BAD, "", BAD },
	{ "<@b>", 0, "@b", 0 },
	{ "<a..b@c>", 0, "a..b@c", 0 },
	{ "<.a@c>", 0, ".a@c", 0 },
	{ "<a.@c>", 0, "a.@c", 0 },
	{ "<.>", 0, ".", 0 },
	{ "<a@@b>", 0, "a@@b", 0 },
	{ "<a@[1.2.3.4]>", 0, "a@[1.2.3.4]", 0 },
	{ "<a@[IPv6:::1]>", 0, "a@[IPv6:::1]", 0 },
	{ "<[a]@b>", 0, "[a]@b", 0 },
	{ "<a@x[1.2.3.4]>", BAD, "", BAD },
	{ "<a@[1.2>", BAD, "", BAD },
	{ "<a@c.>", 0, "a@c.", 0 },
	{ "<a\\@b@c>", 0, "a@b@c", 0 },
	{ "<a\\ b@c>", 0, "a b@c", 0 },
	{ "<\"\">", 0, "", 0 },
	{ "<\"\"@c>", 0, "@c", 0 },
	{ "<a@b>;", 0, "a@b", BAD },
	{ "<a@b>,", 0, "a@b", BAD },
	{ "<a@b>>", 0, "a@b", BAD },
	{ "a,b", BAD, "", BAD },
	{ "a:b@c;", 0, "b@c", BAD },
	{ "a:b,c;", BAD, "", BAD },
	{ "a:<b@c>;", 0, "b@c", BAD },
	{ "<a:b@c>", 0, "a:b@c", 0 },
	{ "<|cmd@c>", 0, "|cmd@c", 0 },
	{ "<\"a@b\"@c>", 0, "a@b@c", 0 },
	{ "<\"a\\\"b\"@c>", 0, "a\"b@c", 0 },
	{ "<\"a\\\\b\"@c>", 0, "a\\b@c", 0 },
	{ "<a%b@c>", 0, "a%b@c", 0 },
	{ "<a!b>", 0, "a!b", 0 },
	{ "<a;b@c>", BAD, "", BAD },
	{ "<<a@b>>", 0, "a@b", BAD },
	{ "<a@b><", BAD, "", BAD },
	{ "<a<b>>", BAD, "", BAD },
	{ "<a @ b>", 0, "a@b", 0 },
	{ "<a . b@c>", 0, "a.b@c", 0 },
	{ "<\"a\"b@c>", BAD, "", BAD },
	{ "<\"a\".b@c>", 0, "a.b@c", 0 },
	{ "x\"y z\"@d", BAD, "", BAD },
	{ "<a\\>", BAD, "", BAD },
	{ "\\", 0, "", BAD },
	{ "(foo", BAD, "", BAD },
	{ "<a)b@c>", BAD, "", BAD },
	{ "<\xc3\xa9@c>", 0, "\xc3\xa9@c", 0 },
	{ "<\xff@c>", 0, "\xff@c", 0 },
	{ "<a\x01"
	  "b@c>",
		-EILSEQ, "", -EILSEQ },
	{ "<a\rb@c>", -EILSEQ, "", -EILSEQ },
	{ "<a\x7f@c>", -EILSEQ, "", -EILSEQ },
	{ "", 0, "", BAD },
};

static void one(size_t i, unsigned flags, int want)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	struct str got = STR("untouched");
	int r = smtp_path_parse(str_of(cases[i].in), flags | SMTP_PATH_ALLOW_EMPTY, a, &got);

	if (r != want || (r == 0 && !str_eq(got, str_of(cases[i].out))))
		fail_msg("case '%s' flags %u: %d '" STR_FMT "'", cases[i].in, flags, r,
			STR_ARG(got));
	if (r < 0)
		assert_true(str_eq(got, STR("untouched")));
	got = STR("untouched");
	r = smtp_path_parse(str_of(cases[i].in), flags, a, &got);
	if (want == 0 && cases[i].out[0] == '\0')
		want = BAD;
	if (r != want)
		fail_msg("case '%s' flags %u without <>: %d", cases[i].in, flags, r);
}

static void test_paths(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		one(i, 0, cases[i].lenient);
		one(i, SMTP_PATH_STRICT, cases[i].strict);
	}
}

static void test_utf8(void **state)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	struct str got;

	(void)state;
	assert_int_equal(smtp_path_parse(STR("<\xc3\xa9@c>"), SMTP_PATH_SMTPUTF8, a, &got), 0);
	assert_int_equal(smtp_path_parse(STR("<\xff@c>"), SMTP_PATH_SMTPUTF8, a, &got), -EILSEQ);
	assert_int_equal(smtp_path_parse(STR("<\xc3@c>"), SMTP_PATH_SMTPUTF8, a, &got), -EILSEQ);
}

static void test_limit(void **state)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	_cleanup_buf_ struct buf b = BUF(BUF_SMALL);
	struct str got;

	(void)state;
	buf_putc(&b, '<');
	while (b.len < SMTP_PATH_MAX - 1)
		buf_putc(&b, 'x');
	buf_putc(&b, '>');
	assert_int_equal(smtp_path_parse(buf_str(&b), 0, a, &got), 0);
	assert_int_equal(got.len, SMTP_PATH_MAX - 2);
	buf_putc(&b, ',');
	assert_int_equal(smtp_path_parse(buf_str(&b), 0, a, &got), -EMSGSIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_utf8),
		cmocka_unit_test(test_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
