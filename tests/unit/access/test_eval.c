/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of access/eval.c: order, nesting, warn_if_reject, the two deferrals. */
#include "rig.h"

#define DENIED "554 5.7.1 <u@example.org>: Recipient address rejected: Access denied"

static void test_lists(void **state)
{
	static const struct rig_case cases[] = {
		{ "warn_if_reject reject, permit", "",
			"NOQUEUE: reject_warning: RCPT from host.test[198.51.100.7]: " DENIED
				RIG_SUFFIX },
		{ "warn_if_reject reject, reject", DENIED },
		{ "warn_if_reject permit, reject", "" },
		{ "warn_if_reject", "" },
		{ "warn_if_reject warn_if_reject reject", "", "reject_warning" },
		{ "warn_if_reject defer_if_permit", "", "reject_warning" },
		{ "warn_if_reject defer_if_reject, reject",
			"450 4.7.0 <u@example.org>: Recipient address rejected: defer_if_reject requested" },
		{ "warn_if_reject unknown_thing", "451 4.3.5 Server configuration error" },
		{ "strict", DENIED },
		{ "STRICT", DENIED },
		{ "warn_if_reject strict", "", "reject_warning" },
		{ "warn_if_reject strict, strict", DENIED },
		{ "open, reject", "" },
		{ "loop", "451 4.3.5 Server configuration error",
			"warning: SMTPD access map or restriction class nesting exceeds 100 levels" },
		{ "check_recipient_access inline:{u@example.org=strict}, permit", DENIED },
		{ "check_recipient_access inline:{u@example.org=open}, reject", "" },
		{ "check_recipient_access inline:{{u@example.org=warn_if_reject reject}}, permit",
			"", "reject_warning" },
	};

	(void)state;
	rig_cases(rig_settings(), cases, ARRAY_LEN(cases));
}

RIG_MAIN(cmocka_unit_test(test_lists))
