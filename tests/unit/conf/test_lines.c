/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Logical lines and "name = value".
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "conf/lines.h"

static void logical_lines(void **state)
{
	static const struct {
		const char *text;
		const char *want; /* "line:text|" for each */
	} cases[] = {
		{ "", "" },
		{ "a", "1:a|" },
		{ "a = 1\n", "1:a = 1|" },
		{ "# c\n\na = 1\n  2\nb = 3\n", "3:a = 1  2|5:b = 3|" },
		{ "a = 1\n# c\n\n \n\tx\n #foo\n  y\nb=2", "1:a = 1\tx  y|8:b=2|" },
		{ "a = 1  \n  \nb", "1:a = 1|3:b|" },
		{ "  a = 1\nb = 2\n", "1:  a = 1|2:b = 2|" },
		{ "a = 1\r\n 2\r\n", "1:a = 1 2|" },
		{ "#only\n", "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		_cleanup_buf_ struct buf line = BUF(100);
		_cleanup_buf_ struct buf got = BUF(1000);
		struct conf_lines l = { str_of(cases[i].text), 0 };
		int at = 0;

		while (conf_lines_next(&l, &line, &at) > 0)
			buf_putf(&got, "%d:%s|", at, buf_cstr(&line));
		if (strcmp(buf_cstr(&got), cases[i].want) != 0)
			fail_msg("case %zu: %s", i, buf_cstr(&got));
	}
}

static void too_long(void **state)
{
	_cleanup_buf_ struct buf line = BUF(8);
	struct conf_lines l = { STR("12345678\n"), 0 };
	int at = 0;

	(void)state;
	assert_int_equal(conf_lines_next(&l, &line, &at), 1);
	l = (struct conf_lines){ STR("12345678\n 9"), 0 };
	assert_int_equal(conf_lines_next(&l, &line, &at), -EMSGSIZE);
}

static void settings(void **state)
{
	static const struct {
		const char *line;
		const char *name;
		const char *value;
	} cases[] = {
		{ "a=b", "a", "b" },
		{ "a = b c ", "a", "b c" },
		{ " a= ", "a", "" },
		{ "a==b", "a", "=b" },
		{ "a", NULL, "missing '=' after attribute name" },
		{ "a b = c", NULL, "missing '=' after attribute name" },
		{ "= c", NULL, "missing attribute name" },
		{ "", NULL, "missing attribute name" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct str name = STR_EMPTY, value = STR_EMPTY;
		const char *wrong = conf_split_setting(str_of(cases[i].line), &name, &value);

		if (cases[i].name == NULL) {
			assert_non_null(wrong);
			assert_string_equal(wrong, cases[i].value);
		} else if (wrong != NULL || !str_eq(name, str_of(cases[i].name)) ||
			   !str_eq(value, str_of(cases[i].value))) {
			fail_msg("\"%s\"", cases[i].line);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(logical_lines),
		cmocka_unit_test(too_long),
		cmocka_unit_test(settings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
