/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of table/inline.c.
 */
#include "table_test.h"

static void test_rows(void **state)
{
	static const struct tt_row rows[] = {
		{ "inline:{a=b}", 0, "a", LOOKUP_FOUND, "b" },
		{ "inline:{a=b, {c = d e } , a=2}", 0, "a", LOOKUP_FOUND, "2" },
		{ "inline:{a=b, {c = d e } , a=2}", 0, "c", LOOKUP_FOUND, "d e" },
		{ "inline:{ { a = b=c } }", 0, "a", LOOKUP_FOUND, "b=c" },
		{ "inline:{a=b}", 0, "x", LOOKUP_NONE, NULL },
		{ "inline:foo", 0, "a", LOOKUP_TEMPFAIL, NULL },
		{ "inline:{a}", 0, "a", LOOKUP_TEMPFAIL, NULL },
		{ "inline:{a b=c}", 0, "a", LOOKUP_TEMPFAIL, NULL },
		{ "inline:{ {a b = c} }", 0, "a b", LOOKUP_TEMPFAIL, NULL },
		{ "inline:{ {a =b} }", 0, "a", LOOKUP_FOUND, "b" },
		{ "inline:{ {} }", 0, "a", LOOKUP_TEMPFAIL, NULL },
		{ "inline:{ , }", 0, "a", LOOKUP_TEMPFAIL, NULL },
		{ "inline:{}", 0, "a", LOOKUP_TEMPFAIL, NULL },
		{ "inline:{a=b", 0, "a", LOOKUP_TEMPFAIL, NULL },
		{ "inline:{ a=b }x", 0, "a", LOOKUP_TEMPFAIL, NULL },
		{ "inline:{ {a=b}x }", 0, "a", LOOKUP_TEMPFAIL, NULL },
		{ "internal:x", 0, "a", LOOKUP_NONE, NULL },
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
