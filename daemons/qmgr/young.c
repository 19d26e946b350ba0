/* SPDX-License-Identifier: Apache-2.0 */
/*
 * qmgr/young.c — messages from the journal: taken up in the loop, settled when they stay.
 *
 * What was committed is asked for once a turn of the loop, so a busy queue manager takes many at a time
 * and is seldom woken. With no room in the active queue the rest is left where it is, unless its
 * segment is wanted: then it goes to incoming/ unread.
 */
#include <errno.h>

#include "base/mem.h"
#include "log/log.h"
#include "qmgr.h"

/* A first attempt that takes this long is slow; a message that waits this long for one, too. */
#define SLOW_ATTEMPT (3 * USEC_PER_SEC)
#define LONG_WAIT    (60 * USEC_PER_SEC)
/* A journal that could not be opened, or that has a broken segment, is looked at again. */
#define RETRY_TIME (10 * USEC_PER_SEC)
/* How long the start waits for another reader to go. */
#define OTHER_READER_TIME (5 * USEC_PER_SEC)
/* Full segments are looked for this often while messages leave. */
#define RECYCLE_TIME (50 * USEC_PER_MSEC)
#define TICK_TIME    USEC_PER_SEC

/* A message that a worker routes, because a table may take long. */
struct away {
	struct job job;
	struct qmgr *q;
	struct routing *routing;
	struct message *m;
};

static void log_report(const struct journal_report *r)
{
	if (r->settled + r->known + r->torn + r->damaged + r->busy == 0)
		return;
	log_info("journal: %zu messages recovered from %zu segments, %zu were files already, %zu "
		 "are still being delivered, %zu segments with a torn end, %zu damaged places",
		r->settled, r->segments, r->known, r->busy, r->torn, r->damaged);
}

static int open_journal(struct qmgr *q, struct journal_report *report, struct why *why)
{
	const struct journal_params *p = &q->journal_params;
	int r;

	if (p->is_on)
		return journal_reader_open(&p->s, &q->journal, report, why);
	r = journal_replay(&p->s, report, why);
	return r == -ENOENT ? 0 : r;
}

/*
 * At the start somebody may still be there who will be gone at once: the queue manager before this one, after a
 * reload, or a tool that settles the journal.
 */
static int open_patiently(struct qmgr *q, struct journal_report *report, struct why *why)
{
	static const struct timespec pause = { .tv_nsec = 20 * 1000 * 1000L };
	const usec_t deadline = clock_deadline(OTHER_READER_TIME);
	int r;

	while ((r = open_journal(q, report, why)) == -EBUSY && clock_now() < deadline)
		(void)nanosleep(&pause, NULL);
	return r;
}

int young_open(struct qmgr *q, bool patient, struct why *why)
{
	struct journal_report report = { 0 };
	int r = patient ? open_patiently(q, &report, why) : open_journal(q, &report, why);

	if (r == -EBUSY)
		return why_set(why, r, "the journal of this queue has another reader");
	log_report(&report);
	q->busy = report.busy;
	q->journal_retry = r < 0 || report.busy > 0 ? clock_now() + TICK_TIME : 0;
	if (r < 0) {
		log_warn("journal is not used: %s", why->text);
		q->journal_retry = clock_now() + RETRY_TIME;
	}
	return 0;
}

void young_close(struct qmgr *q)
{
	journal_reader_close(TAKE(q->journal));
}

/* It cannot be read as a message: corrupt/, or else deferred/, as a file would be. */
static void put_away(struct qmgr *q, const struct journal_entry *e, struct str queue)
{
	_cleanup_(queue_message_closep) struct queue_message *f = NULL;
	struct str id = str_of(e->id);
	struct why why;
	int r = journal_settle(&q->queues, e, queue, true, &why);

	if (r == 0 && str_eq(queue, STR(QUEUE_CORRUPT)) &&
		(r = queue_message_open(&q->queues, queue, id, true, &f, &why)) == 0)
		r = queue_message_mark_corrupt(f);
	if (r < 0)
		log_warn("%s: %s", e->id, why.text);
	else
		journal_settled(q->journal, &e->place);
}

static void unreadable(struct qmgr *q, const struct journal_entry *e, int err,
	const struct why *why)
{
	log_warn("%s: %s", e->id, why->text);
	if (err == -EBADMSG)
		log_warn("saving corrupt message \"%s\" of the journal to queue \"%s\"", e->id,
			QUEUE_CORRUPT);
	put_away(q, e, err == -EBADMSG ? STR(QUEUE_CORRUPT) : STR(QUEUE_DEFERRED));
}

/* Recipients that are not to be delivered are done. */
static void discard(struct message *m)
{
	_cleanup_(queue_message_closep) struct queue_message *f = NULL;
	bool any = false;
	struct why why;

	for (size_t i = 0; i < m->rcpts.n; i++)
		any = any || m->routes[i].discard;
	if (!any)
		return;
	if (queue_message_open_place(&m->place, true, &f, &why) < 0)
		log_warn("%s: %s", m->id, why.text);
	else
		load_discard(m, f);
}

/* It may end in there. */
static void enter(struct qmgr *q, struct message *m)
{
	discard(m);
	active_add(q, m);
}

static void run_away(struct job *j)
{
	struct away *w = container_of(j, struct away, job);

	route_recipients(w->q, w->routing->router, w->m, w->m->arena, true);
}

