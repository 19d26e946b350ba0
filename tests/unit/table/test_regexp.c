/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of table/regexp.c.
 */
#include "table_test.h"

static void test_rows(void **state)
{
	static const struct tt_row rows[] = {
		{ "regexp:{{/^a(.)c/ got $1 ${1} $(1) $$ end}}", 0, "abc", LOOKUP_FOUND,
			"got b b b $ end" },
		{ "regexp:{{!/^x/ neg}}", 0, "abc", LOOKUP_FOUND, "neg" },
		{ "regexp:{{!/^x/ neg}}", 0, "xbc", LOOKUP_NONE, NULL },
		{ "regexp:{{/Case/ x}}", 0, "CASE", LOOKUP_FOUND, "x" },
		{ "regexp:{{/Case/i x}}", 0, "CASE", LOOKUP_NONE, NULL },
		{ "regexp:{{/^b/m x}}", 0, "a\nb", LOOKUP_FOUND, "x" },
		{ "regexp:{{/^b/ x}}", 0, "a\nb", LOOKUP_NONE, NULL },
		{ "regexp:{{/a+/x x}}", 0, "aa", LOOKUP_NONE, NULL },
		{ "regexp:{{/a(x)?b/ <$1>}}", 0, "ab", LOOKUP_FOUND, "<>" },
		{ "regexp:{{/(a)/ $1}}", TABLE_NO_REGSUB, "a", LOOKUP_NONE, NULL },
		{ "regexp:{{/(a)/ $$1}}", TABLE_NO_REGSUB, "a", LOOKUP_FOUND, "$1" },
		{ "regexp:{{/(a)/ x}{/b/ y}}", 0, "a", LOOKUP_TEMPFAIL, NULL },
		{ "regexp:{{/Foo/ x}}", TABLE_FOLD_FIX, "FOO", LOOKUP_FOUND, "x" },
		{ "regexp:{{/(.*)/ $1}}", TABLE_FOLD_FIX, "FOO", LOOKUP_FOUND, "FOO" },
		{ "regexp:{{/(.*)/ $1}}", TABLE_FOLD_MUL, "FOO", LOOKUP_FOUND, "foo" },
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
