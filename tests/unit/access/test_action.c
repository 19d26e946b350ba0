/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of access/action.c: every right-hand side of access(5). */
#include "rig.h"

#define U       "<u@example.org>: Recipient address"
#define ON(rhs) "check_recipient_access inline:{{u@example.org=" rhs "}}"

static void test_results(void **state)
{
	static const struct rig_case cases[] = {
		{ ON("OK") ", reject", "" },
		{ ON("ok then") ", reject", "" },
		{ ON("RELAY") ", reject", "" },
		{ ON("1234") ", reject", "" },
		{ ON("DUNNO") ", reject", "554 5.7.1 " U " rejected: Access denied" },
		{ ON("REJECT"), "554 5.7.1 " U " rejected: Access denied" },
		{ ON("reject no way"), "554 5.7.1 " U " rejected: no way" },
		{ ON("REJECT 5.7.99 no way"), "554 5.7.99 " U " rejected: no way" },
		{ ON("REJECT 5.7.99"), "554 5.7.99 " U " rejected: Access denied" },
		{ ON("DEFER"), "450 4.7.1 " U " rejected: Access denied" },
		{ ON("DEFER later"), "450 4.7.1 " U " rejected: later" },
		{ ON("450 wait"), "450 4.7.1 " U " rejected: wait" },
		{ ON("550 5.2.0 no"), "550 5.2.0 " U " rejected: no" },
		{ ON("521 no"), "521 5.7.1 " U " rejected: no" },
		{ ON("DEFER_IF_PERMIT"), "450 4.7.1 " U " rejected: Service unavailable" },
		{ ON("DEFER_IF_PERMIT 4.2.0 busy") ", permit", "450 4.2.0 " U " rejected: busy" },
		{ ON("DEFER_IF_PERMIT busy") ", reject",
			"554 5.7.1 " U " rejected: Access denied" },
		{ ON("DEFER_IF_REJECT busy") ", permit", "" },
		{ ON("DEFER_IF_REJECT busy") ", reject", "450 4.7.1 " U " rejected: busy",
			"reject: RCPT from host.test[198.51.100.7]: 450 4.7.1 " U
			" rejected: busy; from" },
		{ ON("HANGUP"), "HANGUP", "NOQUEUE: hangup: RCPT" },
		{ ON("INFO hello") ", permit", "",
			"NOQUEUE: info: RCPT from host.test[198.51.100.7]: " U
			" hello; from=<s@b.c>" },
		{ ON("WARN hello") ", permit", "", "NOQUEUE: warn: RCPT" },
		{ ON("HOLD"), "",
			"hold: RCPT from host.test[198.51.100.7]: " U " triggers HOLD action; " },
		{ ON("HOLD why"), "", U " why; " },
		{ ON("DISCARD") ", reject", "",
			"discard: RCPT from host.test[198.51.100.7]: " U
			" triggers DISCARD action; " },
		{ ON("FILTER smtp:[127.0.0.1]:10025"), "",
			U " triggers FILTER smtp:[127.0.0.1]:10025; " },
		{ ON("FILTER bad"), "", "requiring transport:destination" },
		{ ON("REDIRECT a@b.c"), "", "redirect: RCPT" },
		{ ON("REDIRECT nobody"), "", "requiring user@domain" },
		{ ON("BCC a@b.c"), "", "bcc: RCPT" },
		{ ON("PREPEND X-A: b"), "", "" },
		{ ON("PREPEND nothing"), "", "requires header: text" },
		{ ON("FILTER"), "", "has FILTER without argument" },
		{ ON("reject_unauth_destination, reject"),
			"554 5.7.1 " U " rejected: Access denied" },
		{ ON("permit") ", reject", "" },
		{ ON("check_sender_access hash:x"), "451 4.3.5 Server configuration error",
			"do not specify lookup tables inside SMTPD access maps" },
		{ ON("GARBAGE"), "451 4.3.5 Server configuration error",
			"warning: unknown smtpd restriction: \"GARBAGE\"" },
	};

	(void)state;
	rig_cases(rig_settings(), cases, ARRAY_LEN(cases));
}

