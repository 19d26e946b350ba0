/* SPDX-License-Identifier: Apache-2.0 */
/* Results that are kept. */
#include "world.h"

static void test_keep(void **state)
{
	struct resolve_reply in = { STR("t"), STR("n"), STR("r@x"), 256 }, out;
	struct resolve_cache *c = resolve_cache_new(8);
	struct arena *a = arena_new(0);

	(void)state;
	assert_false(resolve_cache_get(c, STR("s"), STR("r"), a, &out));
	resolve_cache_put(c, STR("s"), STR("r"), &in);
	assert_true(resolve_cache_get(c, STR("s"), STR("r"), a, &out));
	assert_true(str_eq(out.transport, in.transport) && str_eq(out.nexthop, in.nexthop) &&
		    str_eq(out.recipient, in.recipient) && out.flags == 256);
	/* sender and recipient are not mixed up */
	assert_false(resolve_cache_get(c, STR(""), STR("r"), a, &out));
	assert_false(resolve_cache_get(c, STR("sr"), STR(""), a, &out));
	resolve_cache_free(c);
	arena_free(a);
	assert_null(resolve_cache_new(0));
}

/* Whatever is put in: no more than the size, and what is found is right. */
static void test_bound(void **state)
{
	struct resolve_cache *c = resolve_cache_new(4);
	struct arena *a = arena_new(0);
	struct resolve_reply out;
	unsigned hits = 0;

	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		struct str rcpt = arena_fmt(a, "u%u@x", i);
		struct resolve_reply in = { STR("t"), STR("n"), rcpt, i };

		resolve_cache_put(c, STR_EMPTY, rcpt, &in);
	}
	for (unsigned i = 0; i < 100; i++) {
		struct str rcpt = arena_fmt(a, "u%u@x", i);

		if (!resolve_cache_get(c, STR_EMPTY, rcpt, a, &out))
			continue;
		assert_true(str_eq(out.recipient, rcpt) && out.flags == i);
		hits++;
	}
	assert_in_range(hits, 1, 4);
	resolve_cache_free(c);
	arena_free(a);
}

static void test_long_key(void **state)
{
	struct resolve_reply in = { STR("t"), STR("n"), STR("r"), 1 }, out;
	struct resolve_cache *c = resolve_cache_new(4);
	struct arena *a = arena_new(0);
	struct str rcpt = arena_fmt(a, "%01023d", 0);

	(void)state;
	resolve_cache_put(c, STR_EMPTY, rcpt, &in);
	assert_true(resolve_cache_get(c, STR_EMPTY, rcpt, a, &out));
	rcpt = arena_fmt(a, "%01024d", 0);
	resolve_cache_put(c, STR_EMPTY, rcpt, &in);
	assert_false(resolve_cache_get(c, STR_EMPTY, rcpt, a, &out));
	resolve_cache_free(c);
	arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keep),
		cmocka_unit_test(test_bound),
		cmocka_unit_test(test_long_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
