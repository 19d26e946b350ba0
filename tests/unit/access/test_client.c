/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of access/client.c. */
#include "rig.h"

#define U "<u@example.org>: Recipient address rejected: Access denied"

static void test_names(void **state)
{
	static const struct rig_case cases[] = {
		{ "reject_unknown_client_hostname", "" },
		{ "reject_unknown_client",
			"450 4.7.25 Client host rejected: cannot find your hostname, [198.51.100.7]",
			.name_status = ACCESS_NAME_NONE },
		{ "reject_unknown_client_hostname",
			"450 4.7.25 Client host rejected: cannot find your hostname, [198.51.100.7]",
			.name_status = ACCESS_NAME_TEMP },
		{ "reject_unknown_client_hostname",
			"450 4.7.25 Client host rejected: cannot find your hostname, [198.51.100.7]",
			.name_status = ACCESS_NAME_FORGED },
		{ "reject_unknown_reverse_client_hostname", "", .name_status = ACCESS_NAME_FORGED },
		{ "reject_unknown_reverse_client_hostname",
			"450 4.7.1 Client host rejected: cannot find your reverse hostname, [198.51.100.7]",
			.reverse_status = ACCESS_NAME_NONE },
	};
	static const struct rig_case hard[] = {
		{ "reject_unknown_client_hostname",
			"550 5.7.25 Client host rejected: cannot find your hostname, [198.51.100.7]",
			.name_status = ACCESS_NAME_FORGED },
		{ "reject_unknown_client_hostname",
			"450 4.7.25 Client host rejected: cannot find your hostname, [198.51.100.7]",
			.name_status = ACCESS_NAME_TEMP },
	};
	struct access_settings s = rig_settings();

	(void)state;
	rig_cases(s, cases, ARRAY_LEN(cases));
	s.unknown_client_reject_code = 550;
	rig_cases(s, hard, ARRAY_LEN(hard));
}

static void test_addresses(void **state)
{
	static const struct rig_case cases[] = {
		{ "permit_mynetworks, reject", "554 5.7.1 " U },
		{ "permit_mynetworks, reject", "", .addr = "192.0.2.99" },
		{ "permit_mynetworks, reject", "", .addr = "2001:db8::1" },
		{ "permit_mynetworks, reject", "554 5.7.1 " U, .addr = "unknown" },
		{ "permit_inet_interfaces, reject", "", .addr = "127.0.0.1" },
		{ "permit_inet_interfaces, reject", "554 5.7.1 " U, .addr = "127.0.0.2" },
		{ "permit_inet_interfaces, reject", "554 5.7.1 " U, .addr = "unknown" },
		{ "permit_sasl_authenticated, reject", "554 5.7.1 " U },
		{ "permit_sasl_authenticated, reject", "", .login = "joe" },
		{ "check_sasl_access inline:{joe=REJECT}", "" },
		{ "check_sasl_access inline:{joe=REJECT}",
			"554 5.7.1 <joe>: SASL login name rejected: Access denied",
			.login = "joe" },
	};
	static const struct rig_case broken[] = {
		{ "permit_mynetworks, reject",
			"451 4.3.0 <host.test[198.51.100.7]>: Temporary lookup failure" },
	};
	struct access_settings s = rig_settings();

	(void)state;
	rig_cases(s, cases, ARRAY_LEN(cases));
	s.mynetworks = "fail:x";
	rig_cases(s, broken, ARRAY_LEN(broken));
}

static void test_tables(void **state)
{
	static const struct rig_case cases[] = {
		{ "check_client_access inline:{test=REJECT}",
			"554 5.7.1 <host.test[198.51.100.7]>: Client host rejected: Access denied" },
		{ "check_client_access inline:{198.51.100=REJECT}",
			"554 5.7.1 <host.test[198.51.100.7]>: Client host rejected: Access denied" },
		{ "check_client_access inline:{other=REJECT}", "" },
		{ "check_client_access fail:x",
			"451 4.3.5 <host.test[198.51.100.7]>: Client host rejected: Server configuration error" },
		{ "warn_if_reject check_client_access fail:x",
			"451 4.3.5 <host.test[198.51.100.7]>: Client host rejected: Server configuration error" },
		{ "check_reverse_client_hostname_access inline:{rev.test=REJECT}",
			"554 5.7.1 <rev.test>: Unverified Client host rejected: Access denied",
			.reverse = "rev.test" },
		{ "check_reverse_client_hostname_access inline:{rev.test=OK}",
			"451 4.3.5 Server configuration error",
			"restriction check_reverse_client_hostname_access returns OK for rev.test",
			.reverse = "rev.test" },
		{ "check_reverse_client_hostname_access inline:{rev.test=DUNNO}", "",
			.reverse = "rev.test" },
	};

	(void)state;
	rig_cases(rig_settings(), cases, ARRAY_LEN(cases));
}

static void test_rewrite(void **state)
{
	static const struct {
		const char *list, *addr;
		enum lookup want;
		const char *reply;
		bool no_socket_addr;
	} cases[] = {
		{ "permit_inet_interfaces", "127.0.0.1", LOOKUP_FOUND, NULL },
		{ "permit_inet_interfaces", "127.0.0.1", LOOKUP_NONE, NULL, true },
		{ "permit_mynetworks", "192.0.2.7", LOOKUP_FOUND, NULL, true },
		{ "permit_inet_interfaces", "198.51.100.7", LOOKUP_NONE, NULL },
		{ "permit_mynetworks", "192.0.2.7", LOOKUP_FOUND, NULL },
		{ "", "127.0.0.1", LOOKUP_NONE, NULL },
		{ "check_address_map inline:{198.51=x}", "198.51.100.7", LOOKUP_FOUND, NULL },
		{ "inline:{198.51=x}", "198.51.100.7", LOOKUP_FOUND, NULL },
		{ "fail:x", "198.51.100.7", LOOKUP_TEMPFAIL, "451 4.3.0 Temporary lookup error" },
		{ "reject", "198.51.100.7", LOOKUP_TEMPFAIL,
			"451 4.3.5 Server configuration error" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct access_settings s = rig_settings();
		struct access_request rq = rig_request();
		struct str text = STR_EMPTY;
		struct rig g;
		enum lookup r;

		s.local_header_rewrite_clients = cases[i].list;
		rig_start(&g, s);
		rq.addr = str_of(cases[i].addr);
		rq.no_socket_addr = cases[i].no_socket_addr;
		r = access_rewrite_local(g.a, &g.st, &rq, &text);
		if (r != cases[i].want ||
			(cases[i].reply != NULL && !str_eq(text, str_of(cases[i].reply))))
			fail_msg("'%s' %s: %d '" STR_FMT "'", cases[i].list, cases[i].addr, r,
				STR_ARG(text));
		rig_stop(&g);
	}
}

RIG_MAIN(cmocka_unit_test(test_names), cmocka_unit_test(test_addresses),
	cmocka_unit_test(test_tables), cmocka_unit_test(test_rewrite))
