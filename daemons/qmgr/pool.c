/* SPDX-License-Identifier: Apache-2.0 */
/*
 * qmgr/pool.c — worker threads. The lock guards the two lists and the counts.
 */
#include "pool.h"

#include <ev.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>

#include "base/mem.h"

struct pool {
	struct ev_loop *loop;
	ev_async wake;
	pthread_mutex_t lock;
	sem_t more; /* not a condition: its signals cannot get lost, and `waking` counts on that */
	struct list waiting;
	struct list finished;
	unsigned threads, idle, max;
	bool waking; /* a worker was woken and has not looked yet */
};

/* Is there work that no woken worker is on its way to? The caller posts, outside the lock. */
static bool must_wake(struct pool *p)
{
	if (list_is_empty(&p->waiting) || p->idle == 0 || p->waking)
		return false;
	p->waking = true;
	return true;
}

/* The loop calls done() when it comes to it. The lock is held. */
static void finished(struct pool *p, struct job *j)
{
	bool first = list_is_empty(&p->finished);

	list_push(&p->finished, &j->node);
	if (first)
		ev_async_send(p->loop, &p->wake);
}

static void *worker(void *arg)
{
	struct pool *p = arg;

	(void)pthread_mutex_lock(&p->lock);
	for (;;) {
		struct job *j;
		bool wake;

		while (list_is_empty(&p->waiting)) {
			p->idle++;
			(void)pthread_mutex_unlock(&p->lock);
			while (sem_wait(&p->more) < 0)
				;
			(void)pthread_mutex_lock(&p->lock);
			p->idle--;
			p->waking = false;
		}
		j = list_entry(p->waiting.next, struct job, node);
		list_remove(&j->node);
		/* One wakes the next while there is more, so that a stuck job holds up no other. */
		wake = must_wake(p);
		(void)pthread_mutex_unlock(&p->lock);
		if (wake)
			(void)sem_post(&p->more);
		j->run(j);
		(void)pthread_mutex_lock(&p->lock);
		finished(p, j);
	}
	return NULL;
}

static void on_wake(struct ev_loop *loop, ev_async *w, int events)
{
	struct pool *p = w->data;
	struct list batch;

	(void)loop;
	(void)events;
	list_init(&batch);
	(void)pthread_mutex_lock(&p->lock);
	while (!list_is_empty(&p->finished)) {
		struct list *n = p->finished.next;

		list_remove(n);
		list_push(&batch, n);
	}
	(void)pthread_mutex_unlock(&p->lock);
	while (!list_is_empty(&batch)) {
		struct job *j = list_entry(batch.next, struct job, node);

		list_remove(&j->node);
		j->done(j);
	}
}

struct pool *pool_new(struct ev_loop *loop, unsigned threads)
{
	struct pool *p = mem_new(struct pool);

	p->loop = loop;
	p->max = threads;
	list_init(&p->waiting);
	list_init(&p->finished);
	check(pthread_mutex_init(&p->lock, NULL) == 0);
	check(sem_init(&p->more, 0, 0) == 0);
	ev_async_init(&p->wake, on_wake);
	p->wake.data = p;
	ev_async_start(loop, &p->wake);
	return p;
}

/* Signals are the loop's business. */
static void start_thread(struct pool *p)
{
	pthread_t t;
	sigset_t all;
	sigset_t old;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	if (pthread_create(&t, NULL, worker, p) == 0) {
		(void)pthread_detach(t);
		p->threads++;
	}
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	check(p->threads > 0);
}

void pool_submit(struct pool *p, struct job *j)
{
	bool wake;

	(void)pthread_mutex_lock(&p->lock);
	list_push(&p->waiting, &j->node);
	wake = must_wake(p);
	if (p->idle == 0 && p->threads < p->max)
		start_thread(p);
	(void)pthread_mutex_unlock(&p->lock);
	if (wake)
		(void)sem_post(&p->more);
}

void pool_submit_quick(struct pool *p, struct job *j)
{
	bool busy;

	(void)pthread_mutex_lock(&p->lock);
	busy = p->idle < p->threads || !list_is_empty(&p->waiting);
	(void)pthread_mutex_unlock(&p->lock);
	if (busy) {
		pool_submit(p, j);
		return;
	}
	j->run(j);
	(void)pthread_mutex_lock(&p->lock);
	finished(p, j);
	(void)pthread_mutex_unlock(&p->lock);
}
