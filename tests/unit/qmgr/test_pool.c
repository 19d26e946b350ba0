/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs run beside the loop and end in it: each once, in order of completion, none behind a stuck one. */
#include <ev.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/macros.h"
#include "pool.h"

#define THREADS 4
#define MANY    1000

static struct ev_loop *the_loop;
static pthread_t the_main;
static size_t the_done;

struct task {
	struct job job;
	atomic_bool ran, release;
	bool in_main; /* run() was called in the loop's thread */
	bool ended;
	size_t place;         /* in order of done() */
	struct task *waits;   /* run() returns when that one has run */
	pthread_barrier_t *b; /* run() meets others here */
};

static void run(struct job *j)
{
	struct task *t = container_of(j, struct task, job);

	assert_false(atomic_load(&t->ran));
	t->in_main = pthread_equal(pthread_self(), the_main);
	if (t->b != NULL)
		(void)pthread_barrier_wait(t->b);
	while (t->waits != NULL && !atomic_load(&t->waits->ran))
		(void)sched_yield();
	atomic_store(&t->ran, true);
}

static void done(struct job *j)
{
	struct task *t = container_of(j, struct task, job);

	assert_true(pthread_equal(pthread_self(), the_main));
	assert_true(atomic_load(&t->ran));
	assert_false(t->ended);
	t->ended = true;
	t->place = the_done++;
}

static void prepare(struct task *t)
{
	*t = (struct task){ .job = { .run = run, .done = done } };
	list_init(&t->job.node);
}

static struct pool *start(unsigned threads)
{
	the_loop = ev_loop_new(EVFLAG_AUTO);
	the_main = pthread_self();
	the_done = 0;
	return pool_new(the_loop, threads);
}

/* Until n jobs are done. A hanging test is ended by the runner's time limit. */
static void wait_done(size_t n)
{
	while (the_done < n)
		(void)ev_run(the_loop, EVRUN_ONCE);
	assert_int_equal(the_done, n);
}

static void test_all_once(void **state)
{
	static struct task t[MANY];
	struct pool *p = start(THREADS);

	(void)state;
	for (size_t i = 0; i < MANY; i++) {
		prepare(&t[i]);
		pool_submit(p, &t[i].job);
	}
	wait_done(MANY);
	for (size_t i = 0; i < MANY; i++) {
		assert_true(t[i].ended);
		assert_false(t[i].in_main);
	}
}

/* All threads are used: each job waits for as many others. */
static void test_parallel(void **state)
{
	struct pool *p = start(THREADS);
	struct task t[THREADS];
	pthread_barrier_t b;

	(void)state;
	assert_int_equal(pthread_barrier_init(&b, NULL, THREADS), 0);
	for (unsigned round = 0; round < 3; round++) {
		for (size_t i = 0; i < THREADS; i++) {
			prepare(&t[i]);
			t[i].b = &b;
			pool_submit(p, &t[i].job);
		}
		wait_done((round + 1) * (size_t)THREADS);
	}
	assert_int_equal(pthread_barrier_destroy(&b), 0);
}

/* The first one ends when the last one has run; done() comes in order of completion. */
static void test_stuck(void **state)
{
	static struct task t[MANY];
	struct pool *p = start(2);

	(void)state;
	for (size_t i = 0; i < MANY; i++)
		prepare(&t[i]);
	t[0].waits = &t[MANY - 1];
	for (size_t i = 0; i < MANY; i++)
		pool_submit(p, &t[i].job);
	wait_done(MANY);
	/* One thread did all the others, in order. */
	for (size_t i = 2; i < MANY; i++)
		assert_true(t[i].place > t[i - 1].place);
	assert_true(t[0].place >= MANY - 2);
}

/* Nobody is at work: it is done on the spot, told by the loop. With a worker at work it queues up. */
static void test_quick(void **state)
{
	struct pool *p = start(1);
	struct task a, b, c;

	(void)state;
	prepare(&a);
	prepare(&b);
	prepare(&c);
	pool_submit_quick(p, &a.job);
	assert_true(atomic_load(&a.ran));
	assert_true(a.in_main);
	assert_false(a.ended);
	wait_done(1);

	b.waits = &a;
	atomic_store(&a.ran, false);
	pool_submit(p, &b.job); /* keeps the only thread */
	pool_submit_quick(p, &c.job);
	assert_false(atomic_load(&c.ran));
	atomic_store(&a.ran, true);
	wait_done(3);
	assert_false(c.in_main);
	assert_true(c.place > b.place);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_once),
		cmocka_unit_test(test_parallel),
		cmocka_unit_test(test_stuck),
		cmocka_unit_test(test_quick),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
