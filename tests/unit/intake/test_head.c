/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of intake/head.c: rewriting, dropping, and what is missing.
 */
#include "rig.h"

#define REMOTE \
	"T 1700000000\nA rewrite_context=remote\nS s@example.test\nR r@example.test\nM\nN Received: x\n"
#define MISSING \
	"N Message-Id: <STAMP.QID@mail.example.test>\nN Date: Tue, 14 Nov 2023 22:13:20 +0000 (UTC)\n"

static void test_missing(void **state)
{
	static const struct rig_case cases[] = {
		{ RIG_HEAD "N Subject: a\nN \n" RIG_TAIL,
			"N Subject: a\n" MISSING "N From: s@example.test\nN\n",
			"QID: message-id=<STAMP.QID@mail.example.test>\n", 0, NULL },
		{ "T 1700000000\nS \nR r\nM\nN Received: x\n" RIG_TAIL, "N From: MAILER-DAEMON\nX",
			NULL, 0, NULL },
		{ "T 1700000000\nF Full Name\nS a b@c\nR r\nM\nN Received: x\n" RIG_TAIL,
			"N From: Full Name <\"a b\"@c>\nX", NULL, 0, NULL },
		{ RIG_HEAD
			"N Message-Id: <x>\nN Message-id: <y>\nN Resent-To: foo\nN Date: x\nN  y\n" RIG_TAIL,
			"N Date: x\nN  y\nN Resent-Message-Id: <STAMP.QID@mail.example.test>\nN Resent-Date: Tue, 14 Nov 2023 22:13:20 +0000 (UTC)\nN Resent-From: s@example.test\nX\nA message_id=<x>\n",
			"QID: message-id=<x>\nQID: message-id=<y>\nQID: resent-message-id=<STAMP.QID@mail.example.test>\n",
			0, NULL },
		{ RIG_HEAD "N resent-message-id: <x>\n" RIG_TAIL, NULL,
			"QID: resent-message-id=<x>\nQID: message-id=<>\n", 0, NULL },
		{ REMOTE "N To: foo\n" RIG_TAIL, "N To: foo\nX\nE", "message-id=<>\n", 0, NULL },
		{ RIG_ENV RIG_RCPT "M\nN Subject: x\n" RIG_TAIL, NULL,
			"QID: message rejected: no Received: header\n", 1, NULL },
	};
	struct intake_settings s = rig_settings();

	(void)state;
	rig_check(&s, INTAKE_INTERNAL, cases, ARRAY_LEN(cases));
}

static void test_always(void **state)
{
	static const struct rig_case cases[] = {
		{ REMOTE "N Foo: x\n" RIG_TAIL,
			"N Foo: x\n" MISSING "N From: s@example.test\nN To: nobody\nX", NULL, 0,
			NULL },
		{ REMOTE "N Cc: x\n" RIG_TAIL, "N From: s@example.test\nX", NULL, 0, NULL },
	};
	struct intake_settings s = rig_settings();

	(void)state;
	s.always_add_missing_headers = true;
	s.undisclosed_recipients_header = "To: nobody";
	rig_check(&s, INTAKE_INTERNAL, cases, ARRAY_LEN(cases));
}

static void test_remote_domain(void **state)
{
	static const struct rig_case cases[] = {
		{ REMOTE "N To: x, y@z\n" RIG_TAIL, "N To: x@rem.test, y@z\nN Message-Id", NULL, 0,
			NULL },
	};
	struct intake_settings s = rig_settings();

	(void)state;
	s.remote_header_rewrite_domain = "rem.test";
	rig_check(&s, INTAKE_INTERNAL, cases, ARRAY_LEN(cases));
}

