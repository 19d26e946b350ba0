/* SPDX-License-Identifier: Apache-2.0 */
/* Address classes, as Debian's trivial-rewrite finds them. */
#include "world.h"

#define BAD "error|5.1.3 bad address syntax|"

static void test_classes(void **state)
{
	static const struct world_case cases[] = {
		{ "", "", "local|mx.example.org|MAILER-DAEMON@mx.example.org|256" },
		{ "", "a", "local|mx.example.org|a@mx.example.org|256" },
		{ "", "a@b.c", "smtp|b.c|a@b.c|4096" },
		{ "", "a@example.org", "local|mx.example.org|a@example.org|256" },
		{ "", "a@localhost", "local|mx.example.org|a@localhost|256" },
		{ "", "a@EXAMPLE.org.", "local|mx.example.org|a@EXAMPLE.org|256" },
		{ "", "a%b.c@example.org", "smtp|b.c|a@b.c|4096" },
		{ "", "b.c!a@example.org", "smtp|b.c|a@b.c|4096" },
		{ "", "a@b.c@example.org", "smtp|b.c|a@b.c|4096" },
		{ "", "a%example.org@example.org", "local|mx.example.org|a@example.org|256" },
		{ "", "a%b.c%d.e@example.org", "smtp|d.e|a%b.c@d.e|4098" },
		{ "", "@example.org", "local|mx.example.org|MAILER-DAEMON@example.org|256" },
		{ "", "a@relay.test", "relay|relay.test|a@relay.test|2048" },
		{ "", "a@sub.relay.test", "relay|sub.relay.test|a@sub.relay.test|2048" },
		{ "", "a@alias.test",
			"error|5.1.1 User unknown in virtual alias table|a@alias.test|512" },
		{ "", "a@vmb.test", "virtual|vmb.test|a@vmb.test|1024" },
		{ "", "a@sub.vmb.test", "smtp|sub.vmb.test|a@sub.vmb.test|4096" },
		{ "", "a%b@relay.test", "relay|relay.test|a%b@relay.test|2050" },
		{ "", "a!b@b.c", "smtp|b.c|a!b@b.c|4098" },
		{ "", "a@example.org@b.c", "smtp|b.c|a@example.org@b.c|4098" },
		{ "", "a@x@y@example.org", "smtp|y|a@x@y|4098" },
		{ "", "a!b", "smtp|a|b@a|4096" },
		{ "", "a%mx.example.org", "local|mx.example.org|a@mx.example.org|256" },
		{ "", "a@[127.0.0.1]", "local|mx.example.org|a@[127.0.0.1]|256" },
		{ "", "a@[127.0.0.1", "local|mx.example.org|a@[127.0.0.1]|256" },
		{ "", "a@[9.9.9.9]", "local|mx.example.org|a@[9.9.9.9]|256" },
		{ "", "a@[ipv6:2001:db8::1]", "local|mx.example.org|a@[ipv6:2001:db8::1]|256" },
		{ "", "a@[1.2.3.4]", "smtp|[1.2.3.4]|a@[1.2.3.4]|4096" },
		{ "", "a@[IPv6:2001:db8::2]", "smtp|[IPv6:2001:db8::2]|a@[IPv6:2001:db8::2]|4096" },
		{ "", "a@b_c.d", "smtp|b_c.d|a@b_c.d|4096" },
		{ "", "a@\xc3\xa4.org", "smtp|\xc3\xa4.org|a@\xc3\xa4.org|4096" },
		{ "", "a@1.b", "smtp|1.b|a@1.b|4096" },
		{ "", "-a@b.c", "smtp|b.c|-a@b.c|4100" },
		{ "", "-a@example.org", "local|mx.example.org|-a@example.org|260" },
	};
	struct router_settings s = world();

	(void)state;
	world_resolve(&s, cases, ARRAY_LEN(cases));
}

static void test_bad(void **state)
{
	static const struct world_case cases[] = {
		{ "", "a@", BAD "a@|4100" },
		{ "", "x@@example.org", BAD "x@|4102" }, /* there: 4100 */
		{ "", "a@b..c", BAD "a@b..c|4100" },
		{ "", "a@.b.c", BAD "a@.b.c|4100" },
		{ "", "a@b.c..", BAD "a@b.c..|4100" },
		{ "", "a@-b.c", BAD "a@-b.c|4100" },
		{ "", "a@b c.d", BAD "a@b c.d|4100" },
		{ "", "a@b.c:25", BAD "a@b.c:25|4100" },
		{ "", "a@b%c.d", BAD "a@b%c.d|4100" },
		{ "", "a@[::1]", BAD "a@[::1]|4100" },
		{ "", "a@[bad]", BAD "a@[bad]|4100" },
		{ "", "a@[]", BAD "a@[]|4100" },
		{ "", "a@[", BAD "a@[]|4100" },
		{ "", "a@1.2.3.4", BAD "a@1.2.3.4|4100" },
		{ "", "a@127.0.0.1", BAD "a@127.0.0.1|4100" },
		{ "", "a@1", BAD "a@1|4100" },
		{ "", "a@\xff.org", BAD "a@\xff.org|4100" },
	};
	static const struct world_case lenient[] = {
		{ "", "a@1.2.3.4", "smtp|[1.2.3.4]|a@[1.2.3.4]|4096" },
		{ "", "a@127.0.0.1", "local|mx.example.org|a@[127.0.0.1]|256" },
		{ "", "-a@b.c", "smtp|b.c|-a@b.c|4096" },
		{ "", "a@", "local|mx.example.org|a@mx.example.org|256" },
		{ "", "x@@example.org", "local|mx.example.org|x@example.org|256" },
		{ "", "a@123.456", BAD "a@123.456|4100" },
	};
	struct router_settings s = world();

	(void)state;
	world_resolve(&s, cases + 0, 1);
	world_resolve(&s, cases + 2, ARRAY_LEN(cases) - 2);
	s.resolve_null_domain = s.resolve_numeric_domain = s.allow_min_user = true;
	world_resolve(&s, lenient, ARRAY_LEN(lenient));
}

