/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of access/unlisted.c. */
#include "rig.h"

#define R ": Recipient address rejected: User unknown in "

static struct access_settings listed(void)
{
	struct access_settings s = rig_settings();

	s.local_recipient_maps = "inline:{u=x, {quoted@example.org=y}}";
	s.virtual_mailbox_maps = "inline:{{u@vmb.test=x}}";
	s.relay_recipient_maps = "inline:{{u@relay.test=x}}";
	s.recipient_canonical_maps = "inline:{{can@example.org=u@example.org}}";
	s.sender_canonical_maps = "inline:{{scan@example.org=u@example.org}}";
	s.virtual_alias_maps = "inline:{{va@alias.test=u@example.org}}";
	s.smtpd_reject_unlisted_recipient = true;
	return s;
}

static void test_recipients(void **state)
{
	static const struct rig_case cases[] = {
		{ "", "" },
		{ "", "", .rcpt = "u+ext@example.org" },
		{ "", "550 5.1.1 <no@example.org>" R "local recipient table",
			.rcpt = "no@example.org" },
		{ "", "", .rcpt = "can@example.org" },
		{ "", "550 5.1.1 <scan@example.org>" R "local recipient table",
			.rcpt = "scan@example.org" },
		{ "", "", .rcpt = "postmaster@example.org" },
		{ "", "", .rcpt = "MAILER-DAEMON@example.org" },
		{ "", "", .rcpt = "double-bounce@example.org" },
		{ "", "", .rcpt = "postmaster" },
		{ "", "", .rcpt = "u@vmb.test" },
		{ "", "550 5.1.1 <no@vmb.test>" R "virtual mailbox table", .rcpt = "no@vmb.test" },
		{ "", "", .rcpt = "u@relay.test" },
		{ "", "550 5.1.1 <no@relay.test>" R "relay recipient table",
			.rcpt = "no@relay.test" },
		{ "", "", .rcpt = "va@alias.test" },
		{ "", "550 5.1.1 <no@alias.test>" R "virtual alias table",
			.rcpt = "no@alias.test" },
		{ "", "", .rcpt = "anybody@b.c" },
		{ "permit", "550 5.1.1 <no@example.org>" R "local recipient table",
			.rcpt = "no@example.org" },
		{ "warn_if_reject reject_unlisted_recipient",
			"550 5.1.1 <no@example.org>" R "local recipient table", "reject_warning",
			.rcpt = "no@example.org" },
		{ "check_recipient_access inline:{no@example.org=DISCARD}", "",
			.rcpt = "no@example.org" },
	};

	(void)state;
	rig_cases(listed(), cases, ARRAY_LEN(cases));
}

static void test_senders(void **state)
{
	static const struct rig_case cases[] = {
		{ "reject_unlisted_sender", "" },
		{ "reject_unlisted_sender", "", .sender = "" },
		{ "reject_unlisted_sender",
			"550 5.1.0 <no@example.org>: Sender address rejected: User unknown in local recipient "
			"table",
			.sender = "no@example.org" },
		{ "reject_unlisted_sender", "", .sender = "scan@example.org" },
		{ "", "", .sender = "no@example.org" },
	};
	static const struct rig_case implicit = { "permit",
		"550 5.1.0 <no@example.org>: Sender address rejected: User unknown in local recipient table",
		.sender = "no@example.org" };
	struct access_settings s = listed();

	(void)state;
	rig_cases(s, cases, ARRAY_LEN(cases));
	s.smtpd_reject_unlisted_sender = true;
	rig_one(s, &implicit);
}

static void test_variants(void **state)
{
	static const struct rig_case plain = { "",
		"550 5.1.1 <no@example.org>: Recipient address rejected: User unknown",
		.rcpt = "no@example.org" };
	static const struct rig_case off = { "", "", .rcpt = "no@example.org" };
	static const struct rig_case broken = { "",
		"451 4.3.0 <no@example.org>: Temporary lookup failure", .rcpt = "no@example.org" };
	static const struct rig_case soft = { "",
		"450 4.1.1 <no@example.org>: Recipient address rejected: User unknown in local recipient table",
		.rcpt = "no@example.org" };
	struct access_settings s = listed();

	(void)state;
	s.show_user_unknown_table_name = false;
	rig_one(s, &plain);
	s = listed();
	s.smtpd_reject_unlisted_recipient = false;
	rig_one(s, &off);
	s = listed();
	s.local_recipient_maps = "";
	rig_one(s, &off);
	s.local_recipient_maps = "fail:x";
	rig_one(s, &broken);
	s = listed();
	s.unknown_local_recipient_reject_code = 450;
	rig_one(s, &soft);
}

RIG_MAIN(cmocka_unit_test(test_recipients), cmocka_unit_test(test_senders),
	cmocka_unit_test(test_variants))
