/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of service/table_build.c: from a source file to a table.
 */
#include "table_tool_test.h"

static void test_build(void **state)
{
	(void)state;
	tt_write("tt-src", "a 1\nB 2\nonlykey\na 3\n");
	TT_RUN("", 0, "", "tt-src, line 3: expected format: key whitespace value", "lmdb:tt-src");
	TT_RUN("", 0, "a=1\nb=2\n", NULL, "-s", "lmdb:tt-src");
	TT_RUN("", 0, "", "lmdb:tt-src: duplicate entry: \"a\"", "lmdb:tt-src");
	TT_RUN("", 0, "", NULL, "-r", "cdb:tt-src");
	TT_RUN("", 0, "3\n", NULL, "-q", "a", "cdb:tt-src");
	TT_RUN("", 0, "", NULL, "-fw", "lmdb:tt-src");
	TT_RUN("", 0, "B=2\na=1\n", NULL, "-s", "lmdb:tt-src");
	TT_RUN("", 1, "", "fatal: open tt-none: No such file or directory", "lmdb:tt-none");
	TT_RUN("", 1, "", "Is a directory", "lmdb:tt-conf");
	TT_RUN("", 1, "", "inline does not support bulk-mode creation", "inline:tt-src");
	(void)unlink("tt-src.lmdb");
	(void)unlink("tt-src.cdb");
}

static void test_files_as_values(void **state)
{
	(void)state;
	tt_write("tt-src", "k tt-value\n");
	tt_write("tt-value", "content\n");
	TT_RUN("", 0, "", NULL, "-F", "lmdb:tt-src");
	TT_RUN("", 0, "Y29udGVudAo=\n", NULL, "-q", "k", "lmdb:tt-src");
	TT_RUN("", 0, "content\n\n", NULL, "-F", "-q", "k", "lmdb:tt-src");
	(void)unlink("tt-src.lmdb");
}

static void test_mode(void **state)
{
	static const struct {
		mode_t source;
		const char *option;
		mode_t want;
	} rows[] = {
		{ 0600, "-w", 0600 },
		{ 0640, "-w", 0640 },
		{ 0666, "-w", 0644 },
		{ 0600, "-p", 0644 },
	};

	(void)state;
	tt_write("tt-src", "a 1\n");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct stat st;

		assert_int_equal(chmod("tt-src", rows[i].source), 0);
		TT_RUN("", 0, "", NULL, rows[i].option, "lmdb:tt-src");
		assert_int_equal(stat("tt-src.lmdb", &st), 0);
		assert_int_equal(st.st_mode & 0777, rows[i].want);
		assert_int_equal(unlink("tt-src.lmdb"), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_build),
		cmocka_unit_test(test_files_as_values),
		cmocka_unit_test(test_mode),
	};

	return cmocka_run_group_tests(tests, tt_setup, NULL);
}