static void away_done(struct job *j)
{
	struct away *w = container_of(j, struct away, job);

	w->q->n_routing--;
	routing_drop(w->routing);
	enter(w->q, w->m);
	free(w);
}

/* In the loop when no table can keep it waiting. */
static void route(struct qmgr *q, struct message *m)
{
	struct away *w;

	if (route_cached(q, q->routing->router, m)) {
		enter(q, m);
		return;
	}
	w = mem_new(struct away);
	w->job = (struct job){ .run = run_away, .done = away_done };
	w->q = q;
	w->routing = routing_take(q);
	w->m = m;
	q->n_routing++;
	pool_submit(q->pool, &w->job);
}

/* Most images are in memory with the heads that were looked for. */
static int read_envelope(struct qmgr *q, const struct journal_entry *e, struct message *m,
	struct why *why)
{
	_cleanup_(queue_message_closep) struct queue_message *f = NULL;
	struct str image = journal_image(q->journal);
	int r = 0;

	if (image.len == e->place.length)
		f = queue_message_of_bytes(image);
	else
		r = queue_message_open_place(&e->place, false, &f, why);
	if (r < 0)
		return r;
	return envelope_read(f, load_limit(q), m->arena, m->arena, &m->env, &m->rcpts, why);
}

static void take_up(struct qmgr *q, const struct journal_entry *e)
{
	struct message *m = message_new(q, e->id);
	struct why why;
	int r = read_envelope(q, e, m, &why);

	if (r < 0) {
		message_free(q, m);
		unreadable(q, e, r, &why);
		return;
	}
	m->home = HOME_YOUNG;
	m->place = e->place;
	m->since = clock_now();
	list_push(&q->young, &m->in_young);
	route(q, m);
}

/* The next one that was committed: false when there is none. */
static bool next_entry(struct qmgr *q)
{
	struct why why;
	int r;

	if (q->has_ahead)
		return true;
	if (q->journal == NULL || clock_now() < q->journal_pause)
		return false;
	r = journal_next(q->journal, &q->ahead);
	if (r < 0) {
		(void)why_errno(&why, r, "read journal");
		log_warn("%s", why.text);
		q->journal_pause = clock_now() + TICK_TIME;
	}
	q->has_ahead = r == 1;
	return r == 1;
}

static void recycle(struct qmgr *q)
{
	q->recycle = false;
	q->recycled = clock_now();
	journal_recycle(q->journal);
}

void young_poll(struct qmgr *q)
{
	while (scan_has_room(q) && next_entry(q)) {
		struct journal_entry e = q->ahead;

		q->has_ahead = false;
		take_up(q, &e);
	}
	q->left_unread = q->journal != NULL && !scan_has_room(q);
	if (q->recycle && clock_now() >= q->recycled + RECYCLE_TIME)
		recycle(q);
}

/* There is no room for it: true when it should not stay where it is. */
static bool is_in_the_way(const struct qmgr *q)
{
	return journal_is_wanted(q->journal, &q->ahead.place);
}

static void settle_unread(struct qmgr *q, bool all)
{
	while (!scan_has_room(q) && next_entry(q) && (all || is_in_the_way(q))) {
		q->has_ahead = false;
		settle_aside(q, &q->ahead);
	}
}

static bool is_slow(const struct message *m, usec_t now)
{
	return m->attempt != 0 ? now >= m->attempt + SLOW_ATTEMPT : now >= m->since + LONG_WAIT;
}

static void retry_busy(struct qmgr *q)
{
	struct journal_report report = { 0 };
	struct why why;
	int r;

	if (q->journal == NULL) {
		if (young_open(q, false, &why) < 0)
			q->journal_retry = clock_now() + RETRY_TIME;
		q->rescan = true;
		return;
	}
	r = journal_retry(q->journal, &report, &why);
	if (r < 0)
		log_warn("%s", why.text);
	q->rescan = q->rescan || report.settled + report.known > 0;
	q->busy = report.busy;
	q->journal_retry = r < 0 || report.busy > 0 ? clock_now() + TICK_TIME : 0;
}

void young_tick(struct qmgr *q)
{
	usec_t now = clock_now();

	if (q->journal_retry != 0 && now >= q->journal_retry)
		retry_busy(q);
	LIST_FOREACH(n, &q->young) {
		struct message *m = list_entry(n, struct message, in_young);

		if (m->home == HOME_YOUNG &&
			(is_slow(m, now) || journal_is_wanted(q->journal, &m->place)))
			settle_start(q, m);
	}
	if (q->journal != NULL) {
		settle_unread(q, false);
		recycle(q);
	}
}

bool young_wants_tick(const struct qmgr *q)
{
	return q->journal_retry != 0 || q->recycle || q->left_unread || !list_is_empty(&q->young) ||
	       !list_is_empty(&q->settling) ||
	       (q->journal != NULL && journal_has_unmarked(q->journal));
}

void young_settle_all(struct qmgr *q)
{
	young_poll(q);
	LIST_FOREACH(n, &q->young)
		settle_start(q, list_entry(n, struct message, in_young));
	if (q->journal != NULL)
		settle_unread(q, true);
}

void young_removed(struct qmgr *q, struct message *m)
{
	journal_removed(q->journal, &m->place);
	list_remove(&m->in_young);
	q->recycle = true;
}
