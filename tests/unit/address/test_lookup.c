/* SPDX-License-Identifier: Apache-2.0 */
/* The order of keys. */
#include "world.h"

static void open_maps(struct tables *t, const char *spec)
{
	assert_int_equal(tables_open(&world_tables, "test_maps", str_of(spec), TABLE_FOLD_FIX, t,
				 NULL),
		0);
}

static const struct {
	const char *table, *address, *value, *ext; /* value NULL: none */
} cases[] = {
	{ "inline:{{a+x@b.c=1},{a@b.c=2}}", "a+x@b.c", "1", "" },
	{ "inline:{{a@b.c=2},{@b.c=3}}", "a+x@b.c", "2", "+x" },
	{ "inline:{{@b.c=3}}", "a+x@b.c", "3", "" },
	{ "inline:{{@b.c=3}}", "a@b.c", "3", "" },
	{ "inline:{{a=4}}", "a@b.c", NULL, "" },
	{ "inline:{{a+x=4},{a=5}}", "a+x@example.org", "4", "" },
	{ "inline:{{a=5},{@example.org=6}}", "a+x@example.org", "5", "+x" },
	{ "inline:{{a=5},{a@example.org=7}}", "a@example.org", "7", "" },
	{ "inline:{{a=5}}", "a+x", "5", "+x" },
	{ "inline:{{a@b.c=2},{@b.c=3}}", "a+@b.c", "2", "+" },
	{ "inline:{{a=5}}", "a+@example.org", "5", "+" },
	{ "inline:{{a=5}}", "a@[127.0.0.1]", "5", "" },
	{ "inline:{{@example.org=6}}", "a", NULL, "" },
	/* quoted first, then as it is */
	{ "inline:{{\"a;b\"@b.c=1},{a;b@b.c=2}}", "a;b@b.c", "1", "" },
	{ "inline:{{a;b@b.c=2}}", "a;b@b.c", "2", "" },
	/* a local part with '@' is no address */
	{ "inline:{{a@b=bad}}", "a@b@example.org", NULL, "" },
	{ "inline:{{\"a@b\"=good}}", "a@b@example.org", "good", "" },
	/* patterns see the whole address, once */
	{ "regexp:{{/^a@b.c$/ 1}}", "a+x@b.c", NULL, "" },
	{ "regexp:{{/^@b.c$/ 1} {/^a\\+x@b.c$/ 2}}", "a+x@b.c", "2", "" },
	/* each key in all tables */
	{ "inline:{{a@b.c=2}} inline:{{a+x@b.c=1}}", "a+x@b.c", "1", "" },
	{ "", "a@b.c", NULL, "" },
};

static void test_order(void **state)
{
	struct router_settings s = world();
	struct router *r = world_router(&s);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf b = BUF(100);
		struct str ext = STR_EMPTY;
		struct tables t;
		enum lookup found;

		open_maps(&t, cases[i].table);
		found = address_lookup(r, &t, str_of(cases[i].address), AL_LOCAL_PART | AL_DOMAIN,
			&b, &ext, NULL);
		if (found != (cases[i].value == NULL ? LOOKUP_NONE : LOOKUP_FOUND) ||
			!str_eq(buf_str(&b), str_of(cases[i].value)) ||
			!str_eq(ext, str_of(cases[i].ext)))
			fail_msg("%s in %s: %d %s " STR_FMT, cases[i].address, cases[i].table,
				found, buf_cstr(&b), STR_ARG(ext));
		buf_done(&b);
		tables_done(&t);
	}
	router_free(r);
}

static void test_flags(void **state)
{
	struct router_settings s = world();
	struct router *r = world_router(&s);
	struct buf b = BUF(100);
	struct tables t;

	(void)state;
	open_maps(&t, "inline:{{a=5},{@example.org=6}}");
	assert_int_equal(address_lookup(r, &t, STR("a@example.org"), 0, &b, NULL, NULL),
		LOOKUP_NONE);
	assert_int_equal(address_lookup(r, &t, STR("a@example.org"), AL_DOMAIN, &b, NULL, NULL),
		LOOKUP_FOUND);
	assert_string_equal(buf_cstr(&b), "6");
	tables_done(&t);
	open_maps(&t, "inline:{{a@example.org=5}} fail:x");
	assert_int_equal(address_lookup(r, &t, STR("a@example.org"), 0, &b, NULL, NULL),
		LOOKUP_FOUND);
	assert_int_equal(address_lookup(r, &t, STR("b@example.org"), 0, &b, NULL, NULL),
		LOOKUP_TEMPFAIL);
	tables_done(&t);
	router_free(r);
	/* whether a domain is local cannot be told */
	s.mydestination = "fail:x";
	r = world_router(&s);
	open_maps(&t, "inline:{{@b.c=5}}");
	assert_int_equal(address_lookup(r, &t, STR("b@b.c"), AL_LOCAL_PART | AL_DOMAIN, &b, NULL,
				 NULL),
		LOOKUP_TEMPFAIL);
	tables_done(&t);
	buf_done(&b);
	router_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_flags),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
