/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of service/table_tool.c: options, queries, removals, listings.
 */
#include "table_tool_test.h"

static void test_queries(void **state)
{
	(void)state;
	TT_RUN("", 0, "x\n", NULL, "-q", "a", "static:x");
	TT_RUN("", 1, "", NULL, "-q", "b", "inline:{a=x}");
	TT_RUN("", 0, "y\n", NULL, "-q", "b", "inline:{a=x}", "inline:{b=y}");
	TT_RUN("a\nc\nb", 0, "a=1\nb=2\n", NULL, "-q", "-", "inline:{a=1}", "inline:{b=2}");
	TT_RUN("c\n", 1, "", NULL, "-q", "-", "inline:{a=1}");
	TT_RUN("", 0, "{\"a\": \"1\"}\n", NULL, "-jq", "a", "inline:{a=1}");
	TT_RUN("", 0, "x\n", NULL, "-q", "A", "inline:{a=x}");
	TT_RUN("", 1, "", NULL, "-fq", "A", "inline:{a=x}");
	TT_RUN("", 1, "", "fatal: table fail:x: query error: ", "-q", "a", "fail:x");
	TT_RUN("", 1, "", "fatal: unsupported dictionary type: nosuch", "-q", "a", "nosuch:x");
	TT_RUN("", 0, "\n", "empty string result is not allowed", "-q", "a", "inline:{a=}");
	TT_RUN("", 0, "a=1\n", NULL, "-s", "inline:{a=1}");
	TT_RUN("", 1, "", "sequence operation is not supported", "-s", "static:x");
}

static void test_options(void **state)
{
	(void)state;
	TT_RUN("", 1, "", "fatal: usage: tool", "-z");
	TT_RUN("", 1, "", "fatal: usage: tool", "-b");
	TT_RUN("", 1, "", "fatal: usage: tool", "-q", "a");
	TT_RUN("", 1, "", "fatal: specify only one of -s -q or -d", "-q", "a", "-d", "b",
		"static:x");
	TT_RUN("", 1, "", "fatal: specify only one of -s or -q or -d", "-q", "a", "-s", "static:x");
	TT_RUN("", 1, "", "fatal: specify -j only with -q or -s", "-j", "lmdb:x");
}

static void test_removal(void **state)
{
	(void)state;
	TT_RUN("a 1\nb 2\nc 3\n", 0, "", NULL, "-i", "lmdb:tt-map");
	TT_RUN("", 0, "", NULL, "-d", "A", "lmdb:tt-map");
	TT_RUN("", 1, "", NULL, "-d", "a", "lmdb:tt-map");
	TT_RUN("x\nc\n", 0, "", NULL, "-d", "-", "lmdb:tt-map");
	TT_RUN("", 0, "b=2\n", NULL, "-s", "lmdb:tt-map");
	(void)unlink("tt-map.lmdb");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_queries),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_removal),
	};

	return cmocka_run_group_tests(tests, tt_setup, NULL);
}
