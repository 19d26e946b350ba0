/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of table/pairs.c: files as values, walking.
 */
#include "table/pairs.h"

#include <errno.h>

#include "table_test.h"

static void test_files_as_values(void **state)
{
	static const struct tt_row rows[] = {
		{ "inline:{k=pairs-1}", TABLE_SRC_RHS_IS_FILE, "k", LOOKUP_FOUND, "b25lCg==" },
		/* A newline between files. */
		{ "inline:{ {k=pairs-1, pairs-2} }", TABLE_SRC_RHS_IS_FILE, "k", LOOKUP_FOUND,
			"b25lCgp0d28=" },
		{ "inline:{k=/no/such}", TABLE_SRC_RHS_IS_FILE, "k", LOOKUP_TEMPFAIL, NULL },
	};

	(void)state;
	tt_file("pairs-1", "one\n");
	tt_file("pairs-2", "two");
	tt_run(rows, ARRAY_LEN(rows));
	(void)unlink("pairs-1");
	(void)unlink("pairs-2");
}

static int add(void *ctx, struct str key, struct str value)
{
	buf_putf(ctx, STR_FMT "=" STR_FMT ";", STR_ARG(key), STR_ARG(value));
	return key.ptr[0] == 'z' ? 7 : 0;
}

static void test_walk(void **state)
{
	struct buf seen = BUF(BUF_SMALL);
	struct why why;
	struct table *t = table_open(&tt_settings, STR("inline:{a=1,Z=2,c=3}"), TABLE_FOLD_FIX);

	(void)state;
	assert_int_equal(table_each(t, add, &seen, &why), 7);
	assert_string_equal(buf_cstr(&seen), "a=1;z=2;");
	table_unref(t);
	t = table_open(&tt_settings, STR("static:x"), 0);
	assert_int_equal(table_each(t, add, &seen, &why), -ENOTSUP);
	assert_string_equal(why.text, "table static:x: sequence operation is not supported");
	table_unref(t);
	buf_done(&seen);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files_as_values),
		cmocka_unit_test(test_walk),
	};
	int r = cmocka_run_group_tests(tests, NULL, NULL);

	buf_done(&tt_notes);
	return r;
}
