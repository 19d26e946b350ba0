/* SPDX-License-Identifier: Apache-2.0 */
/* What is this host's. */
#include "world.h"

#include <pthread.h>

static void test_local(void **state)
{
	static const struct {
		const char *domain;
		enum lookup want;
	} cases[] = {
		{ "example.org", LOOKUP_FOUND },
		{ "MX.EXAMPLE.ORG", LOOKUP_FOUND },
		{ "sub.example.org", LOOKUP_NONE },
		{ "[127.0.0.1]", LOOKUP_FOUND },
		{ "[9.9.9.9]", LOOKUP_FOUND },
		{ "[IPv6:2001:db8::1]", LOOKUP_FOUND },
		{ "[2001:db8::1]", LOOKUP_NONE },
		{ "127.0.0.1", LOOKUP_NONE },
		{ "[1.2.3.4]", LOOKUP_NONE },
		{ "[]", LOOKUP_NONE },
		{ "[", LOOKUP_NONE },
	};
	struct router_settings s = world();
	struct router *r = world_router(&s);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (router_is_local_domain(r, str_of(cases[i].domain), NULL) != cases[i].want)
			fail_msg("%s", cases[i].domain);
	assert_null(router_changed(r));
	router_free(r);
	s.mydestination = "fail:x";
	r = world_router(&s);
	assert_int_equal(router_is_local_domain(r, STR("x"), NULL), LOOKUP_TEMPFAIL);
	router_free(r);
}

static void test_quick(void **state)
{
	static const struct {
		const char *domains, *maps;
		bool want;
	} cases[] = {
		{ "", "", true },
		{ "example.org, !sub.example.org", "", true },
		{ "example.org", "lmdb:/x, hash:/y texthash:/z", true },
		{ "example.org", "static:smtp", true },
		{ "example.org", "proxy:lmdb:/x", false },
		{ "example.org", "hash:/x, ldap:/y", false },
		{ "example.org, unix:passwd.byname", "", false },
		{ "!socketmap:unix:x:y", "", false },
		{ "/nonexistent/list", "", false },
		{ "example.org", "unheard-of:x", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct router_settings s = world();
		struct router *r;

		s.relay_domains = cases[i].domains;
		s.transport_maps = cases[i].maps;
		r = world_router(&s);
		if (router_is_quick(r) != cases[i].want)
			fail_msg("%s %s", cases[i].domains, cases[i].maps);
		router_free(r);
	}
}

/* What was resolved once is there without a table. */
static void test_cached(void **state)
{
	struct router_settings s = world();
	struct resolve_reply reply = { 0 };
	struct arena *a = arena_new(0);
	struct router *r;

	(void)state;
	s.cache_size = 100;
	r = world_router(&s);
	assert_false(router_resolve_cached(r, STR("s@x"), STR("a@b.c"), a, &reply));
	router_resolve(r, STR("s@x"), STR("a@b.c"), a, &reply);
	reply = (struct resolve_reply){ 0 };
	assert_true(router_resolve_cached(r, STR("other@x"), STR("a@b.c"), a, &reply));
	assert_true(str_eq(reply.recipient, STR("a@b.c")));
	arena_free(a);
	router_free(r);
}

struct worker {
	pthread_t thread;
	const struct router *r;
	unsigned seed, wrong;
};

/* Ask for the same few hundred addresses in another order than the others. */
static void *resolve_many(void *arg)
{
	struct worker *w = arg;

	for (unsigned i = 0; i < 2000; i++) {
		unsigned n = (i * 7 + w->seed * 13) % 300;
		struct arena *a = arena_new(0);
		struct str rcpt = arena_fmt(a, "u%u@%s", n, n % 3 == 0 ? "example.org" : "b.c");
		struct resolve_reply reply;

		router_resolve(w->r, STR_EMPTY, rcpt, a, &reply);
		w->wrong += !str_eq(reply.recipient, rcpt) ||
			    reply.flags != (n % 3 == 0 ? RESOLVE_LOCAL : RESOLVE_DEFAULT);
		arena_free(a);
	}
	return NULL;
}

static void test_threads(void **state)
{
	struct router_settings s = world();
	struct worker w[4];
	struct router *r;

	(void)state;
	s.cache_size = 64;
	s.transport_maps = "inline:{{d.e=x:}}";
	r = world_router(&s);
	for (unsigned i = 0; i < ARRAY_LEN(w); i++) {
		w[i] = (struct worker){ .r = r, .seed = i };
		assert_int_equal(pthread_create(&w[i].thread, NULL, resolve_many, &w[i]), 0);
	}
	for (unsigned i = 0; i < ARRAY_LEN(w); i++) {
		assert_int_equal(pthread_join(w[i].thread, NULL), 0);
		assert_int_equal(w[i].wrong, 0);
	}
	router_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_local),
		cmocka_unit_test(test_threads), cmocka_unit_test(test_quick),
		cmocka_unit_test(test_cached) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
