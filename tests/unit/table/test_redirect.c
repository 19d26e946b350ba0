/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of table/redirect.c.
 */
#include "table/build.h"
#include "table_test.h"

static void put_one(const char *spec)
{
	struct table_writer *w = NULL;
	struct why why = { "" };

	assert_int_equal(table_writer_open(&tt_settings, str_of(spec), 0, TABLE_WRITE_BULK, 0644,
				 &w, &why),
		0);
	assert_int_equal(table_writer_put(w, STR("k"), STR("v"), TABLE_DUP_WARN, &why), 0);
	assert_int_equal(table_writer_commit(w, &why), 0);
	table_writer_free(w);
}

static void test_redirect(void **state)
{
	static const struct tt_row rows[] = {
		{ "hash:redirect-test", 0, "k", LOOKUP_FOUND, "v" },
		{ "btree:redirect-test", 0, "k", LOOKUP_FOUND, "v" },
		{ "hash:redirect-test", 0, "x", LOOKUP_NONE, NULL },
	};

	(void)state;
	put_one("lmdb:redirect-test");
	tt_reset();
	tt_run(rows, ARRAY_LEN(rows));
	tt_expect_note(
		"warn: redirecting hash:redirect-test to lmdb:redirect-test (no Berkeley DB)");
	tt_expect_note("warn: redirecting btree:redirect-test to lmdb:redirect-test");
	(void)unlink("redirect-test.lmdb");
}

static void test_settings(void **state)
{
	struct table_settings s = tt_settings;

	(void)state;
	s.hash_redirect = "cdb";
	s.quiet_redirect = true;
	put_one("cdb:redirect-test");
	tt_reset();

	struct table *t = table_open(&s, STR("hash:redirect-test"), 0);

	assert_null(table_failed(t));
	assert_int_equal(tt_notes.len, 0);
	table_unref(t);
	(void)unlink("redirect-test.cdb");
	s.hash_redirect = NULL;
	t = table_open(&s, STR("hash:redirect-test"), 0);
	assert_non_null(strstr(table_failed(t), "unsupported dictionary type: hash"));
	table_unref(t);
}

static void test_only_old_file(void **state)
{
	(void)state;
	tt_file("redirect-old.db", "x");

	struct table *t = table_open(&tt_settings, STR("hash:redirect-old"), 0);

	assert_non_null(strstr(table_failed(t), "open database redirect-old.lmdb: No such file"));
	assert_non_null(strstr(table_failed(t), "redirect-old.db"));
	assert_non_null(strstr(table_failed(t), "\"postmap lmdb:redirect-old\""));
	table_unref(t);
	(void)unlink("redirect-old.db");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_redirect),
		cmocka_unit_test(test_settings),
		cmocka_unit_test(test_only_old_file),
	};
	int r = cmocka_run_group_tests(tests, NULL, NULL);

	buf_done(&tt_notes);
	return r;
}
