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
	{ "(x)a@b", "(x) a@b" },
	{ "a (x) @b", "a@b (x)" },
	{ "list:a@b,c@d;", "list: a@b, c@d;" },
	{ "undisclosed-recipients:;", "undisclosed-recipients:;" },
	{ "John Q. Public <j@x>", "John Q. Public <j@x>" },
	{ "<>", "<>" },
	{ "<a", "<a>" },
	{ "a@[1.2.3.4]", "a@[1.2.3.4]" },
	{ "<a> x", "<a> x" },
	{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@b, bbbbbbbbbbbbbbbbbbbbbbbbbbbbb@b",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@b, bbbbbbbbbbbbbbbbbbbbbbbbbbbbb@b" },
	{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@b, bbbbbbbbbbbbbbbbbbbbbbbbbbbbb@bbb, c",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@b,\n\tbbbbbbbbbbbbbbbbbbbbbbbbbbbbb@bbb, c" },
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
		cmocka_unit_test(test_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
