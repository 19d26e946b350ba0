/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of table/cdb_write.c: the old file stays until commit, no temporary file is left.
 */
#include <errno.h>
#include <sys/stat.h>

#include "table/build.h"
#include "table_test.h"

static void test_atomic(void **state)
{
	static const struct tt_row rows[] = {
		{ "cdb:cdbw-test", 0, "a", LOOKUP_FOUND, "1" },
		{ "cdb:cdbw-test", 0, "b", LOOKUP_NONE, NULL },
	};
	struct table_writer *w = NULL;
	struct why why = { "" };
	struct stat st;

	(void)state;
	assert_int_equal(table_writer_open(&tt_settings, STR("cdb:cdbw-test"), 0, TABLE_WRITE_BULK,
				 0640, &w, &why),
		0);
	assert_int_equal(table_writer_put(w, STR("a"), STR("1"), TABLE_DUP_WARN, &why), 0);
	assert_int_equal(table_writer_del(w, STR("a"), &why), -ENOTSUP);
	assert_int_equal(access("cdbw-test.cdb", F_OK), -1);
	assert_int_equal(table_writer_commit(w, &why), 0);
	table_writer_free(w);
	assert_int_equal(stat("cdbw-test.cdb", &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	assert_int_equal(access("cdbw-test.cdb.tmp", F_OK), -1);
	assert_int_equal(table_writer_open(&tt_settings, STR("cdb:cdbw-test"), 0, TABLE_WRITE_BULK,
				 0644, &w, &why),
		0);
	assert_int_equal(table_writer_put(w, STR("b"), STR("1"), TABLE_DUP_WARN, &why), 0);
	table_writer_free(w); /* not committed */
	assert_int_equal(access("cdbw-test.cdb.tmp", F_OK), -1);
	tt_run(rows, ARRAY_LEN(rows));
	(void)unlink("cdbw-test.cdb");
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_atomic) };
	int r = cmocka_run_group_tests(tests, NULL, NULL);

	buf_done(&tt_notes);
	return r;
}
