/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of table/pcre.c.
 */
#include "table_test.h"

static void test_rows(void **state)
{
	static const struct tt_row rows[] = {
		{ "pcre:{{/^a(.)c/ got $1 ${1} $(1) $$ end}}", 0, "abc", LOOKUP_FOUND,
			"got b b b $ end" },
		{ "pcre:{{!/^x/ neg}}", 0, "abc", LOOKUP_FOUND, "neg" },
		{ "pcre:{{/Case/i x}}", 0, "CASE", LOOKUP_NONE, NULL },
		{ "pcre:{{/^b/m x}}", 0, "a\nb", LOOKUP_FOUND, "x" },
		{ "pcre:{{/a.b/ x}}", 0, "a\nb", LOOKUP_FOUND, "x" },
		{ "pcre:{{/a.b/s x}}", 0, "a\nb", LOOKUP_NONE, NULL },
		{ "pcre:{{/b/A x}}", 0, "ab", LOOKUP_NONE, NULL },
		{ "pcre:{{/a(x)?b/ <$1>}}", 0, "ab", LOOKUP_FOUND, "<>" },
		{ "pcre:{{/a/X x}}", 0, "a", LOOKUP_FOUND, "x" },
		{ "pcre:{{/^.$/ x}}", TABLE_UTF8, "\xc3\xa4", LOOKUP_FOUND, "x" },
		{ "pcre:{{/^.$/ x}}", 0, "\xc3\xa4", LOOKUP_NONE, NULL },
		/* R5: work is bounded, and running into the bound is not "no match". */
		{ "pcre:{{/^(a+)+$/ x}}", 0, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab",
			LOOKUP_TEMPFAIL, "match limit exceeded" },
	};

	(void)state;
	tt_run(rows, ARRAY_LEN(rows));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),

	};
	int r = cmocka_run_group_tests(tests, NULL, NULL);

	buf_done(&tt_notes);
	return r;
}
