/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses mapped to addresses. */
#include "world.h"

static const struct {
	const char *table, *address, *want; /* want NULL: none; "!": temporary error */
	bool propagate;
} cases[] = {
	{ "inline:{{a@b.c=x@y.z}}", "a@b.c", "x@y.z|", true },
	{ "inline:{{a@b.c=x@y.z, u, \"q r\"@s}}", "a@b.c", "x@y.z|u@example.org|q r@s|", true },
	{ "inline:{{a@b.c=x@y.z}}", "a+e@b.c", "x+e@y.z|", true },
	{ "inline:{{a@b.c=x@y.z}}", "a+e@b.c", "x@y.z|", false },
	{ "inline:{{a@b.c=x@y.z}}", "a+@b.c", "x+@y.z|", true },
	{ "inline:{{a@b.c=x@y.z}}", "+a@b.c", NULL, true },
	{ "inline:{{a+e@b.c=x@y.z}}", "a+e@b.c", "x@y.z|", true },
	{ "inline:{{@b.c=@d.e}}", "a+e@b.c", "a+e@d.e|", true },
	{ "inline:{{@b.c=@d.e}}", "a+e@b.c", "a+e@d.e|", false },
	{ "inline:{{@b.c=x}}", "a+e@b.c", "x@example.org|", true },
	{ "inline:{{@b.c=@d.e}}", "a b@b.c", "a b@d.e|", true },
	{ "inline:{{@b.c=@d.e}}", "@x.y:a@b.c", "a@d.e|", true },
	{ "inline:{{@b.c=@d.e}}", "@x.y,@z:a b+e@b.c", "a b+e@d.e|", true },
	{ "inline:{{a@b.c=,}}", "a@b.c", "!", true },
	{ "inline:{{a@b.c=x@y.z}}", "b@b.c", NULL, true },
	{ "fail:x", "b@b.c", "!", true },
	{ "inline:{{a=s!u}}", "a@example.org", "u@s|", true },
};

static void test_map(void **state)
{
	struct router_settings s = world();
	struct router *r = world_router(&s);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct arena *a = arena_new(0);
		struct buf b = BUF(1000);
		struct address_list l;
		struct tables t;
		enum lookup found;

		assert_int_equal(tables_open(&world_tables, "test_maps", str_of(cases[i].table),
					 TABLE_FOLD_FIX, &t, NULL),
			0);
		found = address_map(r, &t, str_of(cases[i].address), cases[i].propagate, a, &l,
			NULL);
		for (size_t j = 0; found == LOOKUP_FOUND && j < l.n; j++)
			buf_putf(&b, STR_FMT "|", STR_ARG(l.v[j]));
		if (found == LOOKUP_TEMPFAIL)
			buf_puts(&b, "!");
		if (!str_eq(buf_str(&b), str_of(cases[i].want)))
			fail_msg("%s in %s: %d %s", cases[i].address, cases[i].table, found,
				buf_cstr(&b));
		buf_done(&b);
		tables_done(&t);
		arena_free(a);
	}
	router_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_map) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
