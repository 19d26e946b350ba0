/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of intake/extract.c: records after the content, what is added there.
 */
#include "rig.h"

static void test_records(void **state)
{
	static const struct rig_case cases[] = {
		{ RIG_HEAD "N \n" RIG_TAIL, "N\nX\nA message_id=<STAMP.QID@mail.example.test>\nE\n",
			NULL, 0, NULL },
		{ RIG_ENV "M\nN Received: x\nX\nA notify_flags=2\nR late\nE\n",
			"A notify_flags=2\nA dsn_orig_rcpt=rfc822;late@example.test\nO late\nR late@example.test\nE\n",
			NULL, 0, NULL },
		{ RIG_HEAD "X\nF name\nL a:b\n> c@d\nr x\nE\n",
			"X\nF name\nL a:b\n> c@d\nr x\nA message_id", NULL, 0, NULL },
		{ RIG_HEAD "N Content-Transfer-Encoding: 8bit\nN \n" RIG_TAIL,
			"A encoding=8bit\nE\n", NULL, 0, NULL },
		{ RIG_ENV "A encoding=7bit\n" RIG_RCPT RIG_BODY, "A encoding=7bit\nE\n", NULL, 0,
			NULL },
		{ RIG_HEAD "X\nS x\nE\n", NULL, "unexpected record type 83 in extracted envelope",
			1, NULL },
	};
	struct intake_settings s = rig_settings();

	(void)state;
	rig_check(&s, INTAKE_INTERNAL, cases, ARRAY_LEN(cases));
}

RIG_MAIN(cmocka_unit_test(test_records));
