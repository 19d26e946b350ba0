/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of qmgr/feedback.c.
 */
#include "feedback.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_values(void **state)
{
	static const struct {
		const char *text;
		int want;
		double at1;
		double at4;
	} cases[] = {
		{ "1", 0, 1, 1 },
		{ "0", 0, 0, 0 },
		{ "0.5", 0, 0.5, 0.5 },
		{ ".25", 0, 0.25, 0.25 },
		{ "1/4", 0, 0.25, 0.25 },
		{ "1/concurrency", 0, 1, 0.25 },
		{ " 1 / concurrency ", 0, 1, 0.25 },
		{ "0.5/concurrency", 0, 0.5, 0.125 },
		{ "1/sqrt_concurrency", 0, 1, 0.5 },
		{ "2", -EINVAL, 0, 0 },
		{ "1.1", -EINVAL, 0, 0 },
		{ "-1", -EINVAL, 0, 0 },
		{ "", -EINVAL, 0, 0 },
		{ ".", -EINVAL, 0, 0 },
		{ "1/", -EINVAL, 0, 0 },
		{ "1/0", -EINVAL, 0, 0 },
		{ "1/con", -EINVAL, 0, 0 },
		{ "1x", -EINVAL, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct feedback f = { FEEDBACK_CONST, 0 };
		struct why why;
		int r = feedback_parse(str_of(cases[i].text), &f, &why);

		if (r != cases[i].want || fabs(feedback_of(&f, 1) - cases[i].at1) > 1e-9 ||
			fabs(feedback_of(&f, 4) - cases[i].at4) > 1e-9)
			fail_msg("case \"%s\": %d", cases[i].text, r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
