/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of access/generic.c. */
#include "../dns/fake.h"
#include "rig.h"

static void test_simple(void **state)
{
	static const struct rig_case cases[] = {
		{ "", "", "" },
		{ "permit", "", "" },
		{ "reject", "554 5.7.1 <u@example.org>: Recipient address rejected: Access denied",
			"NOQUEUE: reject: RCPT from host.test[198.51.100.7]: 554 5.7.1 <u@example.org>: "
			"Recipient address rejected: Access denied" RIG_SUFFIX },
		{ "REJECT",
			"554 5.7.1 <u@example.org>: Recipient address rejected: Access denied" },
		{ "defer",
			"450 4.3.2 <u@example.org>: Recipient address rejected: Try again later" },
		{ "permit, reject", "", "warning: restriction `reject' after `permit' is ignored" },
		{ "defer_if_permit",
			"450 4.7.0 <u@example.org>: Recipient address rejected: defer_if_permit requested" },
		{ "defer_if_permit, reject",
			"554 5.7.1 <u@example.org>: Recipient address rejected: Access denied" },
		{ "defer_if_reject", "" },
		{ "defer_if_reject, reject",
			"450 4.7.0 <u@example.org>: Recipient address rejected: defer_if_reject requested" },
		{ "defer_if_reject defer_if_permit permit",
			"450 4.7.0 <u@example.org>: Recipient address rejected: defer_if_permit requested" },
		{ "reject_unauth_pipelining", "" },
		{ "reject_plaintext_session", "450 4.7.1 Session encryption is required" },
		{ "sleep 0, reject",
			"554 5.7.1 <u@example.org>: Recipient address rejected: Access denied" },
		{ "sleep x", "451 4.3.5 Server configuration error" },
		{ "permit_tls_clientcerts, permit_tls_all_clientcerts, check_ccert_access inline:{a=OK}, reject",
			"554 5.7.1 <u@example.org>: Recipient address rejected: Access denied" },
	};

	(void)state;
	rig_cases(rig_settings(), cases, ARRAY_LEN(cases));
}

static void test_pipelining(void **state)
{
	struct access_settings s = rig_settings();
	struct access_request rq = rig_request();
	struct rig g;

	(void)state;
	s.smtpd_data_restrictions = "reject_unauth_pipelining";
	rig_start(&g, s);
	rq.stage = "DATA";
	assert_string_equal(rig_ask(&g, ACCESS_DATA, &rq), "");
	rq.illegal_pipelining = true;
	assert_string_equal(rig_ask(&g, ACCESS_DATA, &rq),
		"503 5.5.0 <DATA>: Data command rejected: Improper use of SMTP command pipelining");
	rig_stop(&g);
}

static void test_exists(void **state)
{
	static const struct fake_zone zones[] = {
		{ "mx.test", DNS_MX, .rr = { { "mx.test", DNS_MX, "10 a.test" } } },
		{ "a.test", DNS_A, .rr = { { "a.test", DNS_A, "192.0.2.1" } } },
		{ "a.test", .flags = FAKE_SOA },
		{ "nodata.test", .flags = FAKE_SOA },
		{ "nullmx.test", .rr = { { "nullmx.test", DNS_MX, "0 ." } } },
		{ "servfail.test", .rcode = 2 },
		{ NULL },
	};
	static const struct {
		const char *name;
		enum dns_status want;
	} cases[] = {
		{ "mx.test", DNS_OK },
		{ "a.test", DNS_OK },
		{ "nodata.test", DNS_NXDOMAIN },
		{ "none.test", DNS_NXDOMAIN },
		{ "nullmx.test", DNS_NULLMX },
		{ "servfail.test", DNS_TEMPFAIL },
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
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		_cleanup_arena_ struct arena *a = arena_new(0);
		const struct access fake_access = { .s = s };
		struct eval ev = { .a = &fake_access, .scratch = a };
		enum dns_status got = access_domain_exists(&ev, str_of(cases[i].name));

		if (got != cases[i].want)
			fail_msg("%s: %d", cases[i].name, got);
	}
	dns_free(s.dns);
	fake_stop(&f);
}

RIG_MAIN(cmocka_unit_test(test_simple), cmocka_unit_test(test_pipelining),
	cmocka_unit_test(test_exists))
