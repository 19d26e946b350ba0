/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of table/tables.c.
 */
#include <errno.h>

#include "table_test.h"

static void test_lists(void **state)
{
	static const struct {
		const char *list;
		size_t n;
		const char *key;
		bool partial;
		enum lookup want;
		const char *value;
	} rows[] = {
		{ "", 0, "a", false, LOOKUP_NONE, NULL },
		{ " , ", 0, "a", false, LOOKUP_NONE, NULL },
		{ "inline:{a=1}, inline:{a=2,b=3}", 2, "a", false, LOOKUP_FOUND, "1" },
		{ "inline:{a=1} inline:{a=2,b=3}", 2, "b", false, LOOKUP_FOUND, "3" },
		{ "inline:{ {a = x y} } static:z", 2, "a", false, LOOKUP_FOUND, "x y" },
		{ "regexp:{{/./ r}}, inline:{a=1}", 2, "a", false, LOOKUP_FOUND, "r" },
		{ "regexp:{{/./ r}}, inline:{a=1}", 2, "a", true, LOOKUP_FOUND, "1" },
		{ "inline:{b=1}, fail:x, static:y", 3, "a", false, LOOKUP_TEMPFAIL, NULL },
		{ "inline:{a=1}, fail:x", 2, "a", false, LOOKUP_FOUND, "1" },
		{ "fail:x, inline:{a=1}", 2, "a", true, LOOKUP_FOUND, "1" },
		{ "nosuch:x, inline:{a=1}", 2, "a", false, LOOKUP_TEMPFAIL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct tables l = { 0 };
		struct buf value = BUF(BUF_SMALL);
		struct why why = { "" };

		assert_int_equal(tables_open(&tt_settings, "title", str_of(rows[i].list), 0, &l,
					 &why),
			0);

		enum lookup got = tables_get(&l, str_of(rows[i].key), rows[i].partial, &value,
			&why);

		if (l.n != rows[i].n || got != rows[i].want ||
			(got == LOOKUP_FOUND && strcmp(buf_cstr(&value), rows[i].value) != 0))
			fail_msg("row %zu: %zu tables, %d \"%s\"", i, l.n, got, buf_cstr(&value));
		assert_null(tables_changed(&l));
		buf_done(&value);
		tables_done(&l);
	}
}

static void test_malformed(void **state)
{
	struct tables l = { 0 };
	struct why why;

	(void)state;
	assert_int_equal(tables_open(&tt_settings, "title", STR("inline:{a=b"), 0, &l, &why),
		-EINVAL);
	assert_non_null(strstr(why.text, "title: unbalanced braces"));
	assert_null(l.v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_malformed),
	};
	int r = cmocka_run_group_tests(tests, NULL, NULL);

	buf_done(&tt_notes);
	return r;
}
