/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of table/environ.c.
 */
#include "table_test.h"

static void test_rows(void **state)
{
	static const struct tt_row rows[] = {
		{ "environ:x", 0, "TABLE_TEST", LOOKUP_FOUND, "here" },
		{ "environ:x", 0, "NO_SUCH", LOOKUP_NONE, NULL },
		{ "environ:x", TABLE_FOLD_FIX, "TABLE_TEST", LOOKUP_NONE, NULL },
	};

	(void)state;
	assert_int_equal(setenv("TABLE_TEST", "here", 1), 0);
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
