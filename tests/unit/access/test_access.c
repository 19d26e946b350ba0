/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of access/access.c: which lists are asked when, and what one stage leaves to the next. */
#include <errno.h>

#include "rig.h"

/* All lists say their name; the first one wins. */
static void test_order(void **state)
{
	static const struct {
		bool delay, relay_first;
		const char *client, *helo, *sender, *relay, *rcpt;
		enum access_point point;
		const char *want;
	} cases[] = {
		{ true, true, "reject", "reject", "reject", "reject", "reject", ACCESS_RCPT,
			"554 5.7.1 <host.test[198.51.100.7]>: Client host rejected: Access denied" },
		{ true, true, "permit", "reject", "reject", "reject", "reject", ACCESS_RCPT,
			"554 5.7.1 <helo.test>: Helo command rejected: Access denied" },
		{ true, true, "permit", "permit", "reject", "reject", "reject", ACCESS_RCPT,
			"554 5.7.1 <s@b.c>: Sender address rejected: Access denied" },
		{ true, true, "permit", "permit", "permit", "defer", "reject", ACCESS_RCPT,
			"450 4.3.2 <u@example.org>: Recipient address rejected: Try again later" },
		{ true, false, "permit", "permit", "permit", "defer", "reject", ACCESS_RCPT,
			"554 5.7.1 <u@example.org>: Recipient address rejected: Access denied" },
		{ true, true, "permit", "permit", "permit", "permit", "permit", ACCESS_RCPT, "" },
		{ true, true, "permit", "", "", "permit", "reject", ACCESS_RCPT,
			"554 5.7.1 <u@example.org>: Recipient address rejected: Access denied" },
		{ true, true, "reject", "reject", "reject", "", "", ACCESS_CONNECT, "" },
		{ true, true, "reject", "reject", "reject", "", "", ACCESS_HELO, "" },
		{ true, true, "reject", "reject", "reject", "", "", ACCESS_MAIL, "" },
		{ false, true, "reject", "", "", "", "", ACCESS_CONNECT,
			"554 5.7.1 <host.test[198.51.100.7]>: Client host rejected: Access denied" },
		{ false, true, "", "reject", "", "", "", ACCESS_HELO,
			"554 5.7.1 <helo.test>: Helo command rejected: Access denied" },
		{ false, true, "", "", "reject", "", "", ACCESS_MAIL,
			"554 5.7.1 <s@b.c>: Sender address rejected: Access denied" },
		{ false, true, "reject", "reject", "reject", "", "", ACCESS_RCPT, "" },
		{ true, true, "reject", "", "", "", "", ACCESS_ETRN,
			"554 5.7.1 <host.test[198.51.100.7]>: Client host rejected: Access denied" },
		{ true, true, "", "", "reject", "reject", "reject", ACCESS_ETRN, "" },
		{ true, true, "reject", "", "", "", "", ACCESS_DATA, "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct access_settings s = rig_settings();
		struct access_request rq = rig_request();
		struct rig g;
		const char *got;

		s.smtpd_delay_reject = cases[i].delay;
		s.smtpd_relay_before_recipient_restrictions = cases[i].relay_first;
		s.smtpd_client_restrictions = cases[i].client;
		s.smtpd_helo_restrictions = cases[i].helo;
		s.smtpd_sender_restrictions = cases[i].sender;
		s.smtpd_relay_restrictions = cases[i].relay;
		s.smtpd_recipient_restrictions = cases[i].rcpt;
		rig_start(&g, s);
		rq.etrn = STR("x.y");
		got = rig_ask(&g, cases[i].point, &rq);
		if (strcmp(got, cases[i].want) != 0)
			fail_msg("case %zu: '%s'", i, got);
		rig_stop(&g);
	}
}

static void test_special(void **state)
{
	struct access_settings s = rig_settings();
	struct access_request rq = rig_request();
	struct rig g;

	(void)state;
	s.smtpd_client_restrictions = s.smtpd_recipient_restrictions = "reject";
	rig_start(&g, s);
	rq.recipient = STR("PostMaster");
	assert_string_equal(rig_ask(&g, ACCESS_RCPT, &rq), "");
	rq.recipient = STR("postmaster@example.org");
	assert_string_not_equal(rig_ask(&g, ACCESS_RCPT, &rq), "");
	rig_stop(&g);
	/* without HELO that list is not asked */
	s = rig_settings();
	s.smtpd_helo_restrictions = "reject";
	rig_start(&g, s);
	rq = rig_request();
	rq.helo = STR_EMPTY;
	assert_string_equal(rig_ask(&g, ACCESS_RCPT, &rq), "");
	rig_stop(&g);
}

/* A deferral of an early stage turns the permit of a later one. */
static void test_saved_deferral(void **state)
{
#define DEFERRED \
	"450 4.7.0 <host.test[198.51.100.7]>: Client host rejected: defer_if_permit requested"
	struct access_settings s = rig_settings();
	struct access_request rq = rig_request();
	struct rig g;

	(void)state;
	s.smtpd_delay_reject = false;
	s.smtpd_client_restrictions = "defer_if_permit, permit";
	s.smtpd_sender_restrictions = "defer_if_permit";
	rig_start(&g, s);
	assert_string_equal(rig_ask(&g, ACCESS_CONNECT, &rq), "");
	assert_string_equal(rig_ask(&g, ACCESS_HELO, &rq), "");
	assert_string_equal(rig_ask(&g, ACCESS_MAIL, &rq), "");
	assert_string_equal(rig_ask(&g, ACCESS_RCPT, &rq), DEFERRED);
	assert_string_equal(rig_ask(&g, ACCESS_RCPT, &rq), DEFERRED);
	rq.stage = "DATA";
	assert_string_equal(rig_ask(&g, ACCESS_DATA, &rq), "");
	access_state_end_mail(&g.st);
	access_state_end_helo(&g.st);
	assert_string_equal(rig_ask(&g, ACCESS_RCPT, &rq), DEFERRED);
	/* The next session in the same memory has none of it. */
	assert_string_equal(rig_ask(&g, ACCESS_HELO, &rq), "");
	assert_string_equal(rig_ask(&g, ACCESS_MAIL, &rq), "");
	access_state_reset(&g.st);
	assert_null(g.st.saved[0].reply);
	assert_null(g.st.saved[2].reply);
	assert_int_equal(g.st.reply.len, 0);
	assert_string_equal(rig_ask(&g, ACCESS_RCPT, &rq), "");
	assert_string_equal(rig_ask(&g, ACCESS_CONNECT, &rq), "");
	rig_stop(&g);
	s.smtpd_client_restrictions = "";
	rig_start(&g, s);
	assert_string_equal(rig_ask(&g, ACCESS_MAIL, &rq), "");
	assert_string_equal(rig_ask(&g, ACCESS_RCPT, &rq),
		"450 4.7.0 <s@b.c>: Sender address rejected: defer_if_permit requested");
	access_state_end_mail(&g.st);
	assert_string_equal(rig_ask(&g, ACCESS_RCPT, &rq), "");
	rig_stop(&g);
}

/* The first reason is kept; defer_if_reject does not outlive its list. */
static void test_reasons(void **state)
{
	struct access_settings s = rig_settings();
	struct access_request rq = rig_request();
	struct rig g;

	(void)state;
	s.smtpd_client_restrictions = "defer_if_permit, defer_if_permit";
	s.smtpd_sender_restrictions = "defer_if_permit";
	rig_start(&g, s);
	assert_string_equal(rig_ask(&g, ACCESS_RCPT, &rq), DEFERRED);
	rig_stop(&g);
	s.smtpd_client_restrictions = "defer_if_reject";
	s.smtpd_sender_restrictions = "reject";
	rig_start(&g, s);
	assert_string_equal(rig_ask(&g, ACCESS_RCPT, &rq),
		"554 5.7.1 <s@b.c>: Sender address rejected: Access denied");
	rig_stop(&g);
}

static void test_end_of_data(void **state)
{
	struct access_settings s = rig_settings();
	struct access_request rq = rig_request();
	struct rig g;

	(void)state;
	s.smtpd_end_of_data_restrictions =
		"check_recipient_access inline:{u@example.org=DUNNO}, reject";
	rig_start(&g, s);
	rq.stage = "END-OF-MESSAGE";
	rq.has_recipient = false;
	rq.recipient_count = 2;
	assert_string_equal(rig_ask(&g, ACCESS_END_OF_DATA, &rq),
		"554 5.7.1 <END-OF-MESSAGE>: End-of-data rejected: Access denied");
	assert_non_null(strstr(buf_cstr(&rig_log), "reject: END-OF-MESSAGE from host.test"));
	rig_stop(&g);
}

/* compatibility_level 0: mail passes, and the log says that it should not. */
static void test_legacy(void **state)
{
	struct access_settings s = rig_settings();
	struct access_request rq = rig_request();
	struct access *a = NULL;
	struct rig g;
	struct why why;

	(void)state;
	s.relay_restrictions_legacy = true;
	assert_int_equal(access_new(&s, true, &a, &why), -EINVAL);
	s.smtpd_recipient_restrictions =
		"check_client_access inline:{host.test=OK}, reject_unauth_destination";
	assert_int_equal(access_new(&s, true, &a, &why), 0);
	access_free(a);
	rig_start(&g, s);
	assert_string_equal(rig_ask(&g, ACCESS_RCPT, &rq), "");
	assert_int_equal(rig_log.len, 0);
	rq.recipient = STR("u@b.c");
	assert_string_equal(rig_ask(&g, ACCESS_RCPT, &rq), "");
	assert_non_null(strstr(buf_cstr(&rig_log),
		"using backwards-compatible default setting \"smtpd_relay_restrictions = (empty)\""));
	rig_stop(&g);
	/* the recipient list first */
	s = rig_settings();
	s.relay_order_legacy = true;
	s.smtpd_relay_before_recipient_restrictions = false;
	s.smtpd_recipient_restrictions = "reject";
	rig_start(&g, s);
	assert_string_not_equal(rig_ask(&g, ACCESS_RCPT, &rq), "");
	assert_non_null(strstr(buf_cstr(&rig_log),
		"using backwards-compatible default setting smtpd_relay_before_recipient_restrictions=no to "
		"reject recipient \"u@b.c\" from client \"host.test[198.51.100.7]\""));
	rig_stop(&g);
}

RIG_MAIN(cmocka_unit_test(test_order), cmocka_unit_test(test_special),
	cmocka_unit_test(test_saved_deferral), cmocka_unit_test(test_reasons),
	cmocka_unit_test(test_end_of_data), cmocka_unit_test(test_legacy))
