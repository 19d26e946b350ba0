/* SPDX-License-Identifier: Apache-2.0 */
/* Port names by known_tcp_ports. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "service/known_ports.h"

static const struct str KNOWN = { "lmtp=24, smtp=25, smtps=submissions=465,submission=587 odd",
	58 };

static void test_names(void **state)
{
	static const struct {
		const char *name, *want;
	} cases[] = {
		{ "smtp", "25" },
		{ "SMTP", "25" },
		{ "smtps", "465" },
		{ "submissions", "465" },
		{ "submission", "587" },
		{ "lmtp", "24" },
		{ "imap", "imap" },
		{ "2525", "2525" },
		{ "odd", "odd" },
		{ "25", "25" },
		{ "465", "465" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct str got = known_port(KNOWN, str_of(cases[i].name));

		if (!str_eq(got, str_of(cases[i].want)))
			fail_msg("%s: " STR_FMT, cases[i].name, STR_ARG(got));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_names) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
