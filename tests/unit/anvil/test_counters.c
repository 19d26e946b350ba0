/* SPDX-License-Identifier: Apache-2.0 */
/* Counters of clients, with the clock moved by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "counters.h"

#define UNIT (60 * USEC_PER_SEC)

static const struct str A = { "smtp:192.0.2.1", 14 };
static const struct str B = { "smtp:192.0.2.2", 14 };

static void test_count_and_rate(void **state)
{
	struct anvil_counters c;
	struct anvil_entry *e;

	(void)state;
	anvil_init(&c, UNIT);
	e = anvil_connect(&c, A, 1, 100);
	assert_int_equal(e->count, 1);
	e = anvil_connect(&c, A, 2, 100);
	assert_int_equal(e->count, 2);
	assert_int_equal(e->rate[ANVIL_CONNECT], 2);
	assert_null(anvil_find(&c, B, 3));
	anvil_disconnect(&c, A, 4);
	anvil_disconnect(&c, B, 4);
	e = anvil_find(&c, A, 5);
	assert_int_equal(e->count, 1);
	assert_int_equal(e->rate[ANVIL_CONNECT], 2);
	anvil_done(&c);
}

static void test_window(void **state)
{
	struct anvil_counters c;
	struct anvil_entry *e;

	(void)state;
	anvil_init(&c, UNIT);
	(void)anvil_connect(&c, A, 1, 100);
	(void)anvil_event(&c, A, ANVIL_MESSAGE, 2, 100);
	/* At the end of the time unit the rate stands, past it a new one begins. */
	e = anvil_event(&c, A, ANVIL_MESSAGE, 1 + UNIT, 160);
	assert_int_equal(e->rate[ANVIL_MESSAGE], 2);
	e = anvil_event(&c, A, ANVIL_MESSAGE, 2 + UNIT, 160);
	assert_int_equal(e->rate[ANVIL_MESSAGE], 1);
	assert_int_equal(e->rate[ANVIL_CONNECT], 0);
	assert_int_equal(e->count, 1);
	assert_null(anvil_event(&c, B, ANVIL_MESSAGE, 3 + UNIT, 160));
	anvil_done(&c);
}

static void test_expiry(void **state)
{
	struct anvil_counters c;

	(void)state;
	anvil_init(&c, UNIT);
	(void)anvil_connect(&c, A, 1, 100);
	(void)anvil_connect(&c, B, 1, 100);
	anvil_disconnect(&c, A, 10);
	assert_non_null(anvil_find(&c, A, 9 + UNIT));
	assert_null(anvil_find(&c, A, 10 + UNIT));
	assert_non_null(anvil_find(&c, B, 1000 * UNIT));
	/* Back before it is forgotten: it stays. */
	anvil_disconnect(&c, B, 1000 * UNIT);
	(void)anvil_connect(&c, B, 1000 * UNIT + 1, 100);
	assert_non_null(anvil_find(&c, B, 2000 * UNIT));
	anvil_done(&c);
}

static int the_lines;
static char the_first[256];

static void collect(const char *line)
{
	if (the_lines++ == 0)
		(void)snprintf(the_first, sizeof(the_first), "%s", line);
}

static void test_report(void **state)
{
	struct anvil_counters c;

	(void)state;
	anvil_init(&c, UNIT);
	(void)anvil_connect(&c, A, 1, 100);
	(void)anvil_connect(&c, A, 2, 100);
	(void)anvil_event(&c, A, ANVIL_RECIPIENT, 3, 100);
	the_lines = 0;
	anvil_report(&c, collect);
	assert_int_equal(the_lines, 4); /* connection rate, count, recipient rate, cache size */
	assert_memory_equal(the_first,
		"statistics: max connection rate 2/60s for (smtp:192.0.2.1) at ", 62);
	the_lines = 0;
	anvil_report(&c, collect);
	assert_int_equal(the_lines, 0);
	anvil_done(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_count_and_rate),
		cmocka_unit_test(test_window),
		cmocka_unit_test(test_expiry),
		cmocka_unit_test(test_report),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
