/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of base/crc32c.c: published values, and both ways agree at every length.
 */
#include "base/crc32c.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void test_known(void **state)
{
	char bytes[32];

	(void)state;
	/* Source: RFC 3720 B.4. */
	memset(bytes, 0, sizeof(bytes));
	assert_int_equal(crc32c(0, str_from(bytes, 32)), 0x8a9136aa);
	memset(bytes, 0xff, sizeof(bytes));
	assert_int_equal(crc32c(0, str_from(bytes, 32)), 0x62a8ab43);
	for (int i = 0; i < 32; i++)
		bytes[i] = (char)i;
	assert_int_equal(crc32c(0, str_from(bytes, 32)), 0x46dd794e);
	assert_int_equal(crc32c(0, STR("123456789")), 0xe3069283);
	assert_int_equal(crc32c(0, STR_EMPTY), 0);
	assert_int_equal(crc32c_portable(0, STR("123456789")), 0xe3069283);
}

static void test_parts(void **state)
{
	char bytes[100];
	uint32_t whole;

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)(i * 37);
	whole = crc32c(0, str_from(bytes, sizeof(bytes)));
	for (size_t cut = 0; cut <= sizeof(bytes); cut++) {
		uint32_t first = crc32c(0, str_from(bytes, cut));

		assert_int_equal(crc32c_portable(0, str_from(bytes, cut)), first);
		assert_int_equal(crc32c(first, str_from(bytes + cut, sizeof(bytes) - cut)), whole);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known),
		cmocka_unit_test(test_parts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
