/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of access/compile.c: what a list may say, and what happens when it is wrong. */
#include <errno.h>

#include "rig.h"

#define CONFIG "451 4.3.5 Server configuration error"

static void test_mistakes(void **state)
{
	static const struct rig_case cases[] = {
		{ "nonsense", CONFIG, "warning: unknown smtpd restriction: \"nonsense\"" },
		{ "permit_naked_ip_address", CONFIG,
			"support for restriction \"permit_naked_ip_address\" has been removed in Postfix 3.9; "
			"instead, specify" },
		{ "reject_maps_rbl", CONFIG, "has been removed" },
		{ "check_relay_domains", CONFIG, "has been removed" },
		{ "reject_rbl_client zen.example", CONFIG,
			"warning: restriction \"reject_rbl_client\" is not supported" },
		{ "check_policy_service unix:private/x", CONFIG,
			"\"check_policy_service\" is not supported" },
		{ "reject_unverified_sender", CONFIG,
			"\"reject_unverified_sender\" is not supported" },
		{ "permit_mx_backup", CONFIG, "\"permit_mx_backup\" is not supported" },
		{ "check_sender_mx_access inline:{a=b}", CONFIG,
			"\"check_sender_mx_access\" is not supported" },
		{ "check_sender_access", CONFIG, "requires maptype:mapname argument" },
		{ "check_sender_access foo", CONFIG, "bad argument \"foo\": need maptype:mapname" },
		{ "check_sender_access foo, permit", CONFIG },
		{ "reject_rbl_client", CONFIG, "requires domain name argument" },
		{ "inline:{u@example.org=REJECT}",
			"554 5.7.1 <u@example.org>: Recipient address rejected: Access denied" },
		{ "inline:{{u@example.org=REJECT a b}, {x=y}}, permit",
			"554 5.7.1 <u@example.org>: Recipient address rejected: a b" },
		{ "\tpermit\n,reject,", "" },
	};

	(void)state;
	rig_cases(rig_settings(), cases, ARRAY_LEN(cases));
}

static void test_bare_table(void **state)
{
	struct access_settings s = rig_settings();
	struct access_request rq = rig_request();
	struct rig g;

	(void)state;
	s.smtpd_client_restrictions = "inline:{{host.test=REJECT c}}";
	rig_start(&g, s);
	assert_string_equal(rig_ask(&g, ACCESS_RCPT, &rq),
		"554 5.7.1 <host.test[198.51.100.7]>: Client host rejected: c");
	rig_stop(&g);
	s = rig_settings();
	s.smtpd_data_restrictions = "inline:{{x=REJECT c}}";
	rig_start(&g, s);
	rq.stage = "DATA";
	assert_string_equal(rig_ask(&g, ACCESS_DATA, &rq), CONFIG);
	assert_non_null(
		strstr(buf_cstr(&rig_log), "before Data command restriction \"inline:{{x=REJECT"));
	rig_stop(&g);
}

static void test_fatal(void **state)
{
	struct access_settings s = rig_settings();
	struct access *a = NULL;
	struct why why;

	(void)state;
	s.smtpd_recipient_restrictions = "check_x {";
	assert_int_equal(access_new(&s, false, &a, &why), -EINVAL);
	assert_non_null(strstr(why.text, "braces"));
	s = rig_settings();
	s.smtpd_restriction_classes = "strict, undefined";
	assert_int_equal(access_new(&s, false, &a, &why), -EINVAL);
	assert_string_equal(why.text, "restriction class `undefined' needs a definition");
	s = rig_settings();
	s.unknown_address_tempfail_action = "permit";
	assert_int_equal(access_new(&s, false, &a, &why), -EINVAL);
	assert_null(a);
}

static void test_guard(void **state)
{
	static const struct {
		const char *relay, *rcpt;
		bool ok;
	} cases[] = {
		{ "", "", false },
		{ "permit_mynetworks, reject_unauth_destination", "", true },
		{ "", "reject_unauth_destination", true },
		{ "permit_mynetworks defer_unauth_destination", "permit", true },
		{ "", "permit_mynetworks", false },
		{ "", "permit, reject", false },
		{ "", "reject", true },
		{ "", "defer", true },
		{ "", "defer_if_permit", true },
		{ "", "defer_if_reject", false },
		{ "", "warn_if_reject reject", false },
		{ "", "warn_if_reject reject, reject", true },
		{ "", "strict", true },
		{ "", "open", false },
		{ "", "loop", false },
		{ "", "check_recipient_access inline:{a=REJECT}", false },
		{ "", "check_relay_domains", true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct access_settings s = rig_settings();
		struct access *a = NULL;
		struct why why = { .text = "" };
		int r;

		s.smtpd_relay_restrictions = cases[i].relay;
		s.smtpd_recipient_restrictions = cases[i].rcpt;
		r = access_new(&s, true, &a, &why);
		if (r != (cases[i].ok ? 0 : -EINVAL))
			fail_msg("'%s' '%s': %d %s", cases[i].relay, cases[i].rcpt, r, why.text);
		access_free(a);
	}
	buf_done(&rig_log);
}

RIG_MAIN(cmocka_unit_test(test_mistakes), cmocka_unit_test(test_bare_table),
	cmocka_unit_test(test_fatal), cmocka_unit_test(test_guard))
