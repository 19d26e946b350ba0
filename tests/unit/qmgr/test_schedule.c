/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of qmgr/schedule.c with a clock moved by hand.
 */
#include "schedule.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/mem.h"

#define SEC USEC_PER_SEC

static const struct sched_params defaults = {
	.initial_concurrency = 5,
	.concurrency_limit = 20,
	.recipient_limit = 50,
	.positive = { FEEDBACK_CONST, 1 },
	.negative = { FEEDBACK_CONST, 1 },
	.failed_cohort_limit = 1,
};

static struct sched the_sched;
static struct transport *the_transport;

static void start(const struct sched_params *p)
{
	sched_init(&the_sched);
	the_sched.transport_retry_time = 60 * SEC;
	the_sched.minimal_backoff_time = 300 * SEC;
	the_transport = sched_add_transport(&the_sched, STR("smtp"), p);
}

static struct destination *dest(const char *name)
{
	return sched_destination(the_transport, str_of(name), str_of(name));
}

static void add(const char *name, struct entry *e, size_t n)
{
	for (size_t i = 0; i < n; i++)
		sched_add(dest(name), &e[i], e, 1);
}

static bool finish(struct entry *e, enum sched_outcome o, usec_t now)
{
	return sched_finish(e, o, STR("4.4.1"), STR("refused"), now);
}

static void test_turns(void **state)
{
	struct entry a[3] = { 0 };
	struct entry b[3] = { 0 };
	struct entry *want[] = { &a[0], &b[0], &a[1], &b[1], &a[2], &b[2] };

	(void)state;
	start(&defaults);
	add("a", a, 3);
	add("b", b, 3);
	assert_int_equal(sched_slots(the_transport, 1), 6);
	for (size_t i = 0; i < ARRAY_LEN(want); i++)
		if (sched_pick(the_transport, 1) != want[i])
			fail_msg("turn %zu", i);
	assert_null(sched_pick(the_transport, 1));
	assert_int_equal(sched_slots(the_transport, 1), 0);
	for (size_t i = 0; i < 3; i++) {
		assert_false(finish(&a[i], SCHED_OK, 1));
		assert_false(finish(&b[i], SCHED_OK, 1));
	}
	assert_null(sched_find_destination(the_transport, STR("a")));
	sched_done(&the_sched);
}

/* A long message and those that come after it take turns at a destination. */
static void test_messages_take_turns(void **state)
{
	struct sched_params p = defaults;
	struct entry a[4] = { 0 };
	struct entry b[2] = { 0 };
	struct entry c[1] = { 0 };
	struct entry *want[] = { &a[0], &b[0], &c[0], &a[1], &b[1], &a[2], &a[3] };

	(void)state;
	p.initial_concurrency = 20;
	start(&p);
	add("x", a, 4);
	assert_ptr_equal(sched_last(dest("x"), a), &a[3]);
	add("x", b, 2);
	add("x", c, 1);
	assert_null(sched_last(dest("x"), a));
	assert_ptr_equal(sched_last(dest("x"), c), &c[0]);
	for (size_t i = 0; i < ARRAY_LEN(want); i++)
		if (sched_pick(the_transport, 1) != want[i])
			fail_msg("turn %zu", i);
	sched_requeue(&a[1], 1);
	assert_ptr_equal(sched_pick(the_transport, 1), &a[1]);
	for (size_t i = 0; i < ARRAY_LEN(want); i++)
		assert_false(finish(want[i], SCHED_OK, 1));
	sched_done(&the_sched);
}

static size_t pick_all(struct entry **ret, usec_t now)
{
	size_t n = 0;

	while ((ret[n] = sched_pick(the_transport, now)) != NULL)
		n++;
	return n;
}

