/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of table/table.c: opening, surrogates, folding, results.
 */
#include "table_test.h"

#include <pthread.h>

static void test_forms(void **state)
{
	static const struct tt_row rows[] = {
		{ "static:x", 0, "a", LOOKUP_FOUND, "x" },
		{ "static:x", 0, "", LOOKUP_FOUND, "x" },
		{ "static:", 0, "a", LOOKUP_TEMPFAIL, "static: lookup error for \"a\"" },
		{ "foo:x", 0, "a", LOOKUP_TEMPFAIL, "foo:x lookup error for \"a\"" },
		{ "nosuch", 0, "a", LOOKUP_TEMPFAIL, "lmdb:nosuch lookup error" },
		{ "fail:x", 0, "a", LOOKUP_TEMPFAIL, "fail:x lookup error for \"a\": " },
		{ "inline:{a=}", 0, "a", LOOKUP_TEMPFAIL, "empty string" },
		{ "inline:{ABC=1}", 0, "ABC", LOOKUP_FOUND, "1" },
		{ "inline:{ABC=1}", TABLE_FOLD_FIX, "aBc", LOOKUP_FOUND, "1" },
		{ "inline:{abc=1}", 0, "aBc", LOOKUP_NONE, NULL },
		{ "inline:{\xc3\xa4=1}", TABLE_FOLD_FIX | TABLE_UTF8, "\xc3\x84", LOOKUP_FOUND,
			"1" },
		{ "inline:{\xc3\xa4=1}", TABLE_FOLD_FIX, "\xc3\x84", LOOKUP_NONE, NULL },
		{ "inline:{stra\xc3\x9f"
		  "e=1}",
			TABLE_FOLD_FIX | TABLE_UTF8, "STRASSE", LOOKUP_FOUND, "1" },
		{ "static:x", TABLE_UTF8, "bad\xff", LOOKUP_NONE, NULL },
		{ "static:b\xff", TABLE_UTF8, "x", LOOKUP_TEMPFAIL, "non-UTF-8 value" },
		{ "static:b\xff", 0, "x", LOOKUP_FOUND, "b\xff" },
	};

	(void)state;
	tt_run(rows, ARRAY_LEN(rows));
}

static void test_surrogate_reasons(void **state)
{
	static const struct {
		const char *spec;
		unsigned flags;
		const char *reason;
	} rows[] = {
		{ "foo:x", 0, "unsupported dictionary type: foo" },
		{ "ldap:/etc/x", 0, "unsupported dictionary type: ldap" },
		{ "nis:x", 0, "unsupported dictionary type: nis" },
		{ "static:", 0,
			"open dictionary: expecting \"type:name\" form instead of \"static:\"" },
		{ "tcp:localhost:1", TABLE_PARANOID,
			"tcp:localhost:1 map is not allowed for security sensitive data" },
		{ "lmdb:/no/such", 0, "open database /no/such.lmdb: No such file or directory" },
		{ "cdb:/no/such", 0, "open database /no/such.cdb: No such file or directory" },
		{ "texthash:/no/such", 0, "open database /no/such: No such file or directory" },
		{ "regexp:/no/such", 0, "open /no/such: No such file or directory" },
		{ "hash:/no/such", 0, "open database /no/such.lmdb: No such file or directory" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct table *t = table_open(&tt_settings, str_of(rows[i].spec), rows[i].flags);
		struct buf value = BUF(10);
		struct why why;

		print_message("%s\n", rows[i].spec);
		assert_non_null(table_failed(t));
		assert_non_null(strstr(table_failed(t), rows[i].reason));
		assert_true(table_is_pattern(t));
		tt_reset();
		assert_int_equal(table_get(t, STR("k"), &value, &why), LOOKUP_TEMPFAIL);
		tt_expect_note("is unavailable. ");
		assert_false(table_changed(t));
		table_unref(t);
	}
}

static void test_types(void **state)
{
	const char *const *types = table_types();

	(void)state;
	for (size_t i = 0; types[i] != NULL; i++) {
		char spec[64];

		if (i > 0)
			assert_true(strcmp(types[i - 1], types[i]) < 0);
		(void)snprintf(spec, sizeof(spec), "%s:x", types[i]);

		struct table *t = table_open(&tt_settings, str_of(spec), 0);

		/* Known, whatever it says about its name. */
		if (table_failed(t) != NULL)
			assert_null(strstr(table_failed(t), "unsupported"));
		table_unref(t);
	}
}

static void test_pattern_kinds(void **state)
{
	static const struct {
		const char *spec;
		bool pattern;
	} rows[] = {
		{ "static:x", false },
		{ "inline:{a=b}", false },
		{ "unix:passwd.byname", false },
		{ "environ:x", false },
		{ "internal:x", false },
		{ "fail:x", true },
		{ "randmap:{a}", true },
		{ "regexp:{{/a/ b}}", true },
		{ "pcre:{{/a/ b}}", true },
		{ "cidr:{{1.2.3.4 b}}", true },
		{ "pipemap:{static:a,static:b}", false },
		{ "pipemap:{static:a,regexp:{{/a/ b}}}", true },
		{ "unionmap:{static:a,inline:{a=b}}", false },
		{ "proxy:static:x", false },
		{ "debug:fail:x", true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct table *t = table_open(&tt_settings, str_of(rows[i].spec), 0);

		if (table_failed(t) != NULL || table_is_pattern(t) != rows[i].pattern)
			fail_msg("%s: %s", rows[i].spec,
				table_failed(t) == NULL ? "wrong kind" : table_failed(t));
		table_unref(t);
	}
}

static void *ask_often(void *arg)
{
	struct table *t = table_ref(arg);
	struct buf value = BUF(BUF_SMALL);
	struct why why;

	for (int i = 0; i < 2000; i++) {
		buf_clear(&value);
		if (table_get(t, STR("Key"), &value, &why) != LOOKUP_FOUND ||
			!str_eq(buf_str(&value), STR("key!")))
			return t;
	}
	buf_done(&value);
	table_unref(t);
	return NULL;
}

static void test_threads(void **state)
{
	static const char *const specs[] = { "regexp:{{/(key)/ $1!}}", "pcre:{{/(key)/ $1!}}",
		"pipemap:{inline:{key=x},static:key!}" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(specs); i++) {
		struct table *t = table_open(&tt_settings, str_of(specs[i]),
			TABLE_FOLD_FIX | TABLE_FOLD_MUL);
		pthread_t th[4];

		for (size_t k = 0; k < ARRAY_LEN(th); k++)
			assert_int_equal(pthread_create(&th[k], NULL, ask_often, t), 0);
		for (size_t k = 0; k < ARRAY_LEN(th); k++) {
			void *bad = NULL;

			assert_int_equal(pthread_join(th[k], &bad), 0);
			assert_null(bad);
		}
		table_unref(t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_surrogate_reasons),
		cmocka_unit_test(test_types),
		cmocka_unit_test(test_pattern_kinds),
		cmocka_unit_test(test_threads),
	};
	int r = cmocka_run_group_tests(tests, NULL, NULL);

	buf_done(&tt_notes);
	return r;
}
