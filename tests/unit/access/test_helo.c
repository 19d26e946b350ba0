/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of access/helo.c. */
#include "../dns/fake.h"
#include "rig.h"

static void test_syntax(void **state)
{
	static const struct {
		const char *helo;
		bool valid, fqdn;
		const char *text;
	} cases[] = {
		{ "a.b", true, true, "" },
		{ "a.b.", true, true, "" },
		{ "a", true, false, "" },
		{ "a_b.c", true, true, "" },
		{ "-a.b", false, false, "Invalid name" },
		{ "a..b", false, false, "Invalid name" },
		{ "1.2.3.4", true, false, "" },
		{ "[1.2.3.4]", true, true, "" },
		{ "[IPv6:2001:db8::1]", true, true, "" },
		{ "[1.2.3]", false, false, "invalid ip address" },
		{ "[2001:db8::1]", false, false, "invalid ip address" },
		{ "[IPv6:1.2.3.4]", false, false, "invalid ip address" },
		{ "1.2", false, false, "Invalid name" },
		{ "[]", false, false, "invalid ip address" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char invalid[200] = "", fqdn[200] = "";
		struct rig_case c = { "reject_invalid_helo_hostname", invalid,
			.helo = cases[i].helo };

		if (!cases[i].valid)
			(void)snprintf(invalid, sizeof(invalid),
				"501 5.5.2 <%s>: Helo command rejected: %s", cases[i].helo,
				cases[i].text);
		rig_one(rig_settings(), &c);
		c.list = "reject_non_fqdn_hostname";
		c.want = fqdn;
		if (!cases[i].fqdn && cases[i].helo[0] == '[')
			memcpy(fqdn, invalid, sizeof(fqdn));
		else if (!cases[i].fqdn)
			(void)snprintf(fqdn, sizeof(fqdn),
				"504 5.5.2 <%s>: Helo command rejected: need fully-qualified hostname",
				cases[i].helo);
		rig_one(rig_settings(), &c);
	}
}

static void test_lists(void **state)
{
	static const struct rig_case cases[] = {
		{ "check_helo_access inline:{helo.test=REJECT}",
			"554 5.7.1 <helo.test>: Helo command rejected: Access denied" },
		{ "check_helo_access inline:{test=REJECT}",
			"554 5.7.1 <helo.test>: Helo command rejected: Access denied" },
		{ "check_helo_access inline:{helo.test=REJECT}, reject_invalid_helo_hostname, "
		  "reject_non_fqdn_helo_hostname, reject_unknown_helo_hostname",
			"", .helo = "" },
		{ "check_helo_access fail:x",
			"451 4.3.5 <helo.test>: Helo command rejected: Server configuration error" },
	};

	(void)state;
	rig_cases(rig_settings(), cases, ARRAY_LEN(cases));
}

static void test_unknown(void **state)
{
	static const struct fake_zone zones[] = {
		{ "a.test", DNS_A, .rr = { { "a.test", DNS_A, "192.0.2.1" } } },
		{ "a.test", .flags = FAKE_SOA },
		{ "servfail.test", .rcode = 2 },
		{ NULL },
	};
	static const struct rig_case cases[] = {
		{ "reject_unknown_helo_hostname", "", .helo = "a.test" },
		{ "reject_unknown_hostname",
			"450 4.7.1 <none.test>: Helo command rejected: Host not found",
			.helo = "none.test" },
		{ "reject_unknown_helo_hostname",
			"450 4.7.1 <servfail.test>: Helo command rejected: Host not found",
			.helo = "servfail.test" },
		{ "reject_unknown_helo_hostname, reject",
			"554 5.7.1 <u@example.org>: Recipient address rejected: Access denied",
			.helo = "servfail.test" },
		{ "reject_unknown_helo_hostname", "", .helo = "[1.2.3.4]" },
	};
	static const struct rig_case now[] = {
		{ "reject_unknown_helo_hostname, reject",
			"450 4.7.1 <servfail.test>: Helo command rejected: Host not found",
			.helo = "servfail.test" },
	};
	struct fake f = { 0 };
	char servers[100];
	struct dns_settings ds = { .servers = servers };
	struct access_settings s = rig_settings();
	struct why why;

	(void)state;
	fake_start(&f, zones);
	(void)snprintf(servers, sizeof(servers), "[127.0.0.1]:%u", f.port);
	assert_int_equal(dns_new(&ds, &s.dns, &why), 0);
	rig_cases(s, cases, ARRAY_LEN(cases));
	s.unknown_helo_hostname_tempfail_action = "defer";
	rig_cases(s, now, ARRAY_LEN(now));
	dns_free(s.dns);
	fake_stop(&f);
}

RIG_MAIN(cmocka_unit_test(test_syntax), cmocka_unit_test(test_lists),
	cmocka_unit_test(test_unknown))
