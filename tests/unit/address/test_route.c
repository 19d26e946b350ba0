/* SPDX-License-Identifier: Apache-2.0 */
/* Transport and nexthop, as Debian's trivial-rewrite chooses them. */
#include "world.h"

static void test_nexthop(void **state)
{
	static const struct world_case relayhost[] = {
		{ "", "a@b.c", "smtp|[rh.test]:26|a@b.c|4096" },
		{ "", "a@relay.test", "relay|[rh.test]:26|a@relay.test|2048" },
		{ "", "a@vmb.test", "virtual|vmb.test|a@vmb.test|1024" },
	};
	static const struct world_case bare[] = {
		{ "", "a@example.org", "foo|example.org|a@example.org|256" },
		{ "", "a@[127.0.0.1]", "foo|[127.0.0.1]|a@[127.0.0.1]|256" },
		{ "", "a@vmb.test", "v|vmb.test|a@vmb.test|1024" },
		{ "", "a@b.c", "d|b.c|a@b.c|4096" },
	};
	static const struct world_case full[] = {
		{ "", "a@example.org", "l|lh|a@example.org|256" },
		{ "", "a@vmb.test", "v|vh|a@vmb.test|1024" },
		{ "", "a@relay.test", "r|rh:25|a@relay.test|2048" },
		{ "", "a@b.c", "d|dh|a@b.c|4096" },
	};
	struct router_settings s = world();

	(void)state;
	s.relayhost = "[rh.test]:26";
	world_resolve(&s, relayhost, ARRAY_LEN(relayhost));
	s = world();
	s.local_transport = "foo";
	s.virtual_transport = "v:";
	s.default_transport = "d:";
	world_resolve(&s, bare, ARRAY_LEN(bare));
	s = world();
	s.local_transport = "l:lh";
	s.virtual_transport = "v:vh";
	s.relay_transport = "r:rh:25";
	s.default_transport = "d:dh";
	s.relayhost = "RH";
	world_resolve(&s, full, ARRAY_LEN(full));
}

static void test_transport(void **state)
{
	static const struct world_case cases[] = {
		{ "", "a@b.c", "t1|n1|a@b.c|4096" },
		{ "", "A@B.C", "t1|n1|A@B.C|4096" },
		{ "", "a+y@b.c", "t1|n1|a+y@b.c|4096" },
		{ "", "b@b.c", "t2|b.c|b@b.c|4096" },
		{ "", "x@s.b.c", "smtp|n3|x@s.b.c|4096" },
		{ "", "x@q.s.b.c", "smtp|n3|x@q.s.b.c|4096" },
		{ "", "a@d.e", "smtp|d.e|a@d.e|4096" },
		{ "", "q@zz.z", "t4|n4|q@zz.z|4096" },
		{ "", "a@alias.test",
			"error|5.1.1 User unknown in virtual alias table|a@alias.test|512" },
		{ "", "a+x@example.org", "t6|example.org|a+x@example.org|256" },
		{ "", "b@example.org", "t7|example.org|b@example.org|256" },
		{ "", "a@vmb.test", "error|Address is undeliverable|a@vmb.test|1024" },
		{ "", "a@relay.test", "error|5.0.1 bad|a@relay.test|2048" },
		{ "", "a@r2.t", "retry|Address is undeliverable|a@r2.t|4096" },
		{ "", "a@lone.t", "justname|lone.t|a@lone.t|4096" },
		{ "", "", "md|md|MAILER-DAEMON@mx.example.org|256" },
		{ "", "a@[1.2.3.4]", "t4|n4|a@[1.2.3.4]|4096" },
		{ "", "a@", "error|5.1.3 bad address syntax|a@|4100" },
	};
	static const struct world_case parents[] = {
		{ "", "a@b.c", "t2|b.c|a@b.c|4096" },
		{ "", "a@s.b.c", "t2|s.b.c|a@s.b.c|4096" },
	};
	static const struct world_case failing[] = {
		{ "", "a@b.c", "error|4.3.0 address resolver failure|a@b.c|4104" },
		{ "", "a@example.org", "error|4.3.0 address resolver failure|a@example.org|264" },
	};
	static const struct world_case once[] = {
		{ "", "a+x@b.c", "smtp|b.c|a+x@b.c|4096" },
		{ "", "a@b.c", "t|n|a@b.c|4096" },
	};
	struct router_settings s = world();

	(void)state;
	s.transport_maps = "inline:{a@b.c=t1:n1,{b.c=t2:},{.b.c=:n3},{d.e=:},{*=t4:n4},"
			   "{alias.test=t5:n5},{a+x@example.org=t6:},{example.org=t7:},"
			   "{vmb.test=error:},{relay.test=error:5.0.1 bad},{r2.t=retry:},"
			   "{lone.t=justname},{mailer-daemon@mx.example.org=md:md}}";
	world_resolve(&s, cases, ARRAY_LEN(cases));
	s.transport_maps = "inline:{b.c=t2:}";
	s.parent_domain_matches_subdomains = "relay_domains, transport_maps";
	world_resolve(&s, parents, ARRAY_LEN(parents));
	s = world();
	s.transport_maps = "fail:x";
	world_resolve(&s, failing, ARRAY_LEN(failing));
	s.transport_maps = "regexp:{{/^a@b.c$/ t:n} {/^b.c$/ wrong:} {/^.$/ wrong:}}";
	world_resolve(&s, once, ARRAY_LEN(once));
}