static void test_rewrite(void **state)
{
	static const struct rig_case cases[] = {
		{ RIG_HEAD "N Y : z\nN Z   :x\nN V :\n" RIG_TAIL, "N Y: z\nN Z:x\nN V:\n", NULL, 0,
			NULL },
		{ RIG_HEAD "N From :\"A B\" <c>\nN cc:  x@y ,  b@c\n" RIG_TAIL,
			"N From: \"A B\" <c@example.test>\nN cc:  x@y ,  b@c\n", NULL, 0, NULL },
		{ RIG_HEAD
			"N From: a\nN To: <>\nN Cc: ,,\nN Reply-To: (only)\nN Errors-To: a b c@d\n" RIG_TAIL,
			"N To: <>\nN Cc: ,,\nN Reply-To: (only)\nN Errors-To: a@example.test, b@example.test, c@d\n",
			NULL, 0, NULL },
		{ RIG_HEAD
			"N To: aaaaaaaaaaaaaaaaaaaaaaaaaaaa, bbbbbbbbbbbbbbbbbbbbbbbbbbbbb, ggg\n" RIG_TAIL,
			"N To: aaaaaaaaaaaaaaaaaaaaaaaaaaaa@example.test,\nN \tbbbbbbbbbbbbbbbbbbbbbbbbbbbbb@example.test, ggg@example.test\n",
			NULL, 0, NULL },
		{ RIG_HEAD
			"N BCC: foo\nN Content-length: x\nN return-path: <x>\nN resent-bcc: foo\n" RIG_TAIL,
			"N Received: x\nN Resent-Message-Id", NULL, 0, NULL },
	};
	struct intake_settings s = rig_settings();

	(void)state;
	rig_check(&s, INTAKE_INTERNAL, cases, ARRAY_LEN(cases));
}

static void test_hops(void **state)
{
	static const struct rig_case cases[] = {
		{ RIG_HEAD "N Received: y\n" RIG_TAIL, NULL, NULL, 0, NULL },
		{ RIG_HEAD "N Received: y\nN Received: z\n" RIG_TAIL, NULL,
			"QID: message rejected: hopcount exceeded\n", 16, NULL },
	};
	struct intake_settings s = rig_settings();

	(void)state;
	s.hopcount_limit = 3;
	rig_check(&s, INTAKE_INTERNAL, cases, ARRAY_LEN(cases));
}

static void test_end_of_header(void **state)
{
	static const struct rig_case cases[] = {
		{ RIG_HEAD "N no header\n" RIG_TAIL,
			"N MIME-Error: message header was not terminated by empty line\nN\nN no header\n",
			NULL, 0, NULL },
	};
	struct intake_settings s = rig_settings();

	(void)state;
	s.non_empty_end_of_header_action = "add_header";
	rig_check(&s, INTAKE_INTERNAL, cases, ARRAY_LEN(cases));
}

static void test_end_of_header_reject(void **state)
{
	static const struct rig_case cases[] = {
		{ RIG_HEAD "N no header\n" RIG_TAIL, NULL,
			"reject: mime-error message header was not terminated by empty line: no header from",
			8, "5.6.0 message header was not terminated by empty line" },
	};
	struct intake_settings s = rig_settings();

	(void)state;
	s.non_empty_end_of_header_action = "reject";
	rig_check(&s, INTAKE_INTERNAL | INTAKE_FILTER, cases, ARRAY_LEN(cases));
}

static void test_sendopts(void **state)
{
	static const struct {
		const char *header;
		unsigned flags;
		long opts;
	} cases[] = {
		{ "N A: b\n", 0, 0 },
		{ "N A: \xc3\xa4\n", 0, 2 },
		{ "N A: \xc3\xa4\n", INTAKE_AUTOUTF8, 3 },
		{ "N A: b\n", INTAKE_SMTPUTF8, 1 },
		{ "N TLS-Required: no\n", 0, 16 },
		{ "N TLS-Required: yes\n", 0, 0 },
		{ "N Require-TLS-ESMTP: yes\n", 0, 32 },
		{ "N A: b\n", INTAKE_REQUIRETLS, 32 },
	};
	struct intake_settings s = rig_settings();

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		_cleanup_buf_ struct buf script = BUF(BUF_SMALL);
		struct rig_result r;
		struct rec_size size;

		buf_putf(&script, RIG_HEAD "%s" RIG_TAIL, cases[i].header);
		rig_run(&s, INTAKE_INTERNAL | cases[i].flags, buf_cstr(&script), &r);
		assert_int_equal(rec_parse_size(str_from(r.file.ptr + 2, 95), &size), 0);
		if (size.sendopts != cases[i].opts)
			fail_msg("case %zu: %lld", i, (long long)size.sendopts);
		buf_done(&r.file);
	}
	buf_done(&rig_log);
}

RIG_MAIN(cmocka_unit_test(test_missing), cmocka_unit_test(test_always),
	cmocka_unit_test(test_remote_domain), cmocka_unit_test(test_rewrite),
	cmocka_unit_test(test_hops), cmocka_unit_test(test_end_of_header),
	cmocka_unit_test(test_end_of_header_reject), cmocka_unit_test(test_sendopts));
