/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of intake/fullname.c: names in From headers.
 */
#include "rig.h"

static void test_names(void **state)
{
	static const struct {
		const char *name, *phrase, *comment;
	} cases[] = {
		{ "Full Name", "Full Name", "Full Name" },
		{ "Full, (Na\"me", "\"Full, (Na\\\"me\"", "Full, \\(Na\"me" },
		{ "x.y", "\"x.y\"", "x.y" },
		{ "a\nb", "\"a b\"", "a b" },
		{ "Bj\303\266rn Example",
			"=?utf-8?Q?Bj=C3=B6rn_Example?=", "=?utf-8?Q?Bj=C3=B6rn_Example?=" },
		{ "\303\266\303\266\303\266", "=?utf-8?B?w7bDtsO2?=", "=?utf-8?B?w7bDtsO2?=" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		_cleanup_buf_ struct buf b = BUF(BUF_SMALL);
		_cleanup_buf_ struct buf c = BUF(BUF_SMALL);

		fullname_format(&b, str_of(cases[i].name), "utf-8");
		fullname_comment(&c, str_of(cases[i].name), "utf-8");
		if (strcmp(buf_cstr(&b), cases[i].phrase) != 0 ||
			strcmp(buf_cstr(&c), cases[i].comment) != 0)
			fail_msg("%s: %s %s", cases[i].name, buf_cstr(&b), buf_cstr(&c));
	}
}

/* Long names become several words, none over 75 characters, none ending within a character. */
static void test_long(void **state)
{
	(void)state;
	for (int kind = 0; kind < 2; kind++) {
		_cleanup_buf_ struct buf name = BUF(BUF_SMALL);
		_cleanup_buf_ struct buf b = BUF(BUF_SMALL);
		struct str rest;
		struct str line;

		for (int i = 0; i < 100; i++)
			buf_puts(&name, kind == 0 ? "\303\266" : "ab\303\266cdefghi");
		fullname_format(&b, buf_str(&name), "utf-8");
		rest = buf_str(&b);
		while (str_word(&rest, "\n", &line))
			assert_true(line.len <= 76);
	}
}

RIG_MAIN(cmocka_unit_test(test_names), cmocka_unit_test(test_long));
