/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of table/build.c: folding, duplicates and refusals, the same for each type.
 */
#include "table/build.h"

#include <errno.h>

#include "table_test.h"

static struct table_writer *open_new(const char *spec, unsigned flags)
{
	struct table_writer *w = NULL;
	struct why why = { "" };
	int r = table_writer_open(&tt_settings, str_of(spec), flags, TABLE_WRITE_BULK, 0644, &w,
		&why);

	if (r < 0)
		fail_msg("%s: %s", spec, why.text);
	return w;
}

static void test_put(void **state)
{
	static const struct {
		const char *key, *value;
		enum table_dup dup;
		int want;
	} puts[] = {
		{ "A", "1", TABLE_DUP_WARN, 0 },
		{ "a", "2", TABLE_DUP_WARN, -EEXIST },
		{ "b", "3", TABLE_DUP_IGNORE, 0 },
		{ "B", "4", TABLE_DUP_IGNORE, -EEXIST },
		{ "c", "5", TABLE_DUP_REPLACE, 0 },
		{ "C", "6", TABLE_DUP_REPLACE, 0 },
		{ "bad\xff", "6", TABLE_DUP_WARN, -EILSEQ },
		{ "d", "bad\xff", TABLE_DUP_WARN, -EILSEQ },
	};
	static const struct {
		const char *spec, *dup;
	} types[] = {
		{ "lmdb:build-test", "lmdb:build-test: duplicate entry: \"a\"" },
		{ "cdb:build-test", "warn: build-test: duplicate entry: \"a\"" },
		{ "hash:build-test", "redirecting hash:build-test to lmdb:build-test" },
	};

	(void)state;
	for (size_t t = 0; t < ARRAY_LEN(types); t++) {
		struct why why = { "" };
		struct table_writer *w = open_new(types[t].spec, TABLE_FOLD_FIX | TABLE_UTF8);
		const struct tt_row rows[] = {
			{ types[t].spec, 0, "a", LOOKUP_FOUND, "1" },
			{ types[t].spec, 0, "b", LOOKUP_FOUND, "3" },
			{ types[t].spec, 0, "c", LOOKUP_FOUND, "6" },
			{ types[t].spec, 0, "A", LOOKUP_NONE, NULL },
			{ types[t].spec, 0, "", LOOKUP_NONE, NULL },
			{ types[t].spec, TABLE_FOLD_FIX, "A", LOOKUP_FOUND, "1" },
		};

		tt_reset();
		for (size_t i = 0; i < ARRAY_LEN(puts); i++) {
			int r = table_writer_put(w, str_of(puts[i].key), str_of(puts[i].value),
				puts[i].dup, &why);

			if (r != puts[i].want)
				fail_msg("%s put %s: %d %s", types[t].spec, puts[i].key, r,
					why.text);
		}
		assert_null(strstr(buf_cstr(&tt_notes), "\"b\""));
		assert_int_equal(table_writer_commit(w, &why), 0);
		table_writer_free(w);
		tt_run(rows, ARRAY_LEN(rows));
		tt_expect_note(types[t].dup);
	}
	(void)unlink("build-test.lmdb");
	(void)unlink("build-test.cdb");
}

static void test_refused(void **state)
{
	static const struct {
		const char *spec;
		unsigned write;
		int want;
		const char *reason;
	} rows[] = {
		{ "inline:x", TABLE_WRITE_BULK, -ENOTSUP,
			"unsupported dictionary type: inline does not support bulk-mode creation." },
		{ "foo:x", TABLE_WRITE_BULK, -ENOTSUP,
			"unsupported dictionary type: foo. Is the postfix-foo package installed?" },
		{ "cdb:x", 0, -ENOTSUP, "cannot be updated" },
		{ "lmdb:", 0, -EINVAL, "expecting \"type:name\" form" },
		{ "lmdb:/no/such/dir/x", 0, -ENOENT, "open database /no/such/dir/x.lmdb" },
		{ "cdb:/no/such/dir/x", TABLE_WRITE_BULK, -ENOENT,
			"open database /no/such/dir/x.cdb.tmp" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct table_writer *w = NULL;
		struct why why = { "" };
		int r = table_writer_open(&tt_settings, str_of(rows[i].spec), 0, rows[i].write,
			0644, &w, &why);

		if (r != rows[i].want || strstr(why.text, rows[i].reason) == NULL)
			fail_msg("%s: %d %s", rows[i].spec, r, why.text);
		assert_null(w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_put),
		cmocka_unit_test(test_refused),
	};
	int r = cmocka_run_group_tests(tests, NULL, NULL);

	buf_done(&tt_notes);
	return r;
}
