/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of access/relay.c: the open-relay matrix (threats A1). */
#include "rig.h"

static const struct {
	const char *rcpt;
	bool ours;
} matrix[] = {
	/* the classic forms; the victim is b.c */
	{ "u@b.c", false },
	{ "u%b.c@example.org", false },
	{ "u%b.c@localhost", false },
	{ "u%b.c@[127.0.0.1]", false },
	{ "u%b.c@[9.9.9.9]", false },
	{ "u%b.c", false },
	{ "b.c!u", false },
	{ "b.c!u@example.org", false },
	{ "b.c!u@[127.0.0.1]", false },
	{ "u@b.c@example.org", false },
	{ "u@b.c@[127.0.0.1]", false },
	{ "u%b.c%example.org", false },
	{ "u%b.c@relay.test", false },
	{ "b.c!u@relay.test", false },
	{ "u@b.c@relay.test", false },
	{ "u%b.c@vmb.test", false },
	{ "u@b.c@alias.test", false },
	{ "u@[192.0.2.9]", false },
	{ "u@b.c.", false },
	{ "relay.test!u%b.c@example.org", false },
	{ "u%b.c@example.org@localhost", false },
	{ "@b.c", false },
	{ "u@example.org.b.c", false },
	{ "u@xexample.org", false },
	{ "u@xrelay.test", false },
	{ "u@sub.vmb.test", false },
	/* ours */
	{ "u", true },
	{ "u@example.org", true },
	{ "u@EXAMPLE.ORG", true },
	{ "u@example.org.", true },
	{ "u@localhost", true },
	{ "u@[127.0.0.1]", true },
	{ "u@[9.9.9.9]", true },
	{ "u@relay.test", true },
	{ "u@sub.relay.test", true },
	{ "u@vmb.test", true },
	{ "u@alias.test", true },
	{ "u%example.org@example.org", true },
	{ "|cmd@example.org", true },
	{ "/path@example.org", true },
};

static void test_matrix(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(matrix); i++) {
		char text[300] = "", soft[300] = "";
		struct rig_case c = { "reject_unauth_destination", text, .rcpt = matrix[i].rcpt };

		if (!matrix[i].ours) {
			(void)snprintf(text, sizeof(text), "554 5.7.1 <%s>: Relay access denied",
				matrix[i].rcpt);
			(void)snprintf(soft, sizeof(soft), "454 4.7.1 <%s>: Relay access denied",
				matrix[i].rcpt);
		}
		rig_one(rig_settings(), &c);
		c.list = "permit_mynetworks, permit_sasl_authenticated, defer_unauth_destination";
		c.want = soft;
		rig_one(rig_settings(), &c);
		c.list = "permit_auth_destination, reject_unauth_destination, reject";
		c.want = text;
		rig_one(rig_settings(), &c);
		/* my own network may */
		c.list = "permit_mynetworks, reject_unauth_destination";
		c.want = "";
		c.addr = "192.0.2.3";
		rig_one(rig_settings(), &c);
	}
}

static void test_untrusted(void **state)
{
	static const struct rig_case cases[] = {
		{ "reject_unauth_destination", "", .rcpt = "u%b.c@relay.test" },
		{ "reject_unauth_destination", "554 5.7.1 <u%b.c@example.org>: Relay access denied",
			.rcpt = "u%b.c@example.org" },
	};
	struct access_settings s = rig_settings();

	(void)state;
	s.allow_untrusted_routing = true;
	rig_cases(s, cases, ARRAY_LEN(cases));
}

/* A table that fails must not relay, and must not bounce. */
static void test_failure(void **state)
{
	struct access_settings s = rig_settings();
	struct access_request rq = rig_request();
	struct rig g = { .rs = world() };
	struct why why;

	(void)state;
	g.rs.mydestination = "fail:x";
	g.router = world_router(&g.rs);
	s.router = g.router;
	s.smtpd_relay_restrictions = "reject_unauth_destination";
	assert_int_equal(access_new(&s, true, &g.a, &why), 0);
	assert_string_equal(rig_ask(&g, ACCESS_RCPT, &rq),
		"451 4.3.0 <u@example.org>: Temporary lookup failure");
	rig_stop(&g);
}

RIG_MAIN(cmocka_unit_test(test_matrix), cmocka_unit_test(test_untrusted),
	cmocka_unit_test(test_failure))
