/* SPDX-License-Identifier: Apache-2.0 */
/* What is this host's. */
#include "world.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_local) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
