/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of table/textfile.c.
 */
#include "table/textfile.h"

#include "table_test.h"

static void test_lines(void **state)
{
	static const struct {
		const char *text;
		const char *lines; /* "LINE:TEXT|" for each */
	} rows[] = {
		{ "", "" },
		{ "a b\n", "1:a b|" },
		{ "a b", "1:a b|" },
		{ "a b\n# c\n  cont\nd e\n", "1:a b  cont|4:d e|" },
		{ "a\n  \n\n#x\n\n b\nc", "1:a b|7:c|" },
		{ "  lead\na b \t\r\n", "2:a b|" },
		{ "# only\n\n", "" },
		{ "a\n  # comment\n b\n", "1:a b|" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct textfile f;
		struct buf line = BUF(BUF_SMALL), all = BUF(BUF_SMALL);

		textfile_from_str(&f, str_of(rows[i].text));
		while (textfile_next(&f, "test", &tt_note, &line))
			buf_putf(&all, "%d:%s|", f.line, buf_cstr(&line));
		if (strcmp(buf_cstr(&all), rows[i].lines) != 0)
			fail_msg("row %zu: got %s, want %s", i, buf_cstr(&all), rows[i].lines);
		buf_done(&line);
		buf_done(&all);
		textfile_done(&f);
	}
	tt_expect_note("test: logical line must not start with whitespace: \"  lead\"");
}

static void test_split(void **state)
{
	static const struct {
		const char *line;
		enum textline want;
		const char *key, *value;
	} rows[] = {
		{ "a b", TEXTLINE_OK, "a", "b" },
		{ "a  b  c ", TEXTLINE_OK, "a", "b  c" },
		{ "\"a b\"@x v", TEXTLINE_OK, "\"a b\"@x", "v" },
		{ "\"a \\\" b\" v", TEXTLINE_OK, "\"a \\\" b\"", "v" },
		{ "x\\ y z", TEXTLINE_OK, "x\\ y", "z" },
		{ "\\\"q w", TEXTLINE_OK, "\\\"q", "w" },
		{ "empty\"\"x y", TEXTLINE_OK, "empty\"\"x", "y" },
		{ "a", TEXTLINE_NO_VALUE, "a", "" },
		{ "a\\", TEXTLINE_NO_VALUE, "a\\", "" },
		{ "\"a b", TEXTLINE_UNBALANCED, NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct str key, value;
		enum textline got = textline_split(str_of(rows[i].line), &key, &value);

		if (got != rows[i].want ||
			(rows[i].key != NULL && (!str_eq(key, str_of(rows[i].key)) ||
							!str_eq(value, str_of(rows[i].value)))))
			fail_msg("\"%s\": %d \"" STR_FMT "\" \"" STR_FMT "\"", rows[i].line, got,
				STR_ARG(key), STR_ARG(value));
	}
}

static void test_parse_notes(void **state)
{
	static const struct {
		const char *line;
		bool utf8;
		bool want;
		const char *remark;
	} rows[] = {
		{ "nokey", true, false, "W: expected format: key whitespace value" },
		{ "foo: bar", true, true,
			"W: record is in \"key: value\" format; is this an alias file?" },
		{ "\"unbal foo", true, false,
			"W: unbalanced '\"' in '\"unbal foo' -- ignoring this line" },
		{ "bad\xff val", true, false,
			"W: non-UTF-8 input \"bad? val\" -- ignoring this line" },
		{ "bad\xff val", false, true, "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct str key, value;

		tt_reset();
		assert_int_equal(textline_parse(str_of(rows[i].line), rows[i].utf8, "W", false,
					 &tt_note, &key, &value),
			rows[i].want);
		tt_expect_note(rows[i].remark);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_split),
		cmocka_unit_test(test_parse_notes),
	};
	int r = cmocka_run_group_tests(tests, NULL, NULL);

	buf_done(&tt_notes);
	return r;
}
