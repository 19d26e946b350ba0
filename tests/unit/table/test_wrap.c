/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of table/wrap.c.
 */
#include "table_test.h"

static void test_rows(void **state)
{
	static const struct tt_row rows[] = {
		{ "proxy:static:a", 0, "k", LOOKUP_FOUND, "a" },
		{ "proxy:proxy:static:a", 0, "k", LOOKUP_TEMPFAIL, NULL },
		{ "proxy:foo:a", 0, "k", LOOKUP_TEMPFAIL, NULL },
		{ "debug:static:a", 0, "k", LOOKUP_FOUND, "a" },
		{ "debug:inline:{a=b}", 0, "k", LOOKUP_NONE, NULL },
		{ "debug:fail:x", 0, "k", LOOKUP_TEMPFAIL, NULL },
	};

	(void)state;
	tt_run(rows, ARRAY_LEN(rows));
}

static void test_debug_notes(void **state)
{
	static const struct tt_row rows[] = {
		{ "debug:inline:{a=b}", 0, "a", LOOKUP_FOUND, "b" },
		{ "debug:inline:{a=b}", 0, "k", LOOKUP_NONE, NULL },
	};

	(void)state;
	tt_reset();
	tt_run(rows, ARRAY_LEN(rows));
	tt_expect_note("inline:{a=b} lookup: \"a\" = \"b\"");
	tt_expect_note("inline:{a=b} lookup: \"k\" = \"(not found)\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_debug_notes),
	};
	int r = cmocka_run_group_tests(tests, NULL, NULL);

	buf_done(&tt_notes);
	return r;
}
