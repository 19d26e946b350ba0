/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of access/login.c. */
#include "rig.h"

static void test_logins(void **state)
{
#define NOT_OWNED ": Sender address rejected: not owned by user eve"
#define NOT_IN    ": Sender address rejected: not logged in"
	static const struct rig_case cases[] = {
		{ "reject_sender_login_mismatch", "" },
		{ "reject_sender_login_mismatch", "553 5.7.1 <owned@b.c>" NOT_IN,
			.sender = "owned@b.c" },
		{ "reject_sender_login_mismatch", "", .sender = "owned@b.c", .login = "ALICE" },
		{ "reject_sender_login_mismatch", "", .sender = "joint@b.c", .login = "alice" },
		{ "reject_sender_login_mismatch", "553 5.7.1 <owned@b.c>" NOT_OWNED,
			.sender = "owned@b.c", .login = "eve" },
		{ "reject_authenticated_sender_login_mismatch", "553 5.7.1 <x@b.c>" NOT_OWNED,
			.sender = "x@b.c", .login = "eve" },
		{ "reject_authenticated_sender_login_mismatch", "", .sender = "owned@b.c" },
		{ "reject_unauthenticated_sender_login_mismatch", "553 5.7.1 <owned@b.c>" NOT_IN,
			.sender = "owned@b.c" },
		{ "reject_unauthenticated_sender_login_mismatch", "", .sender = "owned@b.c",
			.login = "eve" },
		{ "reject_known_sender_login_mismatch", "", .sender = "x@b.c", .login = "eve" },
		{ "reject_known_sender_login_mismatch", "553 5.7.1 <owned@b.c>" NOT_OWNED,
			.sender = "owned@b.c", .login = "eve" },
		{ "reject_known_sender_login_mismatch", "553 5.7.1 <owned@b.c>" NOT_IN,
			.sender = "owned@b.c" },
		{ "reject_sender_login_mismatch", "", .sender = "", .login = "eve" },
	};
	static const struct rig_case none = { "reject_sender_login_mismatch", "",
		.sender = "owned@b.c" };
	static const struct rig_case broken = { "reject_sender_login_mismatch",
		"451 4.3.0 <owned@b.c>: Temporary lookup failure", .sender = "owned@b.c" };
	struct access_settings s = rig_settings();

	(void)state;
	s.smtpd_sender_login_maps = "inline:{{owned@b.c=alice}, {joint@b.c=bob, alice}}";
	rig_cases(s, cases, ARRAY_LEN(cases));
	s.smtpd_sender_login_maps = "";
	rig_one(s, &none);
	s.smtpd_sender_login_maps = "fail:x";
	rig_one(s, &broken);
}

RIG_MAIN(cmocka_unit_test(test_logins))
