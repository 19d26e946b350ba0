/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of intake/status.c: one text for a set of bits.
 */
#include "rig.h"

static void test_texts(void **state)
{
	static const struct {
		unsigned status;
		int smtp;
		const char *text;
	} cases[] = {
		{ 0, 250, "Success" },
		{ INTAKE_STAT_SIZE, 552, "message file too big" },
		{ INTAKE_STAT_SIZE | INTAKE_STAT_CONT, 552, "message file too big" },
		{ INTAKE_STAT_CONT | INTAKE_STAT_DEFER, 451, "service unavailable" },
		{ INTAKE_STAT_WRITE | INTAKE_STAT_BAD, 451, "internal protocol error" },
		{ INTAKE_STAT_RCPT, 550, "no recipients specified" },
		{ INTAKE_STAT_NOPERM, 550, "service denied" },
		{ INTAKE_STAT_BARE_LF, 521, "bare <LF> received" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct intake_status_text *t = intake_status_text(cases[i].status);

		if (t->smtp != cases[i].smtp || strcmp(t->text, cases[i].text) != 0)
			fail_msg("%u: %d %s", cases[i].status, t->smtp, t->text);
	}
}

RIG_MAIN(cmocka_unit_test(test_texts));
