/* SPDX-License-Identifier: Apache-2.0 */
/* Standard forms, as Debian's trivial-rewrite gives them unless a comment says otherwise. */
#include "world.h"

#include <errno.h>

struct rule_case {
	const char *in, *local, *remote;
};

static void run(const struct router_settings *s, const struct rule_case *cases, size_t n)
{
	struct router *r = world_router(s);

	for (size_t i = 0; i < n; i++)
		for (int rule = REWRITE_LOCAL; rule <= REWRITE_REMOTE; rule++) {
			const char *want = rule == REWRITE_LOCAL ? cases[i].local : cases[i].remote;
			struct buf b = BUF(1000);

			assert_int_equal(router_rewrite(r, (enum rewrite_rule)rule,
						 str_of(cases[i].in), &b),
				0);
			if (!str_eq(buf_str(&b), str_of(want)))
				fail_msg("%s, rule %d: got %s, want %s", cases[i].in, rule,
					buf_cstr(&b), want);
			buf_done(&b);
		}
	router_free(r);
}

static void test_forms(void **state)
{
	static const struct rule_case cases[] = {
		{ "", "", "" },
		{ "a", "a@example.org", "a" },
		{ "a@b", "a@b.example.org", "a@b" },
		{ "a@b.c", "a@b.c", "a@b.c" },
		{ "a!b", "b@a.example.org", "b@a" },
		{ "a!b!c", "b!c@a.example.org", "b!c@a" },
		{ "a!b@c", "a!b@c.example.org", "a!b@c" },
		{ "a%b%c", "a%b@c.example.org", "a%b@c" },
		{ "a%b@c", "a%b@c.example.org", "a%b@c" },
		{ "a!b%c", "b%c@a.example.org", "b%c@a" },
		{ "a%b!c", "c@a%b.example.org", "c@a%b" },
		{ "@x:a@b", "a@b.example.org", "a@b" },
		{ "@x,@y:a@b.c", "a@b.c", "a@b.c" },
		{ "@x:a", "a@example.org", "a" },
		{ "@x:@y", "\"\"@y.example.org", "\"\"@y" },
		{ "@x:b!c", "c@b.example.org", "c@b" },
		{ "a@b.c.", "a@b.c", "a@b.c" },
		{ "a@b.", "a@b", "a@b" },
		{ "a@b.c..", "a@b.c..", "a@b.c.." },
		{ "a@.", "a@.", "a@." },
		{ "a.", "\"a.\"@example.org", "a" },
		{ "a@", "a@", "a@" },
		{ "!a", "a@", "a@" },
		{ "a!", "\"\"@a.example.org", "\"\"@a" },
		{ "@b.c", "\"\"@b.c", "\"\"@b.c" },
		{ "\"a b\"", "\"a b\"@example.org", "\"a b\"" },
		{ "\"a@b\"", "\"a@b\"@example.org", "\"a@b\"" }, /* remote there: a@b */
		{ "\"a@b\"@c.d", "\"a@b\"@c.d", "\"a@b\"@c.d" },
		{ "\"a%b\"", "a%b@example.org", "a%b" },
		{ "a\\b@c.d", "ab@c.d", "ab@c.d" },
		{ "a@b@c", "\"a@b\"@c.example.org", "\"a@b\"@c" },
		{ "a@[1.2.3.4]", "a@[1.2.3.4]", "a@[1.2.3.4]" },
		{ "a%[1.2.3.4]", "a@[1.2.3.4]", "a@[1.2.3.4]" },
		{ "a!\"b c\"", "\"b c\"@a.example.org", "\"b c\"@a" },
		{ "A@B.C", "A@B.C", "A@B.C" },
		{ "\xc3\xa9@b.c", "\xc3\xa9@b.c", "\xc3\xa9@b.c" },
		{ "\"a", "\"\\\"a\"@example.org", "\"\\\"a\"" },
	};
	struct router_settings s = world();

	(void)state;
	s.append_dot_mydomain = true;
	run(&s, cases, ARRAY_LEN(cases));
}

static void test_settings(void **state)
{
	static const struct rule_case remote[] = {
		{ "a", "a@example.org", "a@remote.invalid" },
		{ "a@b", "a@b.example.org", "a@b.remote.invalid" },
		{ "a.", "\"a.\"@example.org", "\"a.\"@remote.invalid" },
	};
	static const struct rule_case none[] = {
		{ "a", "a", "a" },
		{ "a@b", "a@b", "a@b" },
		{ "a!b", "a!b", "a!b" },
		{ "a%b", "a%b", "a%b" },
	};
	static const struct rule_case short_origin[] = { { "a", "a@mx.example.org", "a" } };
	struct router_settings s = world();

	(void)state;
	s.append_dot_mydomain = true;
	s.remote_header_rewrite_domain = "remote.invalid";
	run(&s, remote, ARRAY_LEN(remote));
	s = world();
	s.append_at_myorigin = s.swap_bangpath = s.allow_percent_hack = false;
	run(&s, none, ARRAY_LEN(none));
	s = world();
	s.append_dot_mydomain = true;
	s.myorigin = "mx";
	run(&s, short_origin, ARRAY_LEN(short_origin));
}

static void test_internal(void **state)
{
	static const struct {
		const char *in, *want;
	} cases[] = {
		{ "", "" }, { "a b", "a b@example.org" }, { "a@b@c.d", "a@b@c.d" },
		{ "a!b", "b@a" }, { "@x:a@b", "a@b" }, /* a source route, however it came about */
	};
	struct router_settings s = world();
	struct router *r = world_router(&s);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf b = BUF(1000);

		assert_int_equal(router_rewrite_internal(r, REWRITE_LOCAL, str_of(cases[i].in), &b),
			0);
		if (!str_eq(buf_str(&b), str_of(cases[i].want)))
			fail_msg("%s: %s", cases[i].in, buf_cstr(&b));
		buf_done(&b);
	}
	struct buf small = BUF(4);
	assert_int_equal(router_rewrite_internal(r, REWRITE_LOCAL, STR("abc"), &small), -EMSGSIZE);
	assert_int_equal(small.len, 0);
	buf_done(&small);
	router_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_settings),
		cmocka_unit_test(test_internal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
