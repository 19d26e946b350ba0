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
	}
}

RIG_MAIN(cmocka_unit_test(test_sets));
