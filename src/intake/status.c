/* SPDX-License-Identifier: Apache-2.0 */
/*
 * intake/status.c — the texts of the status bits.
 */
#include "intake/intake.h"

/* In order of importance: one answer names one trouble. */
static const struct intake_status_text the_texts[] = {
	{ INTAKE_STAT_DEFER, 451, "4.7.1", "service unavailable" },
	{ INTAKE_STAT_PROXY, 451, "4.3.0", "queue file write error" },
	{ INTAKE_STAT_BAD, 451, "4.3.0", "internal protocol error" },
	{ INTAKE_STAT_RCPT, 550, "5.1.0", "no recipients specified" },
	{ INTAKE_STAT_HOPS, 554, "5.4.0", "too many hops" },
	{ INTAKE_STAT_SIZE, 552, "5.3.4", "message file too big" },
	{ INTAKE_STAT_CONT, 550, "5.7.1", "message content rejected" },
	{ INTAKE_STAT_WRITE, 451, "4.3.0", "queue file write error" },
	{ INTAKE_STAT_NOPERM, 550, "5.7.1", "service denied" },
	{ INTAKE_STAT_BARE_LF, 521, "5.5.2", "bare <LF> received" },
};
static const struct intake_status_text the_success = { 0, 250, "2.0.0", "Success" };

const struct intake_status_text *intake_status_text(unsigned status)
{
	for (size_t i = 0; i < ARRAY_LEN(the_texts); i++)
		if ((status & the_texts[i].status) != 0)
			return &the_texts[i];
	check(status == 0);
	return &the_success;
}
