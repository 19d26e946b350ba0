/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of access/answer.c: how replies look, and the log line. */
#include "rig.h"

static void test_dsn_fix(void **state)
{
	static const struct {
		const char *class;
		unsigned short subject, detail, want_subject, want_detail;
	} cases[] = {
		{ CLASS_SENDER, 1, 1, 1, 7 },
		{ CLASS_SENDER, 1, 2, 1, 8 },
		{ CLASS_SENDER, 1, 3, 1, 7 },
		{ CLASS_SENDER, 1, 4, 1, 7 },
		{ CLASS_SENDER, 1, 5, 1, 0 },
		{ CLASS_SENDER, 1, 6, 1, 7 },
		{ CLASS_SENDER, 1, 7, 1, 7 },
		{ CLASS_SENDER, 1, 8, 1, 8 },
		{ CLASS_SENDER, 1, 9, 1, 0 },
		{ CLASS_SENDER, 1, 0, 1, 0 },
		{ CLASS_SENDER, 7, 1, 7, 1 },
		{ CLASS_RECIPIENT, 1, 1, 1, 1 },
		{ CLASS_RECIPIENT, 1, 6, 1, 6 },
		{ CLASS_RECIPIENT, 1, 7, 1, 3 },
		{ CLASS_RECIPIENT, 1, 8, 1, 2 },
		{ CLASS_RECIPIENT, 1, 99, 1, 0 },
		{ CLASS_CLIENT, 1, 1, 0, 0 },
		{ CLASS_HELO, 1, 8, 0, 0 },
		{ CLASS_HELO, 7, 8, 7, 8 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct dsn_code d = { 5, cases[i].subject, cases[i].detail };

		d = access_dsn_fix(d, cases[i].class);
		if (d.subject != cases[i].want_subject || d.detail != cases[i].want_detail)
			fail_msg("%s %u.%u: %u.%u", cases[i].class, cases[i].subject,
				cases[i].detail, d.subject, d.detail);
	}
}

static void test_replies(void **state)
{
	static const struct rig_case cases[] = {
		{ "check_recipient_access inline:{{u@example.org=REJECT 5.1.8 gone}}",
			"554 5.1.2 <u@example.org>: Recipient address rejected: gone",
			"mapping DSN status 5.1.8 into Recipient address status 5.1.2" },
		{ "check_sender_access inline:{{s@b.c=550 5.1.1 gone}}",
			"550 5.1.7 <s@b.c>: Sender address rejected: gone" },
		{ "check_client_access inline:{{host.test=550 5.1.1 gone}}",
			"550 5.0.0 <host.test[198.51.100.7]>: Client host rejected: gone" },
		{ "check_recipient_access inline:{{u@example.org=550 4.7.1 odd}}",
			"550 5.7.1 <u@example.org>: Recipient address rejected: odd" },
		{ "check_recipient_access inline:{{u@example.org=450 5.7.1 odd}}",
			"450 4.7.1 <u@example.org>: Recipient address rejected: odd" },
		{ "check_recipient_access inline:{{u@example.org=421 4.7.1 bye}}",
			"421 4.7.1 <u@example.org>: Recipient address rejected: bye" },
	};

	(void)state;
	rig_cases(rig_settings(), cases, ARRAY_LEN(cases));
}

static void test_soft_bounce(void **state)
{
	static const struct rig_case c = { "reject",
		"454 4.7.1 <u@example.org>: Recipient address rejected: Access denied",
		"reject: RCPT" };
	struct access_settings s = rig_settings();

	(void)state;
	s.soft_bounce = true;
	rig_one(s, &c);
}

static void test_long_and_dirty(void **state)
{
	_cleanup_buf_ struct buf rcpt = BUF(10000);
	struct access_settings s = rig_settings();
	struct access_request rq = rig_request();
	struct rig g;
	const char *got;

	(void)state;
	s.smtpd_recipient_restrictions = "reject";
	rig_start(&g, s);
	while (rcpt.len < 1000)
		buf_putc(&rcpt, rcpt.len % 2 ? 'x' : '\n');
	buf_puts(&rcpt, "@example.org");
	rq.recipient = buf_str(&rcpt);
	got = rig_ask(&g, ACCESS_RCPT, &rq);
	assert_int_equal(strlen(got), 510);
	assert_null(strpbrk(got, "\r\n"));
	rig_stop(&g);
}

static void test_log_line(void **state)
{
	struct access_request rq = rig_request();

	(void)state;
	rq.queue_id = STR("ABC");
	rq.sender = STR("");
	rq.recipient = STR("a b@c");
	rq.sasl_method = STR("PLAIN");
	rq.sasl_username = STR("joe");
	access_log(&rig_notes, &rq, "warn", STR("text"));
	assert_string_equal(buf_cstr(&rig_log),
		"ABC: warn: RCPT from host.test[198.51.100.7]: text; from=<> to=<\"a b\"@c> proto=ESMTP "
		"helo=<helo.test> sasl_method=PLAIN sasl_username=joe\n");
	buf_clear(&rig_log);
	rq = (struct access_request){ .stage = "CONNECT",
		.client = STR("unknown[1.2.3.4]"),
		.protocol = STR("SMTP") };
	access_log(&rig_notes, &rq, "reject", STR("x"));
	assert_string_equal(buf_cstr(&rig_log),
		"NOQUEUE: reject: CONNECT from unknown[1.2.3.4]: x; proto=SMTP\n");
	buf_clear(&rig_log);
	rq = rig_request();
	rq.stage = "DATA";
	rq.recipient_count = 2;
	access_log(&rig_notes, &rq, "reject", STR("x"));
	assert_null(strstr(buf_cstr(&rig_log), " to="));
	buf_done(&rig_log);
}

RIG_MAIN(cmocka_unit_test(test_dsn_fix), cmocka_unit_test(test_replies),
	cmocka_unit_test(test_soft_bounce), cmocka_unit_test(test_long_and_dirty),
	cmocka_unit_test(test_log_line))
