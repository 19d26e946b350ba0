/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens back to header text. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "address/address.h"

static const struct {
	const char *in, *want;
} cases[] = {
	{ "", "" },
	{ "a@b", "a@b" },
	{ "a@b,c@d", "a@b, c@d" },
	{ "  A  B<a@b>", "A B <a@b>" },
	{ "\"C, \\\"D\" <c@d>", "\"C, \\\"D\" <c@d>" },
	{ "a@b(x)", "a@b (x)" },
	{ "(x)a@b", "a@b (x)" },
	{ "<(x)a@b>(y)", "<a@b (x)> (y)" },
	{ "(x)", "(x)" },
	{ "a b@c", "a, b@c" },
	{ "list: a, c; e", "list: a, c;, e" },
	{ "a (x) @b", "a@b (x)" },
	{ "list:a@b,c@d;", "list: a@b, c@d;" },
	{ "undisclosed-recipients:;", "undisclosed-recipients: ;" },
	{ "John Q. Public <j@x>", "John Q. Public <j@x>" },
	{ "<>", "<>" },
	{ "<a", "<a" },
	{ "a@[1.2.3.4]", "a@[1.2.3.4]" },
	{ "<a> x", "<a>, x" },
};

static void test_format(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct arena *a = arena_new(0);
		struct buf b = BUF(1000);
		struct tok_tree t;

		buf_puts(&b, "To: ");
		address_tokens(str_of(cases[i].in), 100, a, &t);
		assert_int_equal(address_tokens_format(&b, &t), 0);
		if (!str_eq(str_skip(buf_str(&b), 4), str_of(cases[i].want)))
			fail_msg("%s: got %s, want %s", cases[i].in, buf_cstr(&b), cases[i].want);
		buf_done(&b);
		arena_free(a);
	}
}

/* Lines of 69 columns at most, the TAB not counted. */
static void test_fold(void **state)
{
	static const struct {
		int n;
		bool fold_first, fold_second;
	} folds[] = { { 40, false, false }, { 57, false, false }, { 58, false, true },
		{ 59, false, true }, { 60, true, false }, { 66, true, false }, { 67, true, true } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(folds); i++) {
		struct arena *a = arena_new(0);
		struct buf in = BUF(1000), b = BUF(1000), want = BUF(1000);
		struct tok_tree t;

		buf_putf(&in, "a@b, %0*d,c", folds[i].n, 0);
		buf_putf(&want, "To: a@b,%s%0*d,%sc", folds[i].fold_first ? "\n\t" : " ",
			folds[i].n, 0, folds[i].fold_second ? "\n\t" : " ");
		buf_puts(&b, "To: ");
		address_tokens(buf_str(&in), 100, a, &t);
		assert_int_equal(address_tokens_format(&b, &t), 0);
		if (!str_eq(buf_str(&b), buf_str(&want)))
			fail_msg("%d: got %s", folds[i].n, buf_cstr(&b));
		buf_done(&in);
		buf_done(&b);
		buf_done(&want);
		arena_free(a);
	}
}

static void test_limit(void **state)
{
	struct arena *a = arena_new(0);
	struct buf b = BUF(9);
	struct tok_tree t;

	(void)state;
	address_tokens(STR("a@b,  c@dd"), 100, a, &t);
	assert_int_equal(address_tokens_format(&b, &t), 0);
	buf_clear(&b);
	address_tokens(STR("a@b,  c@ddd"), 100, a, &t);
	assert_int_equal(address_tokens_format(&b, &t), -EMSGSIZE);
	assert_int_equal(b.len, 0);
	buf_done(&b);
	arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_format),
		cmocka_unit_test(test_fold),
		cmocka_unit_test(test_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
