/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compatibility levels.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "conf/level.h"

static void order(void **state)
{
	static const char *const levels[] = { "0", "0.0.1", "1", "1.0.1", "2", "3.6", "3.9", "3.10",
		"3.10.1", "3.11", "4", "1000000.1000000.1000000" };
	uint64_t last = 0, v = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
		assert_int_equal(conf_level_parse(str_of(levels[i]), &v), 0);
		if (i > 0 && v <= last)
			fail_msg("%s", levels[i]);
		last = v;
	}
	assert_int_equal(conf_level_parse(STR(" 3.6 "), &v), 0);
}

static void malformed(void **state)
{
	static const char *const levels[] = { "", "x", "3.", ".3", "3.x", "3.1.2.3", "-1", "3 6",
		"1000001" };
	uint64_t v = 7;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(levels); i++)
		if (conf_level_parse(str_of(levels[i]), &v) >= 0 || v != 7)
			fail_msg("\"%s\"", levels[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order),
		cmocka_unit_test(malformed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
