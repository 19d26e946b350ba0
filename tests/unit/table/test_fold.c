/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of table/fold.c.
 */
#include "table/fold.h"

#include <errno.h>

#include "table_test.h"

static void test_fold(void **state)
{
	static const struct {
		const char *in;
		bool utf8;
		int want;
		const char *out;
	} rows[] = {
		{ "", false, 0, "" },
		{ "AbC-0@Z", false, 0, "abc-0@z" },
		{ "AbC-0@Z", true, 0, "abc-0@z" },
		{ "\xc3\x84", false, 0, "\xc3\x84" },
		{ "\xc3\x84", true, 0, "\xc3\xa4" },
		{ "STRA\xe1\xba\x9e"
		  "E",
			true, 0, "strasse" },
		{ "\xff", false, 0, "\xff" },
		{ "\xff", true, -EILSEQ, "" },
		{ "\xed\xa0\x80", true, -EILSEQ, "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct buf b = BUF(BUF_SMALL);
		int r = table_fold(&b, str_of(rows[i].in), rows[i].utf8);

		if (r != rows[i].want || strcmp(buf_cstr(&b), rows[i].out) != 0)
			fail_msg("row %zu: %d \"%s\"", i, r, buf_cstr(&b));
		buf_done(&b);
	}
}

static void test_long(void **state)
{
	struct buf in = BUF(BUF_SMALL), out = BUF(BUF_SMALL), small = BUF(100);

	(void)state;
	/* Longer than the function's own buffer. */
	for (int i = 0; i < 1000; i++)
		buf_puts(&in, "\xc3\x84");
	assert_int_equal(table_fold(&out, buf_str(&in), true), 0);
	assert_int_equal(out.len, in.len);
	assert_int_equal((unsigned char)out.ptr[1999], 0xa4);
	assert_int_equal(table_fold(&small, buf_str(&in), true), -EMSGSIZE);
	assert_int_equal(small.len, 0);
	buf_done(&in);
	buf_done(&out);
	buf_done(&small);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fold),
		cmocka_unit_test(test_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
