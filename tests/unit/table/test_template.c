/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of table/template.c.
 */
#include "table/template.h"

#include "table_test.h"

static void test_parse(void **state)
{
	static const struct {
		const char *text;
		enum template_error want;
		size_t parts;
		unsigned max_group;
		const char *what;
	} rows[] = {
		{ "", TEMPLATE_OK, 0, 0, NULL },
		{ "plain", TEMPLATE_OK, 1, 0, NULL },
		{ "a$1b", TEMPLATE_NOT_NUMBER, 0, 0, "1b" },
		{ "a${1}b", TEMPLATE_OK, 3, 1, NULL },
		{ "$(12)$$", TEMPLATE_OK, 2, 12, NULL },
		{ "$65535", TEMPLATE_OK, 1, 65535, NULL },
		{ "$65536", TEMPLATE_NOT_NUMBER, 0, 0, "65536" },
		{ "x $", TEMPLATE_EMPTY_NAME, 0, 0, "x $" },
		{ "${}", TEMPLATE_EMPTY_NAME, 0, 0, "${}" },
		{ "${1", TEMPLATE_TRUNCATED, 0, 0, "${1" },
		{ "$(1}", TEMPLATE_TRUNCATED, 0, 0, "$(1}" },
		{ "$00", TEMPLATE_ZERO, 0, 0, "00" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct template t = { 0 };
		struct str what;
		enum template_error got = template_parse(str_of(rows[i].text), &t, &what);

		if (got != rows[i].want || t.n != rows[i].parts ||
			t.max_group != rows[i].max_group ||
			(rows[i].what != NULL && !str_eq(what, str_of(rows[i].what))))
			fail_msg("\"%s\": %d, %zu parts, group %u, \"" STR_FMT "\"", rows[i].text,
				got, t.n, t.max_group, STR_ARG(what));
		template_done(&t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_parse) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
