/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of table/combine.c.
 */
#include "table_test.h"

static void test_rows(void **state)
{
	static const struct tt_row rows[] = {
		{ "pipemap:{static:b,inline:{b=c}}", 0, "a", LOOKUP_FOUND, "c" },
		{ "pipemap:{inline:{a=b},inline:{b=c}}", 0, "a", LOOKUP_FOUND, "c" },
		{ "pipemap:{inline:{a=b},inline:{b=c}}", 0, "b", LOOKUP_NONE, NULL },
		{ "pipemap:{inline:{a=b},inline:{x=c}}", 0, "a", LOOKUP_NONE, NULL },
		{ "pipemap:{inline:{a=b},fail:x}", 0, "a", LOOKUP_TEMPFAIL, NULL },
		{ "pipemap:{inline:{a=b},fail:x}", 0, "z", LOOKUP_NONE, NULL },
		{ "pipemap:{}", 0, "a", LOOKUP_TEMPFAIL, NULL },
		{ "pipemap:static:a", 0, "a", LOOKUP_TEMPFAIL, NULL },
		{ "pipemap:{foo:b}", 0, "a", LOOKUP_TEMPFAIL, NULL },
		{ "unionmap:{static:one,static:two}", 0, "a", LOOKUP_FOUND, "one,two" },
		{ "unionmap:{static:one,inline:{b=c}}", 0, "a", LOOKUP_FOUND, "one" },
		{ "unionmap:{inline:{b=c}}", 0, "a", LOOKUP_NONE, NULL },
		{ "unionmap:{static:one,fail:x}", 0, "a", LOOKUP_TEMPFAIL, NULL },
		{ "unionmap:{inline:{a=,y=x},static:b}", 0, "a", LOOKUP_FOUND, "b" },
		{ "unionmap:{}", 0, "a", LOOKUP_TEMPFAIL, NULL },
		{ "unionmap:{regexp:/no/such,static:a}", 0, "a", LOOKUP_TEMPFAIL, NULL },
		{ "pipemap:{inline:{a=B},inline:{b=c}}", TABLE_FOLD_FIX, "A", LOOKUP_FOUND, "c" },
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
