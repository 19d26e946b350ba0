/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of table/fail.c.
 */
#include "table_test.h"

static void test_rows(void **state)
{
	static const struct tt_row rows[] = {
		{ "fail:x", 0, "a", LOOKUP_TEMPFAIL, "fail:x lookup error for \"a\"" },
		{ "fail:", 0, "a", LOOKUP_TEMPFAIL, NULL },
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