static void test_settings(void **state)
{
	static const struct world_case quoted[] = {
		{ "", "a@b.c@example.org", "local|mx.example.org|a@b.c@example.org|258" },
		{ "", "a%b.c@example.org", "smtp|b.c|a@b.c|4096" },
	};
	static const struct world_case plain[] = {
		{ "", "a!b.c@example.org", "local|mx.example.org|a!b.c@example.org|258" },
		{ "", "a%b.c@example.org", "local|mx.example.org|a%b.c@example.org|258" },
		{ "", "a!b", "local|mx.example.org|a!b@mx.example.org|258" },
	};
	static const struct world_case nowhere[] = {
		{ "", "a", "smtp|mx.example.org|a@mx.example.org|4096" },
		{ "", "a@[127.0.0.1]", "local|mx.example.org|a@[127.0.0.1]|256" },
	};
	static const struct world_case both[] = {
		{ "", "a@vmb.test", "error|5.1.1 User unknown|a@vmb.test|512" },
	};
	struct router_settings s = world();

	(void)state;
	s.resolve_dequoted_address = false;
	world_resolve(&s, quoted, ARRAY_LEN(quoted));
	s = world();
	s.swap_bangpath = s.allow_percent_hack = false;
	world_resolve(&s, plain, ARRAY_LEN(plain));
	s = world();
	s.mydestination = "";
	world_resolve(&s, nowhere, ARRAY_LEN(nowhere));
	s = world();
	s.virtual_alias_domains = "vmb.test";
	s.show_user_unknown_table_name = false;
	world_resolve(&s, both, ARRAY_LEN(both));
	assert_string_equal(world_note,
		"do not list domain vmb.test in BOTH virtual_alias_domains and virtual_mailbox_domains");
}

/* What a client says is completed before it is resolved. */
static void test_raw(void **state)
{
	static const struct {
		const char *in, *want;
		unsigned flags;
	} cases[] = {
		{ "u", "u@origin.test", RESOLVE_DEFAULT },
		{ "u%b.c", "u@b.c", RESOLVE_DEFAULT },
		{ "u@localhost", "u@localhost", RESOLVE_LOCAL },
		{ "", "MAILER-DAEMON@mx.example.org", RESOLVE_LOCAL },
	};
	struct router_settings s = world();
	struct router *r;

	(void)state;
	s.myorigin = "origin.test";
	r = world_router(&s);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct arena *a = arena_new(0);
		struct resolve_reply reply;

		router_resolve_raw(r, STR_EMPTY, str_of(cases[i].in), a, &reply);
		if (!str_eq(reply.recipient, str_of(cases[i].want)) ||
			reply.flags != cases[i].flags)
			fail_msg("%s: " STR_FMT " %u", cases[i].in, STR_ARG(reply.recipient),
				reply.flags);
		arena_free(a);
	}
	router_free(r);
}

#define LATER "error|4.3.0 address resolver failure|"

static void test_failing(void **state)
{
	static const struct world_case dest[] = { { "", "a@b.c", LATER "a@b.c|8" },
		{ "", "a@example.org", LATER "a@example.org|8" } };
	static const struct world_case class[] = { { "", "a@b.c", LATER "a@b.c|8" },
		{ "", "a@example.org", "local|mx.example.org|a@example.org|256" } };
	struct router_settings s = world();

	(void)state;
	s.mydestination = "fail:x";
	world_resolve(&s, dest, ARRAY_LEN(dest));
	s = world();
	s.virtual_alias_domains = "fail:x";
	world_resolve(&s, class, ARRAY_LEN(class));
	s = world();
	s.virtual_mailbox_domains = "fail:x";
	world_resolve(&s, class, ARRAY_LEN(class));
	s = world();
	s.relay_domains = "fail:x";
	world_resolve(&s, class, ARRAY_LEN(class));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_classes),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_settings),
		cmocka_unit_test(test_raw),
		cmocka_unit_test(test_failing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
