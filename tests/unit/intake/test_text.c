/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of intake/text.c: sets of bytes.
 */
#include "rig.h"

static void test_sets(void **state)
{
	static const struct {
		const char *text;
		struct str bytes; /* all of the set */
	} cases[] = {
		{ "", { "", 0 } },
		{ "abc", { "abc", 3 } },
		{ "\\0\\r\\n\\t", { "\0\r\n\t", 4 } },
		{ "\\001\\377\\\\", { "\001\377\\", 3 } },
		{ "\\0123", { "\0123", 2 } },
		{ "a\\", { "a\\", 2 } },
		{ "\\x", { "x", 1 } },
		{ "aabbaa", { "ab", 2 } },
		{ "abcd", { "abcd", 4 } },
		{ "abcde", { "abcde", 5 } },
		{ "edcba\\0", { "abcde\0", 6 } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct byteset b;

		byteset_parse(&b, str_of(cases[i].text));
		for (int c = 0; c < 256; c++) {
			char ch = (char)c;
			bool want = cases[i].bytes.len > 0 &&
				    memchr(cases[i].bytes.ptr, c, cases[i].bytes.len) != NULL;

			if (byteset_hits(&b, str_from(&ch, 1)) != want)
				fail_msg("\"%s\": byte %d", cases[i].text, c);
		}
		assert_false(byteset_hits(&b, STR_EMPTY));
		assert_int_equal(b.n, cases[i].bytes.len);
		/* Wherever the byte stands. */
		for (size_t k = 0; k < cases[i].bytes.len; k++) {
			char line[] = "~~~~~~~~";

			for (size_t at = 0; at < 8; at++) {
				memset(line, '~', 8);
				line[at] = cases[i].bytes.ptr[k];
				assert_true(byteset_hits(&b, str_from(line, 8)));
			}
		}
		assert_false(byteset_hits(&b, STR("~~~~~~~~")));
	}
}

RIG_MAIN(cmocka_unit_test(test_sets));
