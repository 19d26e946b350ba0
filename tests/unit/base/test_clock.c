/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of base/clock.c: shapes of dates in several zones, deadlines.
 */
#include "base/clock.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_dates(void **state)
{
	static const struct {
		const char *tz;
		time_t when;
		const char *rfc5322;
		const char *syslog;
		const char *ctime;
	} cases[] = {
		{ "UTC0", 1795249229, "Sat, 21 Nov 2026 08:20:29 +0000 (UTC)", "Nov 21 08:20:29",
			"Sat Nov 21 08:20:29 2026" },
		{ "UTC0", 0, "Thu, 01 Jan 1970 00:00:00 +0000 (UTC)", "Jan 01 00:00:00",
			"Thu Jan  1 00:00:00 1970" },
		{ "CET-1CEST,M3.5.0,M10.5.0/3", 1751328000,
			"Tue, 01 Jul 2025 02:00:00 +0200 (CEST)", "Jul 01 02:00:00",
			"Tue Jul  1 02:00:00 2025" },
		{ "NST3:30", 1751328000, "Mon, 30 Jun 2025 20:30:00 -0330 (NST)", "Jun 30 20:30:00",
			"Mon Jun 30 20:30:00 2025" },
		{ "<+0545>-5:45", 951782400, "Tue, 29 Feb 2000 05:45:00 +0545 (+0545)",
			"Feb 29 05:45:00", "Tue Feb 29 05:45:00 2000" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		_cleanup_buf_ struct buf b = BUF(BUF_SMALL);

		assert_int_equal(setenv("TZ", cases[i].tz, 1), 0);
		tzset();
		clock_rfc5322(&b, cases[i].when);
		assert_string_equal(buf_cstr(&b), cases[i].rfc5322);
		buf_clear(&b);
		clock_syslog(&b, cases[i].when);
		assert_string_equal(buf_cstr(&b), cases[i].syslog);
		buf_clear(&b);
		clock_ctime(&b, cases[i].when);
		assert_string_equal(buf_cstr(&b), cases[i].ctime);
	}
}

static void test_odd_times(void **state)
{
	_cleanup_buf_ struct buf b = BUF(BUF_SMALL);

	(void)state;
	clock_rfc5322(&b, INT64_MAX);
	clock_ctime(&b, INT64_MIN);
	clock_syslog(&b, -1);
	assert_true(b.len > 0);
}

static void test_deadlines(void **state)
{
	usec_t now = clock_now();

	(void)state;
	assert_true(clock_deadline(0) == USEC_NEVER);
	assert_true(clock_deadline(-1) == USEC_NEVER);
	assert_true(clock_deadline(USEC_NEVER) == USEC_NEVER);
	assert_true(clock_deadline(USEC_PER_SEC) >= now + USEC_PER_SEC);
	assert_int_equal(clock_poll_ms(USEC_NEVER), -1);
	assert_int_equal(clock_poll_ms(now - 1), 0);
	assert_int_equal(clock_poll_ms(USEC_NEVER - 1), INT_MAX);
	assert_true(clock_poll_ms(clock_now() + 100 * USEC_PER_SEC) > 90000);
	assert_true(clock_wall() / USEC_PER_SEC > 1700000000);
	assert_true(clock_now() >= now);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dates),
		cmocka_unit_test(test_odd_times),
		cmocka_unit_test(test_deadlines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
