/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of table/texthash.c.
 */
#include "table_test.h"

static void test_file(void **state)
{
	static const struct tt_row rows[] = {
		{ "texthash:texthash-test", TABLE_FOLD_FIX, "a", LOOKUP_FOUND, "b  cont" },
		{ "texthash:texthash-test", TABLE_FOLD_FIX, "Key", LOOKUP_FOUND, "v with  spaces" },
		{ "texthash:texthash-test", TABLE_FOLD_FIX, "\"Quoted key\"@x", LOOKUP_FOUND,
			"value" },
		{ "texthash:texthash-test", TABLE_FOLD_FIX, "nokey", LOOKUP_NONE, NULL },
		{ "texthash:texthash-test", 0, "Key", LOOKUP_NONE, NULL },
		{ "texthash:texthash-test", 0, "KEY", LOOKUP_FOUND, "v with  spaces" },
	};

	(void)state;
	tt_file("texthash-test",
		"a b\n# c\n  cont\nKEY  v with  spaces  \n\"quoted key\"@x value\nnokey\nA dup\n");
	tt_reset();
	tt_run(rows, ARRAY_LEN(rows));
	tt_expect_note("texthash-test, line 6: expected format: key whitespace value -- ignoring "
		       "this line");
	tt_expect_note("texthash-test, line 7: duplicate entry: \"a\"");
	(void)unlink("texthash-test");
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_file) };
	int r = cmocka_run_group_tests(tests, NULL, NULL);

	buf_done(&tt_notes);
	return r;
}
