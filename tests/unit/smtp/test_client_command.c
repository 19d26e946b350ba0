/* SPDX-License-Identifier: Apache-2.0 */
/* Commands as the wire has them; what would break out of the line is refused. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "smtp/client_command.h"

static void expect(struct buf *b, int e, const char *want)
{
	if (want == NULL) {
		assert_int_equal(e, -EINVAL);
		assert_int_equal(b->len, 0);
	} else if (e != 0 || !str_eq(buf_str(b), str_of(want))) {
		fail_msg("%d: got %s, want %s", e, buf_cstr(b), want);
	}
	buf_done(b);
}

static void test_mail(void **state)
{
	struct buf b = BUF(BUF_SMALL);
	struct smtp_mail_command m = { .size = -1 };

	(void)state;
	expect(&b, smtp_format_mail(&b, &m), "MAIL FROM:<>");
	m = (struct smtp_mail_command){ .sender = STR("s@x"),
		.size = 17,
		.body = "8BITMIME",
		.envid = STR("e+1"),
		.ret = 2,
		.dsn = true,
		.smtputf8 = true,
		.requiretls = true,
		.auth_null = true };
	expect(&b, smtp_format_mail(&b, &m),
		"MAIL FROM:<s@x> SIZE=17 BODY=8BITMIME ENVID=e+2B1 RET=HDRS SMTPUTF8 REQUIRETLS "
		"AUTH=<>");
	m = (struct smtp_mail_command){ .sender = STR("s@x"),
		.size = 0,
		.envid = STR("e"),
		.ret = 1 };
	expect(&b, smtp_format_mail(&b, &m), "MAIL FROM:<s@x> SIZE=0");
	m.dsn = true;
	expect(&b, smtp_format_mail(&b, &m), "MAIL FROM:<s@x> SIZE=0 ENVID=e RET=FULL");
	m.sender = STR("s\r\nRCPT TO:<v@x>");
	expect(&b, smtp_format_mail(&b, &m), NULL);
}

static void test_rcpt(void **state)
{
	static const struct {
		struct smtp_rcpt_command in;
		const char *want;
	} cases[] = {
		{ { .recipient = STR("r@y") }, "RCPT TO:<r@y>" },
		{ { .recipient = STR("r@y"), .orcpt = STR("rfc822;o+x@y"), .notify = 6 },
			"RCPT TO:<r@y>" },
		{ { .recipient = STR("r@y"),
			  .orcpt = STR("rfc822;o+x@y"),
			  .notify = 6,
			  .dsn = true },
			"RCPT TO:<r@y> ORCPT=rfc822;o+2Bx@y NOTIFY=SUCCESS,FAILURE" },
		{ { .recipient = STR("r@y"), .original = STR("o@z"), .notify = 1, .dsn = true },
			"RCPT TO:<r@y> ORCPT=rfc822;o@z NOTIFY=NEVER" },
		{ { .recipient = STR("r@y"), .notify = 8, .dsn = true },
			"RCPT TO:<r@y> NOTIFY=DELAY" },
		{ { .recipient = STR("r\n@y"), .dsn = true }, NULL },
		{ { .recipient = STR("r@y"), .original = STR("o\n@z"), .dsn = true },
			"RCPT TO:<r@y> ORCPT=rfc822;o+0A@z" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf b = BUF(BUF_SMALL);

		expect(&b, smtp_format_rcpt(&b, &cases[i].in), cases[i].want);
	}
}

static void test_rcpt_utf8(void **state)
{
	struct smtp_rcpt_command r = { .recipient = STR("\xc3\xa4@y"),
		.original = STR("\xc3\xa4@z"),
		.dsn = true,
		.smtputf8 = true };
	struct buf b = BUF(BUF_SMALL);

	(void)state;
	expect(&b, smtp_format_rcpt(&b, &r), "RCPT TO:<\xc3\xa4@y> ORCPT=utf-8;\xc3\xa4@z");
	r.smtputf8 = false;
	expect(&b, smtp_format_rcpt(&b, &r), "RCPT TO:<\xc3\xa4@y> ORCPT=rfc822;+C3+A4@z");
	r.orcpt = STR("UTF-8;\xc3\xa4 \xe2\x82\xac+\xf0\x9f\x98\x80@z");
	expect(&b, smtp_format_rcpt(&b, &r),
		"RCPT TO:<\xc3\xa4@y> ORCPT=utf-8;\\x{E4}\\x{20}\\x{20AC}\\x{2B}\\x{1F600}@z");
	r.orcpt = STR("utf-8;\xc3");
	expect(&b, smtp_format_rcpt(&b, &r), "RCPT TO:<\xc3\xa4@y> ORCPT=utf-8;+C3");
}

static void test_xforward(void **state)
{
	struct smtp_xforward_values v = { .name = STR("h x"),
		.addr = STR("192.0.2.1"),
		.proto = STR("ESMTP"),
		.helo = STR("h"),
		.ident = STR("ABC"),
		.local = true };
	struct buf b = BUF(BUF_SMALL);

	(void)state;
	expect(&b, smtp_format_xforward(&b, SMTP_XF_FIRST, &v),
		"XFORWARD NAME=h+20x ADDR=192.0.2.1");
	expect(&b, smtp_format_xforward(&b, SMTP_XF_SECOND & ~(unsigned)SMTP_XF_IDENT, &v),
		"XFORWARD PROTO=ESMTP HELO=h SOURCE=LOCAL");
	v.helo = STR("unknown");
	expect(&b, smtp_format_xforward(&b, SMTP_XF_HELO | SMTP_XF_PORT, &v),
		"XFORWARD HELO=unknown");
	v.name = STR("unknown");
	expect(&b, smtp_format_xforward(&b, SMTP_XF_NAME | SMTP_XF_PORT, &v), "");
	v.name = STR("a=b c");
	expect(&b, smtp_format_xforward(&b, SMTP_XF_NAME, &v), "XFORWARD NAME=a=b+20c");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mail),
		cmocka_unit_test(test_rcpt),
		cmocka_unit_test(test_rcpt_utf8),
		cmocka_unit_test(test_xforward),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
