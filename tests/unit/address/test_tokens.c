/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses in header bodies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "address/address.h"

static const struct {
	const char *in, *want; /* addresses in internal form, each followed by '|' */
} lists[] = {
	{ "", "" },
	{ "a@b", "a@b|" },
	{ "a@b, c@d", "a@b|c@d|" },
	{ "A B <a@b>, \"C, D\" <c@d>", "a@b|c@d|" },
	{ "a@b (comment, with comma), (x) c@d", "a@b|c@d|" },
	{ "list: a@b, c@d; e@f", "a@b|c@d|e@f|" },
	{ "undisclosed-recipients:;", "" },
	{ "a . b @ c . d", "a.b@c.d|" },
	{ "\"a b\"@c", "a b@c|" },
	{ "<@x,@y:a@b>, c", "@x,@y:a@b|c|" },
	{ "@x,@y:a@b, c", "@x|@y:a@b|c|" },
	{ "Foo <a@b, c@d", "Foo <a@b|c@d|" },
	{ "a b@c \"d e\"", "a|b@c|d e|" },
	{ "a <b c@d>", "bc@d|" },
	{ "a:b@c, d", "a:b@c|d|" },
	{ "a@b: c, d;", "c|d|" },
	{ "<<a>>", "a>|" },
	{ "(only a comment)", "" },
	{ "<a> x", "a|x|" },
	{ "<a, b>", "a,b|" },
	{ "<>", "" },
	{ ",,a,,b,", "a|b|" },
	{ "a@[1.2.3.4]", "a@[1.2.3.4]|" },
	{ "site!user", "site!user|" },
	{ "user%dom@host", "user%dom@host|" },
	{ ":include:/a/b, c", ":include:/a/b|c|" },
	{ "\"|/bin/x -a, b\"", "|/bin/x -a, b|" },
	{ "/file/name", "/file/name|" },
	{ "a@b\n\t(x),\n c@d", "a@b|c@d|" },
	{ "John Q. Public <jqp@x.y> (late)", "jqp@x.y|" },
	{ "a <b> <c>, d", "b|c|d|" },
	{ "a;b", "a|b|" },
};

static void test_list(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		struct arena *a = arena_new(0);
		struct buf b = BUF(1000);
		struct address_list l;

		address_list_parse(str_of(lists[i].in), 100, a, &l);
		for (size_t j = 0; j < l.n; j++)
			buf_putf(&b, STR_FMT "|", STR_ARG(l.v[j]));
		if (!str_eq(buf_str(&b), str_of(lists[i].want)))
			fail_msg("%s: got %s, want %s", lists[i].in, buf_cstr(&b), lists[i].want);
		buf_done(&b);
		arena_free(a);
	}
}

static void test_set(void **state)
{
	struct arena *a = arena_new(0);
	struct buf b = BUF(1000);
	struct tok_tree t;
	struct tok *d;

	(void)state;
	address_tokens(STR("X <a@b> (c), d"), 100, a, &t);
	d = address_next(t.head);
	address_set_tok(d, STR("new one@x"), a);
	assert_true(str_eq(address_of_tok(d, a), STR("new one@x")));
	assert_true(str_eq(address_of_tok_external(d, a), STR("\"new one\"@x")));
	d = address_next(d->next);
	assert_true(str_eq(address_of_tok(d, a), STR("d")));
	address_set_tok_external(d, STR("\"q r\"@z"), a);
	assert_true(str_eq(address_of_tok(d, a), STR("q r@z")));
	assert_null(address_next(d->next));
	assert_int_equal(address_tokens_format(&b, &t), 0);
	assert_string_equal(buf_cstr(&b), "X <\"new one\"@x> (c), \"q r\"@z");
	buf_done(&b);
	arena_free(a);
}

static void test_limit(void **state)
{
	struct arena *a = arena_new(0);
	struct tok_tree t;

	(void)state;
	address_tokens(STR("a,b,c"), 3, a, &t);
	assert_int_equal(t.count, 3);
	assert_null(address_next(address_next(address_next(t.head)->next)->next));
	arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_set),
		cmocka_unit_test(test_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
