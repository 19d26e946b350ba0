/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of table/randmap.c.
 */
#include "table_test.h"

static void test_rows(void **state)
{
	static const struct tt_row rows[] = {
		{ "randmap:{a}", 0, "k", LOOKUP_FOUND, "a" },
		{ "randmap:{a,a a}", 0, "k", LOOKUP_FOUND, "a" },
		{ "randmap:a", 0, "k", LOOKUP_TEMPFAIL, NULL },
		{ "randmap:{}", 0, "k", LOOKUP_TEMPFAIL, NULL },
		{ "randmap:{a", 0, "k", LOOKUP_TEMPFAIL, NULL },
	};

	(void)state;
	tt_run(rows, ARRAY_LEN(rows));
}

static void test_all_members(void **state)
{
	struct table *t = table_open(&tt_settings, STR("randmap:{a, b, c}"), 0);
	unsigned seen = 0;

	(void)state;
	/* Each member is missed in 1000 draws with a probability of 10^-176. */
	for (int i = 0; i < 1000; i++) {
		struct buf value = BUF(BUF_SMALL);
		struct why why;

		assert_int_equal(table_get(t, STR("k"), &value, &why), LOOKUP_FOUND);
		seen |= 1u << (value.ptr[0] - 'a');
		buf_done(&value);
	}
	assert_int_equal(seen, 7);
	table_unref(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_all_members),
	};
	int r = cmocka_run_group_tests(tests, NULL, NULL);

	buf_done(&tt_notes);
	return r;
}
