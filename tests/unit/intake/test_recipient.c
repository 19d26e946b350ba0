/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of intake/recipient.c: originals, duplicates, blind copies.
 */
#include "rig.h"

static void test_forms(void **state)
{
	static const struct rig_case cases[] = {
		{ RIG_ENV "R \n" RIG_BODY,
			"A dsn_orig_rcpt=rfc822;MAILER-DAEMON@example.test\nO\nR MAILER-DAEMON@example.test\n",
			NULL, 0, NULL },
		{ RIG_ENV "R @a,@b:z@c\n" RIG_BODY,
			"A dsn_orig_rcpt=rfc822;z@c\nO @a,@b:z@c\nR z@c\n", NULL, 0, NULL },
		{ RIG_ENV "R a b@q.test\n" RIG_BODY, "O a b@q.test\nR a b@q.test\n", NULL, 0,
			NULL },
		{ RIG_ENV "M\nN Received: x\n" RIG_TAIL, NULL, NULL, 64, NULL },
	};
	struct intake_settings s = rig_settings();

	(void)state;
	rig_check(&s, INTAKE_INTERNAL, cases, ARRAY_LEN(cases));
}

static void test_duplicates(void **state)
{
	static const struct rig_case cases[] = {
		{ RIG_ENV "R r\nR R\nR r\nM\nN Received: x\n" RIG_TAIL,
			"O r\nR r@example.test\nM\n", NULL, 0, NULL },
		{ RIG_ENV "R r\nR r@example.test\nM\nN Received: x\n" RIG_TAIL,
			"O r\nR r@example.test\nA dsn_orig_rcpt=rfc822;r@example.test\nO r@example.test\nR r@example.test\nM\n",
			NULL, 0, NULL },
	};
	struct intake_settings s = rig_settings();

	(void)state;
	rig_check(&s, INTAKE_INTERNAL, cases, ARRAY_LEN(cases));
}

static void test_duplicates_by_address(void **state)
{
	static const struct rig_case cases[] = {
		{ RIG_ENV "R r\nR r@example.test\nR r+1\nM\nN Received: x\n" RIG_TAIL,
			"O r\nR r@example.test\nA dsn_orig_rcpt=rfc822;r+1@example.test\nO r+1\nR r+1@example.test\nM\n",
			NULL, 0, NULL },
	};
	struct intake_settings s = rig_settings();

	(void)state;
	s.enable_original_recipient = false;
	rig_check(&s, INTAKE_INTERNAL, cases, ARRAY_LEN(cases));
}

static void test_bcc(void **state)
{
	static const struct rig_case cases[] = {
		{ RIG_ENV RIG_RCPT RIG_BODY,
			"S s@example.test\nA notify_flags=1\nO sb@example.test\nR sb@example.test\nA dsn_orig_rcpt=rfc822;r@example.test\nO r@example.test\nR r@example.test\nA notify_flags=1\nO rb+x@example.test\nR rb+x@example.test\nM\n",
			NULL, 0, NULL },
		{ RIG_ENV RIG_RCPT RIG_BODY,
			"A notify_flags=1\nO bcv@example.test\nR q1@example.test\nA notify_flags=1\nO bcv@example.test\nR q2@example.test\nE\n",
			NULL, 0, NULL },
		{ RIG_ENV "M\nN Received: x\n" RIG_TAIL, NULL, NULL, 64, NULL },
	};
	struct intake_settings s = rig_settings();

	(void)state;
	s.sender_bcc_maps = "inline:{s@example.test=sb}";
	s.recipient_bcc_maps = "inline:{{r@example.test=rb+x}}";
	s.always_bcc = "bcv";
	s.virtual_alias_maps = "inline:{ {bcv=q1 q2} }";
	rig_check(&s, INTAKE_INTERNAL | INTAKE_BCC_OK, cases, ARRAY_LEN(cases));
}

static void test_utf8(void **state)
{
	static const struct rig_case cases[] = {
		{ RIG_ENV "R \xc3\xa4@b\n" RIG_BODY, "A dsn_orig_rcpt=utf-8;\xc3\xa4@b\n", NULL, 0,
			NULL },
	};
	struct intake_settings s = rig_settings();

	(void)state;
	rig_check(&s, INTAKE_INTERNAL | INTAKE_AUTOUTF8, cases, ARRAY_LEN(cases));
}

RIG_MAIN(cmocka_unit_test(test_forms), cmocka_unit_test(test_duplicates),
	cmocka_unit_test(test_duplicates_by_address), cmocka_unit_test(test_bcc),
	cmocka_unit_test(test_utf8));
