/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of table/static.c.
 */
#include "table_test.h"

static void test_rows(void **state)
{
	static const struct tt_row rows[] = {
		{ "static:text", 0, "k", LOOKUP_FOUND, "text" },
		{ "static:two words", 0, "k", LOOKUP_FOUND, "two words" },
		{ "static:{ two words }", 0, "k", LOOKUP_FOUND, "two words" },
		{ "static:{a", 0, "k", LOOKUP_TEMPFAIL, NULL },
		{ "static:{a}b", 0, "k", LOOKUP_TEMPFAIL, NULL },
		{ "static:/no/such", TABLE_SRC_RHS_IS_FILE, "k", LOOKUP_TEMPFAIL, NULL },
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
