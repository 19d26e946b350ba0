/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of table/cdb.c.
 */
#include "table/build.h"
#include "table_test.h"

static void build(unsigned form, const char *value)
{
	struct table_writer *w = NULL;
	struct why why = { "" };

	if (table_writer_open(&tt_settings, STR("cdb:cdb-test"), 0, TABLE_WRITE_BULK | form, 0644,
		    &w, &why) < 0)
		fail_msg("%s", why.text);
	assert_int_equal(table_writer_put(w, STR("a"), str_of(value), TABLE_DUP_WARN, &why), 0);
	assert_int_equal(table_writer_put(w, STR("b"), STR("2"), TABLE_DUP_WARN, &why), 0);
	assert_int_equal(table_writer_commit(w, &why), 0);
	table_writer_free(w);
}

static int add(void *ctx, struct str key, struct str value)
{
	buf_putf(ctx, STR_FMT "=" STR_FMT ";", STR_ARG(key), STR_ARG(value));
	return 0;
}

static void test_forms(void **state)
{
	static const unsigned forms[] = { 0, TABLE_WRITE_NUL, TABLE_WRITE_NO_NUL };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		static const struct tt_row rows[] = {
			{ "cdb:cdb-test", 0, "a", LOOKUP_FOUND, "1" },
			{ "cdb:cdb-test", 0, "b", LOOKUP_FOUND, "2" },
			{ "cdb:cdb-test", 0, "c", LOOKUP_NONE, NULL },
			{ "cdb:cdb-test", 0, "", LOOKUP_NONE, NULL },
		};
		struct buf seen = BUF(BUF_SMALL);
		struct why why;

		build(forms[i], "1");
		tt_run(rows, ARRAY_LEN(rows));

		struct table *t = table_open(&tt_settings, STR("cdb:cdb-test"), 0);

		assert_int_equal(table_each(t, add, &seen, &why), 0);
		assert_string_equal(buf_cstr(&seen), "a=1;b=2;");
		buf_done(&seen);
		table_unref(t);
	}
}

static void test_changed(void **state)
{
	struct buf value = BUF(BUF_SMALL);
	struct why why;

	(void)state;
	build(0, "1");

	struct table *t = table_open(&tt_settings, STR("cdb:cdb-test"), 0);

	assert_false(table_changed(t));
	build(0, "new");
	/* The file was replaced: the open table has the old content and says so. */
	assert_true(table_changed(t));
	assert_int_equal(table_get(t, STR("a"), &value, &why), LOOKUP_FOUND);
	assert_string_equal(buf_cstr(&value), "1");
	buf_done(&value);
	table_unref(t);
	(void)unlink("cdb-test.cdb");
}

static void test_garbage(void **state)
{
	(void)state;
	tt_file("cdb-test.cdb", "short");

	struct table *t = table_open(&tt_settings, STR("cdb:cdb-test"), 0);

	assert_non_null(table_failed(t));
	table_unref(t);
	(void)unlink("cdb-test.cdb");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_changed),
		cmocka_unit_test(test_garbage),
	};
	int r = cmocka_run_group_tests(tests, NULL, NULL);

	buf_done(&tt_notes);
	return r;
}
