/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of sandbox/sandbox.c: impossible promises, and P_EXEC, which enters nothing.
 */
#include <errno.h>

#include "sandbox_test.h"

static void test_impossible(void **state)
{
	static const unsigned bad[] = { 0, P_INET, 1u << 20 | P_STDIO };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct sandbox_settings s = { .promises = bad[i] };
		struct why why = { "" };

		assert_int_equal(sandbox_enter(&s, &why), -EINVAL);
		assert_non_null(strstr(why.text, "impossible promises"));
	}
}

static int run_true(void)
{
	char name[] = "/bin/true";
	char *argv[] = { name, NULL };

	(void)execve(name, argv, NULL);
	return 1;
}

static void test_exec(void **state)
{
	struct sandbox_settings s = { .promises = P_STDIO | P_EXEC };

	(void)state;
	st_need_active();
	assert_int_equal(st_run(&s, run_true), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_impossible),
		cmocka_unit_test(test_exec),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
