/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of table/rulefile.c: rules in the name of a table.
 */
#include "table/rulefile.h"

#include "table_test.h"

static void test_inline_errors(void **state)
{
	static const struct {
		const char *spec;
		const char *reason;
	} rows[] = {
		{ "regexp:{ /x/ foo }", "regexp map: no '{' at start of text in \"/x/\"" },
		{ "pcre:{ {/x/ foo }", "pcre map: missing '}' in \"{ {/x/ foo }\"" },
		{ "pcre:{{/a/ x}{/b/ y}}",
			"pcre map: syntax error after '}' in \"{/a/ x}{/b/ y}\"" },
		{ "cidr:{1.2.3.4}", "cidr map: no '{' at start of text in \"1.2.3.4\"" },
		{ "cidr:{{1.2.3.4 x}}x", "cidr map: syntax error after '}'" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct table *t = table_open(&tt_settings, str_of(rows[i].spec), 0);

		if (table_failed(t) == NULL ||
			str_find(str_of(table_failed(t)), str_of(rows[i].reason)) < 0)
			fail_msg("%s: %s", rows[i].spec,
				table_failed(t) == NULL ? "opened" : table_failed(t));
		table_unref(t);
	}
}

static void test_line_is_position(void **state)
{
	(void)state;
	tt_reset();
	table_unref(table_open(&tt_settings, STR("regexp:{ {/x/ foo} {/y/ $1} }"), 0));
	tt_expect_note("regexp map { {/x/ foo} {/y/ $1} }, line 2: out of range replacement index");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_inline_errors),
		cmocka_unit_test(test_line_is_position),
	};
	int r = cmocka_run_group_tests(tests, NULL, NULL);

	buf_done(&tt_notes);
	return r;
}
