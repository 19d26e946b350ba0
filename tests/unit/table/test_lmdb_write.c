/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of table/lmdb_write.c: growth, incremental changes, nothing without commit.
 */
#include <errno.h>

#include "table/build.h"
#include "table_test.h"

static struct table_writer *open_it(const struct table_settings *s, unsigned write)
{
	struct table_writer *w = NULL;
	struct why why = { "" };

	if (table_writer_open(s, STR("lmdb:write-test"), 0, write, 0644, &w, &why) < 0)
		fail_msg("%s", why.text);
	return w;
}

static int count(void *ctx, struct str key, struct str value)
{
	(void)key;
	(void)value;
	++*(int *)ctx;
	return 0;
}

static void test_growth(void **state)
{
	struct table_settings small = tt_settings;
	struct why why = { "" };
	char value[1000];
	int n = 0;

	(void)state;
	small.lmdb_map_size = 1;
	memset(value, 'v', sizeof(value));
	(void)unlink("write-test.lmdb");

	struct table_writer *w = open_it(&small, TABLE_WRITE_BULK);

	/* 5 MB into a map of 1 MB, with duplicates and removals on the way. */
	for (int i = 0; i < 5000; i++) {
		char key[32];

		(void)snprintf(key, sizeof(key), "key%d", i);
		assert_int_equal(table_writer_put(w, str_of(key), str_from(value, sizeof(value)),
					 TABLE_DUP_IGNORE, &why),
			0);
		assert_int_equal(table_writer_put(w, str_of(key), STR("x"), TABLE_DUP_IGNORE, &why),
			-EEXIST);
		if (i % 10 == 0)
			assert_int_equal(table_writer_del(w, str_of(key), &why), 0);
	}
	assert_int_equal(table_writer_commit(w, &why), 0);
	assert_int_equal(table_writer_each(w, count, &n, &why), 0);
	assert_int_equal(n, 4500);
	table_writer_free(w);
}

static void test_incremental(void **state)
{
	struct why why = { "" };
	struct buf value = BUF(BUF_SMALL);
	int n = 0;

	(void)state;
	(void)unlink("write-test.lmdb");

	struct table_writer *w = open_it(&tt_settings, TABLE_WRITE_NOSYNC);

	assert_int_equal(table_writer_put(w, STR("a"), STR("1"), TABLE_DUP_WARN, &why), 0);
	/* The change is seen here before commit. */
	assert_int_equal(table_writer_get(w, STR("a"), &value, &why), LOOKUP_FOUND);
	assert_string_equal(buf_cstr(&value), "1");
	assert_int_equal(table_writer_get(w, STR("b"), &value, &why), LOOKUP_NONE);
	assert_int_equal(table_writer_commit(w, &why), 0);
	assert_int_equal(table_writer_put(w, STR("b"), STR("2"), TABLE_DUP_WARN, &why), 0);
	assert_int_equal(table_writer_del(w, STR("a"), &why), 0);
	assert_int_equal(table_writer_del(w, STR("a"), &why), -ENOENT);
	table_writer_free(w); /* not committed */
	w = open_it(&tt_settings, 0);
	assert_int_equal(table_writer_each(w, count, &n, &why), 0);
	assert_int_equal(n, 1);
	assert_int_equal(table_writer_del(w, STR("a"), &why), 0);
	assert_int_equal(table_writer_commit(w, &why), 0);
	n = 0;
	assert_int_equal(table_writer_each(w, count, &n, &why), 0);
	assert_int_equal(n, 0);
	table_writer_free(w);
	buf_done(&value);
}

static void test_bulk_replaces(void **state)
{
	struct why why = { "" };
	int n = 0;

	(void)state;

	struct table_writer *w = open_it(&tt_settings, TABLE_WRITE_BULK);

	assert_int_equal(table_writer_put(w, STR("a"), STR("1"), TABLE_DUP_WARN, &why), 0);
	assert_int_equal(table_writer_commit(w, &why), 0);
	table_writer_free(w);
	/* Abandoned: the old content stays. */
	w = open_it(&tt_settings, TABLE_WRITE_BULK);
	assert_int_equal(table_writer_put(w, STR("b"), STR("1"), TABLE_DUP_WARN, &why), 0);
	table_writer_free(w);

	static const struct tt_row rows[] = {
		{ "lmdb:write-test", 0, "a", LOOKUP_FOUND, "1" },
		{ "lmdb:write-test", 0, "b", LOOKUP_NONE, NULL },
	};

	tt_run(rows, ARRAY_LEN(rows));
	/* Nothing put: an empty table. */
	w = open_it(&tt_settings, TABLE_WRITE_BULK);
	assert_int_equal(table_writer_commit(w, &why), 0);
	assert_int_equal(table_writer_each(w, count, &n, &why), 0);
	assert_int_equal(n, 0);
	table_writer_free(w);
}

static void test_key_limit(void **state)
{
	struct why why = { "" };
	char key[600];

	(void)state;
	memset(key, 'k', sizeof(key));

	struct table_writer *w = open_it(&tt_settings, TABLE_WRITE_BULK);

	/* 511 bytes with the NUL. */
	assert_int_equal(table_writer_put(w, str_from(key, 510), STR("v"), TABLE_DUP_WARN, &why),
		0);
	assert_int_equal(table_writer_put(w, str_from(key, 511), STR("v"), TABLE_DUP_WARN, &why),
		-EMSGSIZE);
	assert_non_null(strstr(why.text, "error updating lmdb:write-test: MDB_BAD_VALSIZE"));
	assert_int_equal(table_writer_commit(w, &why), 0);
	table_writer_free(w);
	(void)unlink("write-test.lmdb");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_growth),
		cmocka_unit_test(test_incremental),
		cmocka_unit_test(test_bulk_replaces),
		cmocka_unit_test(test_key_limit),
	};
	int r = cmocka_run_group_tests(tests, NULL, NULL);

	buf_done(&tt_notes);
	return r;
}
