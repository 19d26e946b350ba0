/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of intake/content.c: bytes, lines, classes of checks, MIME errors.
 */
#include "rig.h"

static void test_lines(void **state)
{
	static const struct rig_case cases[] = {
		{ RIG_HEAD "N \nN a\rb\nL abc\nN d\n" RIG_TAIL, "N\nN a b\nL abc\nN d\nX\n", NULL,
			0, NULL },
		{ RIG_HEAD "N To: aaaaaaaaaaaaaaaaaaaa\nN \nN 0123456789012345678901234\n" RIG_TAIL,
			"N\nL 0123456789\nL 0123456789\nN 01234\nX\n", NULL, 0, NULL },
		{ RIG_HEAD "N no header\n" RIG_TAIL, "N\nN no header\nX\n", NULL, 0, NULL },
		{ RIG_HEAD "R x\n" RIG_TAIL, NULL, "unexpected record type 82 in message content",
			1, NULL },
	};
	struct intake_settings s = rig_settings();

	(void)state;
	s.line_length_limit = 10;
	rig_check(&s, INTAKE_INTERNAL, cases, ARRAY_LEN(cases));
}

static void test_bytes(void **state)
{
	static const struct rig_case cases[] = {
		{ RIG_HEAD "N A: b\001\n" RIG_TAIL, NULL, "QID: reject: content A: b", 8,
			"5.7.1 disallowed character" },
		{ RIG_HEAD "N A: b\002y\nN \nN c\002\n" RIG_TAIL, "N A: by\n", NULL, 0, NULL },
	};
	struct intake_settings s = rig_settings();

	(void)state;
	s.message_reject_characters = "\\001";
	s.message_strip_characters = "\\002";
	rig_check(&s, INTAKE_INTERNAL | INTAKE_FILTER, cases, ARRAY_LEN(cases));
}

static void test_bytes_off(void **state)
{
	static const struct rig_case cases[] = {
		{ RIG_HEAD "N A: b\001\002\n" RIG_TAIL, "N A: b\001\002\n", NULL, 0, NULL },
	};
	struct intake_settings s = rig_settings();

	(void)state;
	s.message_reject_characters = "\\001";
	s.message_strip_characters = "\\002";
	rig_check(&s, INTAKE_INTERNAL, cases, ARRAY_LEN(cases));
}

static void test_mime_errors(void **state)
{
	static const struct rig_case cases[] = {
		{ RIG_HEAD "N Subject: \xe4\nN \nN \xe4\n" RIG_TAIL, NULL,
			"QID: reject: mime-error improper use of 8-bit data in message header: Subject: \xe4 from local; from=<s@example.test> to=<r@example.test>\n",
			8, "5.6.0 improper use of 8-bit data in message header" },
		{ RIG_HEAD
			"N Content-Type: message/partial\nN Content-Transfer-Encoding: 8bit\nN \nN x\n" RIG_TAIL,
			NULL,
			"mime-error invalid message/* or multipart/* encoding domain: 8bit from", 8,
			"5.6.0 invalid message/* or multipart/* encoding domain" },
	};
	struct intake_settings s = rig_settings();

	(void)state;
	s.strict_8bitmime = true;
	s.strict_mime_encoding_domain = true;
	rig_check(&s, INTAKE_INTERNAL | INTAKE_FILTER, cases, ARRAY_LEN(cases));
}

static void test_classes(void **state)
{
	static const struct rig_case cases[] = {
		{ RIG_HEAD
			"N Content-Type: multipart/mixed; boundary=b\nN \nN --b\nN Content-Type: message/rfc822\nN \nN S: i\nN \nN t\n" RIG_TAIL,
			NULL,
			"header Received: x from local; from=<s@example.test> to=<r@example.test>: h\nQID: warning: header Content-Type: multipart/mixed; boundary=b from local; from=<s@example.test> to=<r@example.test>: m\nQID: message-id=<STAMP.QID@mail.example.test>\nQID: warning: body --b from local; from=<s@example.test> to=<r@example.test>: b\nQID: warning: header Content-Type: message/rfc822 from local; from=<s@example.test> to=<r@example.test>: m\nQID: warning: header S: i from local; from=<s@example.test> to=<r@example.test>: n\nQID: warning: body t from",
			0, NULL },
	};
	struct intake_settings s = rig_settings();

	(void)state;
	s.header_checks = "static:{WARN h}";
	s.mime_header_checks = "static:{WARN m}";
	s.nested_header_checks = "static:{WARN n}";
	s.body_checks = "static:{WARN b}";
	rig_check(&s, INTAKE_INTERNAL | INTAKE_FILTER, cases, ARRAY_LEN(cases));
}

static void test_body_limit(void **state)
{
	static const struct rig_case cases[] = {
		{ RIG_HEAD "N \nN 12345678\nN x\n" RIG_TAIL, NULL,
			"body 12345678 from local; from=<s@example.test> to=<r@example.test>: b\n",
			0, NULL },
		{ RIG_HEAD "N \nN 12345678\nN rej\n" RIG_TAIL, "N rej\n", NULL, 0, NULL },
		{ RIG_HEAD "N \nN 1234567\nN rej\n" RIG_TAIL, NULL, NULL, 8,
			"5.7.1 message content rejected" },
	};
	struct intake_settings s = rig_settings();

	(void)state;
	s.body_checks = "inline:{ {12345678=WARN b} {rej=REJECT} }";
	s.body_checks_size_limit = 10;
	rig_check(&s, INTAKE_INTERNAL | INTAKE_FILTER, cases, ARRAY_LEN(cases));
}

static void test_downgrade(void **state)
{
	static const struct rig_case cases[] = {
		{ RIG_HEAD "N Content-Transfer-Encoding: 8bit\nN \nN \xe4\n" RIG_TAIL,
			"N Content-Transfer-Encoding: quoted-printable\nN Message-Id: <STAMP.QID@mail.example.test>\nN Date: Tue, 14 Nov 2023 22:13:20 +0000 (UTC)\nN From: s@example.test\nN\nN =E4\n",
			NULL, 0, NULL },
	};
	struct intake_settings s = rig_settings();

	(void)state;
	s.force_mime_input_conversion = true;
	rig_check(&s, INTAKE_INTERNAL, cases, ARRAY_LEN(cases));
}

RIG_MAIN(cmocka_unit_test(test_lines), cmocka_unit_test(test_bytes),
	cmocka_unit_test(test_bytes_off), cmocka_unit_test(test_mime_errors),
	cmocka_unit_test(test_classes), cmocka_unit_test(test_body_limit),
	cmocka_unit_test(test_downgrade));