static void test_relocated(void **state)
{
	static const struct world_case cases[] = {
		{ "", "a@b.c", "error|5.1.6 User has moved to new@x|a@b.c|4096" },
		{ "", "a+x@b.c", "error|5.1.6 User has moved to new@x|a+x@b.c|4096" },
		{ "", "z@d.e", "error|5.1.6 User has moved to gone|z@d.e|4096" },
		{ "", "b+q@example.org", "error|5.1.6 User has moved to b2|b+q@example.org|256" },
		{ "", "b@x.y", "smtp|x.y|b@x.y|4096" },
		{ "", "b@alias.test",
			"error|5.1.1 User unknown in virtual alias table|b@alias.test|512" },
	};
	static const struct world_case plain[] = { { "", "a@b.c", "error|new@x|a@b.c|4096" } };
	static const struct world_case failing[] = {
		{ "", "a@b.c", "error|4.3.0 address resolver failure|a@b.c|4104" },
	};
	struct router_settings s = world();

	(void)state;
	s.relocated_maps = "inline:{{a@b.c=new@x},{@d.e=gone},{b=b2}}";
	world_resolve(&s, cases, ARRAY_LEN(cases));
	s.relocated_prefix_enable = false;
	world_resolve(&s, plain, ARRAY_LEN(plain));
	s.relocated_maps = "fail:x";
	world_resolve(&s, failing, ARRAY_LEN(failing));
	assert_string_equal(world_note, "relocated_maps lookup failure");
}

static void test_sender(void **state)
{
	static const struct world_case host[] = {
		{ "u@s.t", "a@b.c", "smtp|rh1|a@b.c|4096" },
		{ "u+x@s.t", "a@b.c", "smtp|rh1|a@b.c|4096" },
		{ "v@s.t", "a@b.c", "smtp|rh|a@b.c|4096" },
		{ "w@s.t", "a@relay.test", "relay|rh2|a@relay.test|2048" },
		{ "", "a@b.c", "smtp|rhnull|a@b.c|4096" },
		{ "q@q.q", "a@b.c", "smtp|rh|a@b.c|4096" },
		{ "loc@example.org", "a@b.c", "smtp|rhloc|a@b.c|4096" },
		{ "loc", "a@b.c", "smtp|rhloc|a@b.c|4096" },
		{ "u@s.t", "a@vmb.test", "virtual|vmb.test|a@vmb.test|1024" },
	};
	static const struct world_case transport[] = {
		{ "u@s.t", "a@b.c", "t1|n1|a@b.c|4096" },
		{ "w@s.t", "a@b.c", "t2|rh|a@b.c|4096" },
		{ "v@s.t", "a@b.c", "smtp|rh|a@b.c|4096" },
		{ "x@s.t", "a@b.c", "t3|rh|a@b.c|4096" },
		{ "", "a@b.c", "error|4.3.0 address resolver failure|a@b.c|4104" },
		{ "u@s.t", "a@relay.test", "relay|rh|a@relay.test|2048" },
	};
	static const struct world_case failing[] = {
		{ "u@s.t", "a@b.c", "error|4.3.0 address resolver failure|a@b.c|4104" },
	};
	struct router_settings s = world();

	(void)state;
	s.relayhost = "rh";
	s.sender_dependent_relayhost_maps =
		"inline:{{u@s.t=rh1},{@s.t=rh2},{<>=rhnull},{v@s.t=DUNNO},{loc=rhloc}}";
	world_resolve(&s, host, ARRAY_LEN(host));
	s.sender_dependent_relayhost_maps = "fail:x";
	world_resolve(&s, failing, ARRAY_LEN(failing));
	s.sender_dependent_relayhost_maps = "";
	s.sender_dependent_default_transport_maps =
		"inline:{{u@s.t=t1:n1},{@s.t=t2:},{<>=:nn},{v@s.t=DUNNO},{x@s.t=t3}}";
	world_resolve(&s, transport, ARRAY_LEN(transport));
	s.sender_dependent_default_transport_maps = "fail:x";
	world_resolve(&s, failing, ARRAY_LEN(failing));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nexthop),
		cmocka_unit_test(test_transport),
		cmocka_unit_test(test_relocated),
		cmocka_unit_test(test_sender),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
