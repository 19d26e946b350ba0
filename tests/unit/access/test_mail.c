/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of access/mail.c. */
#include "../dns/fake.h"
#include "rig.h"

static void test_tables(void **state)
{
	static const struct rig_case cases[] = {
		{ "check_sender_access inline:{b.c=REJECT}",
			"554 5.7.1 <s@b.c>: Sender address rejected: Access denied" },
		{ "check_sender_access inline:{<>=REJECT}",
			"554 5.7.1 <>: Sender address rejected: Access denied", .sender = "" },
		{ "check_sender_access inline:{<>=REJECT}", "" },
		{ "check_sender_access inline:{s@example.org=REJECT}",
			"554 5.7.1 <s>: Sender address rejected: Access denied", .sender = "s" },
		{ "check_recipient_access inline:{u@b.c=REJECT}",
			"554 5.7.1 <u%b.c@example.org>: Recipient address rejected: Access denied",
			.rcpt = "u%b.c@example.org" },
		{ "check_recipient_access inline:{relay.test=OK}, reject", "",
			.rcpt = "u@relay.test" },
		/* routing in the local part: the domain's OK does not count */
		{ "check_recipient_access inline:{relay.test=OK}, reject",
			"554 5.7.1 <u%b.c@relay.test>: Recipient address rejected: Access denied",
			.rcpt = "u%b.c@relay.test" },
		{ "check_recipient_access inline:{relay.test=REJECT}",
			"554 5.7.1 <u%b.c@relay.test>: Recipient address rejected: Access denied",
			.rcpt = "u%b.c@relay.test" },
		{ "check_recipient_access fail:x",
			"451 4.3.5 <u@example.org>: Recipient address rejected: Server configuration error" },
	};
	static const struct rig_case untrusted[] = {
		{ "check_recipient_access inline:{relay.test=OK}, reject", "",
			.rcpt = "u%b.c@relay.test" },
	};
	struct access_settings s = rig_settings();

	(void)state;
	rig_cases(s, cases, ARRAY_LEN(cases));
	s.allow_untrusted_routing = true;
	rig_cases(s, untrusted, ARRAY_LEN(untrusted));
}

static void test_fqdn(void **state)
{
#define NEED ": Sender address rejected: need fully-qualified address"
	static const struct rig_case cases[] = {
		{ "reject_non_fqdn_sender", "" },
		{ "reject_non_fqdn_sender", "504 5.5.2 <s>" NEED, .sender = "s" },
		{ "reject_non_fqdn_sender", "504 5.5.2 <s@b>" NEED, .sender = "s@b" },
		{ "reject_non_fqdn_sender", "", .sender = "" },
		{ "reject_non_fqdn_sender", "", .sender = "s@b.c." },
		{ "reject_non_fqdn_sender", "", .sender = "s@[1.2.3.4]" },
		{ "reject_non_fqdn_recipient", "" },
		{ "reject_non_fqdn_recipient",
			"504 5.5.2 <u>: Recipient address rejected: need fully-qualified address",
			.rcpt = "u" },
	};

	(void)state;
	rig_cases(rig_settings(), cases, ARRAY_LEN(cases));
}

static void test_unknown_domain(void **state)
{
	static const struct fake_zone zones[] = {
		{ "a.test", DNS_A, .rr = { { "a.test", DNS_A, "192.0.2.1" } } },
		{ "a.test", .flags = FAKE_SOA },
		{ "nullmx.test", .rr = { { "nullmx.test", DNS_MX, "0 ." } } },
		{ "servfail.test", .rcode = 2 },
		{ "relay.test", .rcode = 3 },
		{ NULL },
	};
	static const struct rig_case cases[] = {
		{ "reject_unknown_sender_domain", "", .sender = "s@a.test" },
		{ "reject_unknown_sender_domain", "", .sender = "" },
		{ "reject_unknown_sender_domain", "", .sender = "s@example.org" },
		{ "reject_unknown_sender_domain", "", .sender = "s@[192.0.2.9]" },
		{ "reject_unknown_address",
			"450 4.1.8 <s@none.test>: Sender address rejected: Domain not found",
			.sender = "s@none.test" },
		{ "reject_unknown_sender_domain",
			"550 5.7.27 <s@nullmx.test>: Sender address rejected: Domain nullmx.test does not "
			"accept mail (nullMX)",
			.sender = "s@nullmx.test" },
		{ "reject_unknown_sender_domain",
			"450 4.1.8 <s@servfail.test>: Sender address rejected: Domain not found",
			.sender = "s@servfail.test" },
		{ "reject_unknown_recipient_domain",
			"450 4.1.2 <u@none.test>: Recipient address rejected: Domain not found",
			.rcpt = "u@none.test" },
		{ "reject_unknown_recipient_domain",
			"556 5.1.10 <u@nullmx.test>: Recipient address rejected: Domain nullmx.test does "
			"not accept mail (nullMX)",
			.rcpt = "u@nullmx.test" },
		{ "reject_unknown_recipient_domain",
			"450 4.1.2 <u@relay.test>: Recipient address rejected: Domain not found",
			.rcpt = "u@relay.test" },
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
	dns_free(s.dns);
	fake_stop(&f);
}

static void test_multi(void **state)
{
	static const struct rig_case cases[] = {
		{ "reject_multi_recipient_bounce", "", .sender = "" },
		{ "reject_multi_recipient_bounce",
			"550 5.5.3 <u@example.org>: Recipient address rejected: Multi-recipient bounce",
			.sender = "", .count = 1 },
		{ "reject_multi_recipient_bounce", "", .count = 1 },
	};

	(void)state;
	rig_cases(rig_settings(), cases, ARRAY_LEN(cases));
}

static void test_etrn(void **state)
{
	struct access_settings s = rig_settings();
	struct access_request rq = rig_request();
	struct rig g;

	(void)state;
	s.smtpd_etrn_restrictions = "check_etrn_access inline:{b.c=REJECT}";
	rig_start(&g, s);
	rq.stage = "ETRN";
	rq.has_sender = rq.has_recipient = false;
	rq.etrn = STR("a.b.c");
	assert_string_equal(rig_ask(&g, ACCESS_ETRN, &rq),
		"554 5.7.1 <a.b.c>: Etrn command rejected: Access denied");
	rq.etrn = STR("x.y");
	assert_string_equal(rig_ask(&g, ACCESS_ETRN, &rq), "");
	rig_stop(&g);
}

RIG_MAIN(cmocka_unit_test(test_tables), cmocka_unit_test(test_fqdn),
	cmocka_unit_test(test_unknown_domain), cmocka_unit_test(test_multi),
	cmocka_unit_test(test_etrn))
