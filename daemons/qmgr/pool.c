/* SPDX-License-Identifier: Apache-2.0 */
/*
 * qmgr/pool.c — worker threads. The lock guards the two lists and the counts.
 */
#include "pool.h"

#include <ev.h>
#include <pthread.h>
#include <signal.h>

#include "base/mem.h"

struct pool {
	struct ev_loop *loop;
	ev_async wake;
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct list waiting;
	struct list finished;
	unsigned threads, idle, max;
};

static void *worker(void *arg)
{
	struct pool *p = arg;

	(void)pthread_mutex_lock(&p->lock);
	for (;;) {
		struct job *j;
		bool first;

		while (list_is_empty(&p->waiting)) {
			p->idle++;
			(void)pthread_cond_wait(&p->more, &p->lock);
			p->idle--;
		}
		j = list_entry(p->waiting.next, struct job, node);
		list_remove(&j->node);
		(void)pthread_mutex_unlock(&p->lock);
		j->run(j);
		(void)pthread_mutex_lock(&p->lock);
		first = list_is_empty(&p->finished);
		list_push(&p->finished, &j->node);
		if (first)
			ev_async_send(p->loop, &p->wake);
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
	check(pthread_cond_init(&p->more, NULL) == 0);
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
	(void)pthread_mutex_lock(&p->lock);
	list_push(&p->waiting, &j->node);
	if (p->idle > 0)
		(void)pthread_cond_signal(&p->more);
	else if (p->threads < p->max)
		start_thread(p);
	(void)pthread_mutex_unlock(&p->lock);
}
