/* SPDX-License-Identifier: Apache-2.0 */
/* Greetings and EHLO replies of servers, well-behaved and not. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "smtp/client_command.h"
#include "smtp/client_ehlo.h"

static void test_features(void **state)
{
	struct smtp_features f;

	(void)state;
	smtp_features_parse(
		STR("250-mx.example hello\n250-SIZE 1000\n250-pipelining\n250-8BITMIME\n"
		    "250-AUTH PLAIN LOGIN\n250-XFORWARD NAME ADDR FOO\n250-WHAT\n250-\n"
		    "250 DSN"),
		0, &f);
	assert_true(f.have == (SMTP_F_ESMTP | SMTP_F_SIZE | SMTP_F_PIPELINING | SMTP_F_8BITMIME |
				      SMTP_F_AUTH | SMTP_F_XFORWARD | SMTP_F_DSN));
	assert_int_equal(f.size_limit, 1000);
	assert_int_equal(f.xforward, SMTP_XF_NAME | SMTP_XF_ADDR);
	assert_true(str_eq(f.name, STR("mx.example")));
	assert_true(str_eq(f.auth, STR("PLAIN LOGIN")));
	smtp_features_parse(STR("250-x\n250-AUTH=LOGIN\n250-SIZE 99999999999999999999\n"
				"250 SMTPUTF8"),
		SMTP_F_AUTH, &f);
	assert_int_equal(f.discarded, SMTP_F_AUTH);
	assert_int_equal(f.size_limit, 0);
	assert_true((f.have & SMTP_F_8BITMIME) != 0);
	/* What stands in the first line is a name, not a keyword. */
	smtp_features_parse(STR("250 PIPELINING"), 0, &f);
	assert_int_equal(f.have, SMTP_F_ESMTP);
	smtp_features_parse(STR("250"), 0, &f);
	assert_int_equal(f.name.len, 0);
}

static void test_mask(void **state)
{
	struct buf b = BUF(100);
	struct str bad;

	(void)state;
	assert_int_equal(smtp_keyword_mask(STR("Pipelining, silent-discard\tdsn,etrn"), &bad),
		SMTP_F_PIPELINING | SMTP_F_SILENT_DISCARD | SMTP_F_DSN);
	assert_int_equal(bad.len, 0);
	(void)smtp_keyword_mask(STR("dsn nosuch other"), &bad);
	assert_true(str_eq(bad, STR("nosuch")));
	smtp_keyword_names(&b, SMTP_F_DSN | SMTP_F_PIPELINING);
	assert_string_equal(buf_cstr(&b), "PIPELINING DSN");
	buf_done(&b);
}

static void test_greeting(void **state)
{
	static const struct {
		const char *in;
		bool esmtp, pix;
		const char *name;
	} cases[] = {
		{ "220 mx ESMTP x", true, false, "mx" },
		{ "220-mx hello\n220 esmtp", true, false, "mx" },
		{ "220 NOTESMTP", false, false, "NOTESMTP" },
		{ "220 ****2*0**", false, true, "****2*0**" },
		{ "220 ** *1*", false, false, "**" },
		{ "220", false, true, "" },
		{ "220 ", false, true, "" },
		{ "garbage\n220 mx ESMTP", true, false, "mx" },
		{ "", false, false, "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct smtp_greeting g;

		smtp_greeting_parse(str_of(cases[i].in), &g);
		if (g.esmtp != cases[i].esmtp || g.pix != cases[i].pix ||
			!str_eq(g.name, str_of(cases[i].name)))
			fail_msg("%s: %d %d " STR_FMT, cases[i].in, g.esmtp, g.pix,
				STR_ARG(g.name));
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_features),
		cmocka_unit_test(test_mask),
		cmocka_unit_test(test_greeting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