/* 5, then each success while the window is in use opens one more, up to the limit. */
static void test_window_grows(void **state)
{
	static struct entry e[200];
	struct entry *busy[201];
	size_t n;

	(void)state;
	memset(e, 0, sizeof(e));
	start(&defaults);
	add("a", e, ARRAY_LEN(e));
	n = pick_all(busy, 1);
	assert_int_equal(n, 5);
	for (unsigned want = 6; want <= 23; want++) {
		assert_false(finish(busy[--n], SCHED_OK, 1));
		n += pick_all(busy + n, 1);
		if (dest("a")->window != MIN(want, 20U) || n != MIN(want, 20U))
			fail_msg("window %u, under way %zu", dest("a")->window, n);
	}
	/* nor does a window that is more than the initial concurrency above what is under way */
	while (sched_first_todo(dest("a")) != NULL)
		sched_remove(sched_first_todo(dest("a")), 1);
	dest("a")->window = 7;
	while (n > 2)
		assert_false(finish(busy[--n], SCHED_OK, 1));
	assert_int_equal(dest("a")->window, 16);
	dest("a")->window = 7;
	assert_false(finish(busy[--n], SCHED_OK, 1));
	assert_int_equal(dest("a")->window, 7);
	assert_false(finish(busy[--n], SCHED_OK, 1));
	assert_null(sched_find_destination(the_transport, STR("a")));
	sched_done(&the_sched);
}

/* Cohorts at 5, 4, 3 and 2 add up to more than one: dead at the fourth failure. */
static void test_dead(void **state)
{
	struct entry e[20] = { 0 };
	struct entry *busy[21];

	(void)state;
	start(&defaults);
	add("a", e, ARRAY_LEN(e));
	assert_int_equal(pick_all(busy, 1), 5);
	for (size_t i = 0; i < 3; i++)
		assert_false(finish(busy[i], SCHED_FAILED, 10 * SEC));
	assert_int_equal(dest("a")->window, 2);
	assert_true(finish(busy[3], SCHED_FAILED, 10 * SEC));
	assert_string_equal(dest("a")->reason.text, "refused");
	assert_null(sched_pick(the_transport, 10 * SEC));
	assert_false(finish(busy[4], SCHED_FAILED, 11 * SEC));
	while (sched_first_todo(dest("a")) != NULL)
		sched_remove(sched_first_todo(dest("a")), 11 * SEC);
	/* remembered though empty, until its time is over */
	assert_non_null(sched_find_destination(the_transport, STR("a")));
	assert_int_equal(sched_next_event(&the_sched, 11 * SEC), 310 * SEC);
	sched_expire(&the_sched, 310 * SEC - 1);
	assert_non_null(sched_find_destination(the_transport, STR("a")));
	sched_expire(&the_sched, 310 * SEC);
	assert_null(sched_find_destination(the_transport, STR("a")));
	assert_int_equal(sched_next_event(&the_sched, 310 * SEC), USEC_NEVER);
	sched_done(&the_sched);
}

static void test_gentle_feedback(void **state)
{
	struct sched_params p = defaults;
	struct entry e[20] = { 0 };
	struct entry *busy[21];

	(void)state;
	p.positive = (struct feedback){ FEEDBACK_PER_N, 1 };
	p.negative = (struct feedback){ FEEDBACK_PER_N, 1 };
	p.failed_cohort_limit = 10;
	start(&p);
	add("a", e, ARRAY_LEN(e));
	assert_int_equal(pick_all(busy, 1), 5);
	for (size_t i = 0; i < 4; i++)
		assert_false(finish(busy[i], SCHED_OK, 1));
	assert_int_equal(dest("a")->window, 5);
	assert_false(finish(busy[4], SCHED_OK, 1));
	assert_int_equal(dest("a")->window, 6);
	assert_int_equal(pick_all(busy, 1), 6);
	/* the first failure counts at once, the following ones of its cohort do not */
	assert_false(finish(busy[0], SCHED_FAILED, 1));
	assert_int_equal(dest("a")->window, 5);
	assert_false(finish(busy[1], SCHED_FAILED, 1));
	assert_int_equal(dest("a")->window, 5);
	for (size_t i = 2; i < 6; i++)
		assert_false(finish(busy[i], SCHED_NEUTRAL, 1));
	while (sched_find_destination(the_transport, STR("a")) != NULL)
		sched_remove(sched_first_todo(dest("a")), 1);
	sched_done(&the_sched);
}

