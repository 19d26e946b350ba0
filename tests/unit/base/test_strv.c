/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of base/strv.c.
 */
#include "base/strv.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/buf.h"

static void test_add(void **state)
{
	_cleanup_strv_ struct strv v = { 0 };

	(void)state;
	for (int i = 0; i < 100; i++) {
		strv_add(&v, STR("word"));
		assert_null(v.v[v.n]);
	}
	assert_int_equal(v.n, 100);
	assert_true(strv_has(&v, STR("word")));
	assert_false(strv_has(&v, STR("wor")));
	strv_done(&v);
	assert_false(strv_has(&v, STR("word")));
	strv_split(&v, STR(" a, b ,{c d}"), ", ");
	assert_int_equal(v.n, 4);
	assert_string_equal(v.v[3], "d}");
}

static void test_braces(void **state)
{
	static const struct {
		const char *in;
		const char *out; /* words joined with '|'; NULL: refused */
	} cases[] = {
		{ "", "" },
		{ " a  b ", "|a|b" },
		{ "{ a b } c", "|a b|c" },
		{ "{}", "|" },
		{ "{a {b} c}, d", "|a {b} c|d" },
		{ "x{y z}", "|x{y|z}" },
		{ "{a", NULL },
		{ "{a}b", NULL },
		{ "ok {a {b}", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		_cleanup_strv_ struct strv v = { 0 };
		_cleanup_buf_ struct buf b = BUF(BUF_SMALL);
		int r = strv_split_braces(&v, str_of(cases[i].in), ", ");

		for (size_t j = 0; j < v.n; j++)
			buf_putf(&b, "|%s", v.v[j]);
		if (cases[i].out == NULL ? (r != -EINVAL || v.n != 0)
					 : (r != 0 || strcmp(buf_cstr(&b), cases[i].out) != 0))
			fail_msg("\"%s\": %d \"%s\"", cases[i].in, r, buf_cstr(&b));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_add),
		cmocka_unit_test(test_braces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