static void test_saved(void **state)
{
	struct access_settings s = rig_settings();
	struct access_request rq = rig_request();
	struct rig g;

	(void)state;
	s.smtpd_sender_restrictions = "inline:{{s@b.c=FILTER a:b}, {<>=DISCARD}}";
	s.smtpd_recipient_restrictions =
		"inline:{{u@example.org=FILTER c:d}, {v@example.org=BCC x@y},"
		"{w@example.org=BCC z@y}, {p@example.org=PREPEND X-P: 1},"
		"{r@example.org=REDIRECT r@y}, {h@example.org=HOLD}}";
	rig_start(&g, s);
	assert_string_equal(rig_ask(&g, ACCESS_RCPT, &rq), "");
	assert_string_equal(g.st.actions.filter, "c:d");
	rq.recipient = STR("v@example.org");
	assert_string_equal(rig_ask(&g, ACCESS_RCPT, &rq), "");
	assert_string_equal(g.st.actions.filter, "a:b");
	rq.recipient = STR("w@example.org");
	assert_string_equal(rig_ask(&g, ACCESS_RCPT, &rq), "");
	assert_int_equal(g.st.actions.bcc.n, 2);
	rq.recipient = STR("p@example.org");
	assert_string_equal(rig_ask(&g, ACCESS_RCPT, &rq), "");
	assert_string_equal(g.st.actions.prepend.v[0], "X-P: 1");
	rq.recipient = STR("r@example.org");
	assert_string_equal(rig_ask(&g, ACCESS_RCPT, &rq), "");
	assert_string_equal(g.st.actions.redirect, "r@y");
	rq.recipient = STR("h@example.org");
	assert_string_equal(rig_ask(&g, ACCESS_RCPT, &rq), "");
	assert_true(g.st.actions.hold);
	access_state_end_mail(&g.st);
	assert_false(g.st.actions.hold);
	assert_null(g.st.actions.filter);
	assert_int_equal(g.st.actions.bcc.n, 0);
	rig_stop(&g);
}

/* After DISCARD nothing is checked any more. */
static void test_discard(void **state)
{
	struct access_settings s = rig_settings();
	struct access_request rq = rig_request();
	struct rig g;

	(void)state;
	s.smtpd_client_restrictions = "inline:{host.test=DISCARD}";
	s.smtpd_recipient_restrictions = "reject";
	s.smtpd_data_restrictions = "reject";
	rig_start(&g, s);
	assert_string_equal(rig_ask(&g, ACCESS_RCPT, &rq), "");
	assert_true(g.st.actions.discard);
	rq.stage = "DATA";
	assert_string_equal(rig_ask(&g, ACCESS_DATA, &rq), "");
	access_state_end_mail(&g.st);
	assert_string_equal(rig_ask(&g, ACCESS_DATA, &rq),
		"554 5.7.1 <DATA>: Data command rejected: Access denied");
	rig_stop(&g);
}

static void test_impossible(void **state)
{
	static const struct rig_case c = { ON("HOLD"), "", "action HOLD is always skipped here" };
	struct access_settings s = rig_settings();
	struct access_request rq = rig_request();
	struct rig g;

	(void)state;
	s.no_actions = true;
	rig_one(s, &c);
	s = rig_settings();
	s.smtpd_delay_reject = false;
	s.smtpd_client_restrictions = "inline:{host.test=HOLD}";
	s.smtpd_end_of_data_restrictions = "check_client_access inline:{{host.test=PREPEND A: b}}";
	rig_start(&g, s);
	rq.stage = "CONNECT";
	rq.has_sender = rq.has_recipient = false;
	assert_string_equal(rig_ask(&g, ACCESS_CONNECT, &rq), "");
	assert_false(g.st.actions.hold);
	assert_non_null(strstr(buf_cstr(&rig_log),
		"with smtpd_delay_reject=no, action HOLD is always skipped"));
	rq = rig_request();
	rq.stage = "END-OF-MESSAGE";
	assert_string_equal(rig_ask(&g, ACCESS_END_OF_DATA, &rq), "");
	assert_int_equal(g.st.actions.prepend.n, 0);
	rig_stop(&g);
}

/* A monstrous value is a mistake, not a way to use up memory. */
static void test_long_value(void **state)
{
	_cleanup_buf_ struct buf list = BUF(BUF_MEDIUM);
	struct rig_case c = { "", "451 4.3.5 Server configuration error", ": value of " };

	(void)state;
	buf_puts(&list, "check_recipient_access inline:{{u@example.org=permit");
	for (int i = 0; i < 20000; i++)
		buf_puts(&list, " x");
	buf_puts(&list, "}}");
	c.list = buf_cstr(&list);
	rig_one(rig_settings(), &c);
}

static void test_permit_log(void **state)
{
	static const struct rig_case cases[] = {
		{ ON("OK"), "",
			"NOQUEUE: permit: RCPT from host.test[198.51.100.7]: action=OK for Recipient address=u@example.org from inline:" },
		{ "permit", "", "action=permit for Recipient address=u@example.org; from=<s@b.c>" },
		{ "permit_mynetworks", "", "" },
		{ "defer_if_permit, permit", "450 4.7.0 " U " rejected: defer_if_permit requested",
			"reject: RCPT" },
	};
	struct access_settings s = rig_settings();

	(void)state;
	s.smtpd_log_access_permit_actions = "ok, permit";
	rig_cases(s, cases, ARRAY_LEN(cases));
}

RIG_MAIN(cmocka_unit_test(test_results), cmocka_unit_test(test_saved),
	cmocka_unit_test(test_discard), cmocka_unit_test(test_impossible),
	cmocka_unit_test(test_long_value), cmocka_unit_test(test_permit_log))
