/* SPDX-License-Identifier: Apache-2.0 */
/*
 * qmgr/settle.c — young messages become queue files, in worker threads.
 *
 * Those that are wanted at the same time share one flush. A message whose file could not be
 * written stays young; all are tried again after a while, and what waits for the file goes on waiting.
 *
 * An agent that works on the image goes on to mark recipients there when its message is a file already: at the
 * end of its request the marks are copied. Until then it holds the segment, and the message cannot end.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "log/log.h"
#include "qmgr.h"

/* Workers that write files, and messages that one of them takes on at a time. */
#define MAX_SETTLERS 2
#define MAX_BATCH    128
/* From this many files on, one flush of the file system costs less than one of each. */
#define FEW 4
/* After a failure. */
#define PAUSE (5 * USEC_PER_SEC)

/** One message on its way to a file. */
struct item {
	struct list node;
	struct message *m; /* NULL: nobody knows it yet, it goes to incoming/ */
	struct journal_entry e;
	int err;
	struct why why;
};

struct settle {
	struct job job;
	struct qmgr *q;
	struct list items;
	size_t n;
};

struct merge {
	struct job job;
	struct waiter waiter;
	struct qmgr *q;
	struct message *m;
	int err;
	struct why why;
};

static struct item *of_items(struct list *l)
{
	return list_entry(l, struct item, node);
}

static struct str queue_of(const struct item *it)
{
	return it->m == NULL ? STR(QUEUE_INCOMING) : STR(QUEUE_ACTIVE);
}

/* Files that may not be on stable storage must not be taken for whole ones. */
static void give_up(struct settle *s, int err)
{
	LIST_FOREACH(n, &s->items) {
		struct item *it = of_items(n);

		if (it->err < 0)
			continue;
		it->err = why_errno(&it->why, err, "flush file system");
		IGNORE(queue_remove(&s->q->queues, queue_of(it), str_of(it->e.id)));
	}
}

static void run_settle(struct job *j)
{
	struct settle *s = container_of(j, struct settle, job);
	/* Opened first: what fails from here on is told to its syncfs(). */
	_cleanup_close_ int fs = s->n > FEW ? fd_open(".", O_RDONLY | O_DIRECTORY, 0) : -1;

	LIST_FOREACH(n, &s->items) {
		struct item *it = of_items(n);

		it->err = journal_settle(&s->q->queues, &it->e, queue_of(it), fs < 0, &it->why);
	}
	if (fs >= 0 && syncfs(fs) < 0)
		give_up(s, -errno);
}

static void wake(struct qmgr *q, struct message *m)
{
	while (!list_is_empty(&m->waiters)) {
		struct waiter *w = list_entry(m->waiters.next, struct waiter, node);

		list_remove(&w->node);
		w->fn(q, w);
	}
}

static void settled(struct qmgr *q, struct item *it)
{
	struct message *m = it->m;

	journal_settled(q->journal, &it->e.place);
	if (m == NULL) {
		q->rescan = true;
	} else {
		m->home = HOME_FILE;
		list_remove(&m->in_young);
		wake(q, m);
	}
	free(it);
}

static void not_settled(struct qmgr *q, struct item *it)
{
	log_warn("%s: %s", it->e.id, it->why.text);
	q->settle_pause = clock_now() + PAUSE;
	list_push(&q->settling, &it->node);
}

static void settle_done(struct job *j)
{
	struct settle *s = container_of(j, struct settle, job);
	struct qmgr *q = s->q;

	q->n_settlers--;
	while (!list_is_empty(&s->items)) {
		struct item *it = of_items(s->items.next);

		list_remove(&it->node);
		if (it->err == 0)
			settled(q, it);
		else
			not_settled(q, it);
	}
	free(s);
}

void settle_pump(struct qmgr *q)
{
	if (list_is_empty(&q->settling) || clock_now() < q->settle_pause)
		return;
	while (q->n_settlers < MAX_SETTLERS && !list_is_empty(&q->settling)) {
		struct settle *s = mem_new(struct settle);

		s->job = (struct job){ .run = run_settle, .done = settle_done };
		s->q = q;
		list_init(&s->items);
		while (s->n < MAX_BATCH && !list_is_empty(&q->settling)) {
			struct item *it = of_items(q->settling.next);

			list_remove(&it->node);
			list_push(&s->items, &it->node);
			s->n++;
		}
		q->n_settlers++;
		pool_submit(q->pool, &s->job);
	}
}

static void add_item(struct qmgr *q, struct message *m, const struct journal_entry *e)
{
	struct item *it = mem_new(struct item);

	it->m = m;
	it->e = *e;
	list_push(&q->settling, &it->node);
}

void settle_aside(struct qmgr *q, const struct journal_entry *e)
{
	add_item(q, NULL, e);
}

void settle_start(struct qmgr *q, struct message *m)
{
	struct journal_entry e = { .place = m->place };

	m->wants_file = true;
	if (m->home != HOME_YOUNG || !map_has(q->active, str_of(m->id)))
		return;
	(void)memcpy(e.id, m->id, sizeof(e.id));
	m->home = HOME_MOVING;
	add_item(q, m, &e);
}

void settle_wait(struct qmgr *q, struct message *m, struct waiter *w)
{
	check(m->home != HOME_FILE);
	list_push(&m->waiters, &w->node);
	settle_start(q, m);
}

void settle_hold(struct qmgr *q, struct request *r)
{
	r->in_journal = true;
	journal_hold(q->journal, &r->msg->place);
}

static void run_merge(struct job *j)
{
	struct merge *w = container_of(j, struct merge, job);
	_cleanup_(queue_message_closep) struct queue_message *f = NULL;

	w->err = queue_message_open(&w->q->queues, STR(QUEUE_ACTIVE), str_of(w->m->id), true, &f,
		&w->why);
	if (w->err == 0)
		w->err = journal_merge(&w->m->place, f, &w->why);
}

static void merge_done(struct job *j)
{
	struct merge *w = container_of(j, struct merge, job);

	if (w->err < 0)
		log_warn("%s: recipients may be delivered again: %s", w->m->id, w->why.text);
	journal_release(w->q->journal, &w->m->place);
	active_release(w->q, w->m);
	free(w);
}

static void start_merge(struct qmgr *q, struct waiter *waiter)
{
	struct merge *w = container_of(waiter, struct merge, waiter);

	w->job = (struct job){ .run = run_merge, .done = merge_done };
	pool_submit(q->pool, &w->job);
}

void settle_release(struct qmgr *q, struct request *r)
{
	struct message *m = r->msg;
	struct merge *w;

	if (!r->in_journal)
		return;
	r->in_journal = false;
	if (m->home == HOME_YOUNG) {
		journal_release(q->journal, &m->place);
		return;
	}
	w = mem_new(struct merge);
	w->waiter.fn = start_merge;
	w->q = q;
	w->m = m;
	m->outstanding++;
	if (m->home == HOME_FILE)
		start_merge(q, &w->waiter);
	else
		list_push(&m->waiters, &w->waiter.node);
}
