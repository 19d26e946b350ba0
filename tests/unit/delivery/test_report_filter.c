/* SPDX-License-Identifier: Apache-2.0 */
/* The delivery status filter: what it may replace, and what is refused. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "delivery/report_priv.h"

static void test_filter(void **state)
{
	static const struct {
		const char *status, *reason, *want_status, *want_reason;
	} cases[] = {
		{ "5.1.1", "no such user", "4.9.9", "patience" },
		{ "4.0.0", "busy", "5.0.1", "tired  of it" },
		{ "2.0.0", "ok", "2.1.0", "fine" },
		{ "2.0.0", "turn", "2.0.0", "turn" },
		{ "5.0.0", "turn", "5.0.0", "turn" },
		{ "5.0.0", "no text", "5.0.0", "no text" },
		{ "5.0.0", "no code", "5.0.0", "no code" },
		{ "5.0.0", "unknown", "5.0.0", "unknown" },
	};
	struct table_settings ts = { 0 };
	struct report_conf c = { 0 };

	(void)state;
	assert_int_equal(
		tables_open(&ts, "x",
			STR("regexp:{{/^5\\.1\\.1 no such user$/ 4.9.9 patience}, {/^4\\.0\\.0 busy$/ "
			    "5.0.1 tired  of it}, {/^2\\.0\\.0 ok$/ 2.1.0 fine}, {/^2\\.0\\.0 turn$/ "
			    "5.0.0 bad}, {/^5\\.0\\.0 turn$/ 2.0.0 good}, {/^5\\.0\\.0 no text$/ "
			    "5.2.2}, {/^5\\.0\\.0 no code$/ text}}"),
			0, &c.filter, NULL),
		0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf text = BUF(BUF_SMALL);
		struct dsn d = { .status = str_of(cases[i].status),
			.reason = str_of(cases[i].reason),
			.dtext = STR("kept") };

		report_filter(&c, &d, &text);
		if (!str_eq(d.status, str_of(cases[i].want_status)) ||
			!str_eq(d.reason, str_of(cases[i].want_reason)))
			fail_msg("%s %s: got " STR_FMT " " STR_FMT, cases[i].status,
				cases[i].reason, STR_ARG(d.status), STR_ARG(d.reason));
		assert_true(str_eq(d.dtext, STR("kept")));
		buf_done(&text);
	}
	tables_done(&c.filter);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_filter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
