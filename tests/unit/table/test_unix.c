/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of table/unix.c.
 */
#include "table_test.h"

static void test_rows(void **state)
{
	static const struct tt_row rows[] = {
		{ "unix:passwd.byname", 0, "root", LOOKUP_FOUND,
			"root:x:0:0:root:/root:/bin/bash" },
		{ "unix:passwd.byname", 0, "no-such-user", LOOKUP_NONE, NULL },
		{ "unix:group.byname", 0, "daemon", LOOKUP_FOUND, "daemon:x:1:" },
		{ "unix:group.byname", 0, "no-such-group", LOOKUP_NONE, NULL },
		{ "unix:foo", 0, "x", LOOKUP_TEMPFAIL, NULL },
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
