/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of base/num.c: whole and in range, or not at all.
 */
#include "base/num.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_unsigned(void **state)
{
	static const struct {
		int (*fn)(struct str s, uint64_t max, uint64_t *ret);
		const char *text;
		uint64_t max;
		int want;
		uint64_t value;
	} cases[] = {
		{ num_u64, "0", 0, 0, 0 },
		{ num_u64, "00042", 42, 0, 42 },
		{ num_u64, "43", 42, -ERANGE, 7 },
		{ num_u64, "18446744073709551615", UINT64_MAX, 0, UINT64_MAX },
		{ num_u64, "18446744073709551616", UINT64_MAX, -ERANGE, 7 },
		{ num_u64, "99999999999999999999x", UINT64_MAX, -EINVAL, 7 },
		{ num_u64, "", 9, -EINVAL, 7 },
		{ num_u64, "-1", 9, -EINVAL, 7 },
		{ num_u64, "+1", 9, -EINVAL, 7 },
		{ num_u64, " 1", 9, -EINVAL, 7 },
		{ num_u64, "1a", 9, -EINVAL, 7 },
		{ num_octal, "0777", 0777, 0, 0777 },
		{ num_octal, "8", 0777, -EINVAL, 7 },
		{ num_octal, "1000", 0777, -ERANGE, 7 },
		{ num_hex, "fF", 255, 0, 255 },
		{ num_hex, "100", 255, -ERANGE, 7 },
		{ num_hex, "0x1", 255, -EINVAL, 7 },
		{ num_hex, "g", 255, -EINVAL, 7 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint64_t v = 7;
		int r = cases[i].fn(str_of(cases[i].text), cases[i].max, &v);

		if (r != cases[i].want || v != cases[i].value)
			fail_msg("\"%s\": %d %llu", cases[i].text, r, (unsigned long long)v);
	}
}

static void test_signed(void **state)
{
	static const struct {
		const char *text;
		int64_t min;
		int64_t max;
		int want;
		int64_t value;
	} cases[] = {
		{ "-5", -5, 5, 0, -5 },
		{ "+5", -5, 5, 0, 5 },
		{ "-6", -5, 5, -ERANGE, 7 },
		{ "6", -5, 5, -ERANGE, 7 },
		{ "-9223372036854775808", INT64_MIN, INT64_MAX, 0, INT64_MIN },
		{ "-9223372036854775809", INT64_MIN, INT64_MAX, -ERANGE, 7 },
		{ "9223372036854775807", INT64_MIN, INT64_MAX, 0, INT64_MAX },
		{ "9223372036854775808", INT64_MIN, INT64_MAX, -ERANGE, 7 },
		{ "-", INT64_MIN, INT64_MAX, -EINVAL, 7 },
		{ "--1", INT64_MIN, INT64_MAX, -EINVAL, 7 },
		{ "", INT64_MIN, INT64_MAX, -EINVAL, 7 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int64_t v = 7;
		int r = num_i64(str_of(cases[i].text), cases[i].min, cases[i].max, &v);

		if (r != cases[i].want || v != cases[i].value)
			fail_msg("\"%s\": %d %lld", cases[i].text, r, (long long)v);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unsigned),
		cmocka_unit_test(test_signed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