static void test_destination_delay(void **state)
{
	struct sched_params p = defaults;
	struct entry e[3] = { 0 };
	usec_t now = SEC;

	(void)state;
	p.destination_rate_delay = 10 * SEC;
	start(&p);
	add("a", e, 3);
	for (size_t i = 0; i < 3; i++) {
		assert_ptr_equal(sched_pick(the_transport, now), &e[i]);
		assert_null(sched_pick(the_transport, now));
		assert_false(finish(&e[i], SCHED_OK, now));
		assert_null(sched_pick(the_transport, now + 10 * SEC - 1));
		if (i < 2)
			assert_int_equal(sched_next_event(&the_sched, now), now + 10 * SEC);
		now += 10 * SEC;
	}
	assert_non_null(sched_find_destination(the_transport, STR("a")));
	sched_expire(&the_sched, now);
	assert_null(sched_find_destination(the_transport, STR("a")));
	sched_done(&the_sched);
}

static void test_transport_delay(void **state)
{
	struct sched_params p = defaults;
	struct entry a[1] = { 0 };
	struct entry b[1] = { 0 };

	(void)state;
	p.transport_rate_delay = SEC;
	start(&p);
	add("a", a, 1);
	add("b", b, 1);
	assert_int_equal(sched_slots(the_transport, SEC), 1);
	assert_ptr_equal(sched_pick(the_transport, SEC), &a[0]);
	assert_null(sched_pick(the_transport, SEC));
	assert_int_equal(sched_slots(the_transport, SEC), 0);
	assert_int_equal(sched_next_event(&the_sched, SEC), 2 * SEC);
	assert_ptr_equal(sched_pick(the_transport, 2 * SEC), &b[0]);
	assert_false(finish(&a[0], SCHED_OK, 2 * SEC));
	assert_false(finish(&b[0], SCHED_OK, 2 * SEC));
	sched_done(&the_sched);
}

static void test_throttle_and_flush(void **state)
{
	struct entry e[2] = { 0 };

	(void)state;
	start(&defaults);
	add("a", e, 2);
	sched_throttle(the_transport, STR("4.3.0"), STR("mail transport unavailable"), SEC);
	assert_null(sched_pick(the_transport, SEC));
	assert_int_equal(sched_slots(the_transport, SEC), 0);
	assert_int_equal(sched_next_event(&the_sched, SEC), 61 * SEC);
	sched_expire(&the_sched, 61 * SEC);
	assert_ptr_equal(sched_pick(the_transport, 61 * SEC), &e[0]);
	sched_requeue(&e[0], 61 * SEC);
	assert_ptr_equal(sched_pick(the_transport, 61 * SEC), &e[0]);
	sched_throttle(the_transport, STR("4.3.0"), STR("x"), 61 * SEC);
	sched_unthrottle_all(&the_sched, 61 * SEC);
	assert_ptr_equal(sched_pick(the_transport, 61 * SEC), &e[1]);
	assert_false(finish(&e[0], SCHED_OK, 61 * SEC));
	assert_false(finish(&e[1], SCHED_OK, 61 * SEC));
	sched_done(&the_sched);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_turns),
		cmocka_unit_test(test_messages_take_turns),
		cmocka_unit_test(test_window_grows),
		cmocka_unit_test(test_dead),
		cmocka_unit_test(test_gentle_feedback),
		cmocka_unit_test(test_destination_delay),
		cmocka_unit_test(test_transport_delay),
		cmocka_unit_test(test_throttle_and_flush),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
