/* SPDX-License-Identifier: Apache-2.0 */
/*
 * qmgr/scan.c — find work in incoming/ and deferred/, as much as the active queue has room for.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/mem.h"
#include "log/log.h"
#include "qmgr.h"

/* Files that workers bring into the active queue at a time. */
#define MAX_LOADING 64
/* Entries that one sweep looks at, and ids that it returns at most. */
#define MAX_LOOKED 2000
#define MAX_FOUND  MAX_LOADING

/* A part of a scan, done by a worker: which files are due? */
struct sweep {
	struct job job;
	struct qmgr *q;
	struct scan *owner;
	struct queue_scan *s;
	bool ignore_time;
	struct strv found;
	int result; /* 1 there is more; 0 the end; negative errno */
};

static bool is_due(const char *path, bool ignore_time)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISREG(st.st_mode) &&
	       (st.st_mode & QUEUE_MODE_READY) == QUEUE_MODE_READY &&
	       (ignore_time || st.st_mtime <= time(NULL) + 1);
}

static void run_sweep(struct job *j)
{
	struct sweep *w = container_of(j, struct sweep, job);
	struct str id;

	w->result = 1;
	for (unsigned n = 0; n < MAX_LOOKED && w->found.n < MAX_FOUND && w->result == 1; n++) {
		w->result = queue_scan_next(w->s, &id);
		if (w->result == 1 && is_due(queue_scan_path(w->s), w->ignore_time))
			strv_add(&w->found, id);
	}
}

static void end_scan(struct scan *s, int result)
{
	if (result < 0)
		log_warn("scan queue %s: %s", s->queue, strerrordesc_np(-result));
	queue_scan_close(TAKE(s->s));
}

static void sweep_done(struct job *j)
{
	struct sweep *w = container_of(j, struct sweep, job);
	struct qmgr *q = w->q;
	struct scan *s = w->owner;

	s->found = w->found;
	s->next = 0;
	s->sweeping = false;
	if (w->result <= 0)
		end_scan(s, w->result);
	free(w);
	scan_pump(q);
}

static void start_sweep(struct qmgr *q, struct scan *s)
{
	struct sweep *w = mem_new(struct sweep);

	w->job = (struct job){ .run = run_sweep, .done = sweep_done };
	w->q = q;
	w->owner = s;
	w->s = s->s;
	w->ignore_time = s->ignore_time;
	s->sweeping = true;
	pool_submit(q->pool, &w->job);
}

void again_ask(struct again *a, const char *from, bool ignore_time, bool flush)
{
	a->from = from;
	a->ignore_time = a->ignore_time || ignore_time;
	a->flush = a->flush || flush;
}

void scan_request(struct qmgr *q, struct scan *s, bool ignore_time, bool flush)
{
	again_ask(&s->again, s->queue, ignore_time, flush);
	scan_pump(q);
}

/* Begin the scan that was asked for, now that the one before has come to its end. */
static bool begin_scan(struct scan *s)
{
	int r;

	if (s->again.from == NULL)
		return false;
	s->ignore_time = s->again.ignore_time;
	s->flush = s->again.flush;
	s->again = (struct again){ .from = NULL };
	r = queue_scan_open(str_of(s->queue), &s->s);
	if (r < 0)
		log_warn("scan queue %s: %s", s->queue, strerrordesc_np(-r));
	return r == 0;
}

/* Take up one id: false when there is none at hand. */
static bool step(struct qmgr *q, struct scan *s)
{
	if (s->sweeping)
		return false;
	if (s->next < s->found.n) {
		load_message(q, str_of(s->found.v[s->next++]), s->queue, s->ignore_time, s->flush);
		return true;
	}
	strv_done(&s->found);
	s->found = (struct strv){ 0 };
	s->next = 0;
	if (s->s != NULL || begin_scan(s))
		start_sweep(q, s);
	return false;
}

bool scan_has_room(const struct qmgr *q)
{
	return map_count(q->active) + map_count(q->loading) + q->n_routing <
	       (size_t)q->conf.qmgr_message_active_limit;
}

void scan_pump(struct qmgr *q)
{
	/* New mail and old mail take turns, so that neither waits for the end of the other. */
	while (scan_has_room(q) && map_count(q->loading) < MAX_LOADING) {
		struct scan *one = q->deferred_turn ? &q->deferred : &q->incoming;
		struct scan *two = q->deferred_turn ? &q->incoming : &q->deferred;

		q->deferred_turn = !q->deferred_turn;
		if (!step(q, one) && !step(q, two))
			return;
	}
}

/* Files may be left in active/: they are looked for again. */
static void not_scanned(struct qmgr *q, int err)
{
	log_warn("scan queue %s: %s", QUEUE_ACTIVE, strerrordesc_np(-err));
	q->has_strays = true;
}

/* Where it would have gone: corrupt files have another mode. */
static void rescue(struct qmgr *q, const char *path, struct str id)
{
	struct stat st;
	struct why why;
	bool ready = lstat(path, &st) == 0 && (st.st_mode & QUEUE_MODE_READY) == QUEUE_MODE_READY;

	if (map_has(q->active, id) || map_has(q->loading, id))
		return;
	if (queue_move(&q->queues, id, STR(QUEUE_ACTIVE),
		    ready ? STR(QUEUE_DEFERRED) : STR(QUEUE_CORRUPT), &why) == 0)
		return;
	log_warn("%s", why.text);
	q->has_strays = true;
}

void scan_strays(struct qmgr *q)
{
	struct queue_scan *s;
	struct str id;
	int r;

	if (!q->has_strays)
		return;
	r = queue_scan_open(STR(QUEUE_ACTIVE), &s);
	if (r == 0) {
		q->has_strays = false;
		while ((r = queue_scan_next(s, &id)) == 1)
			rescue(q, queue_scan_path(s), id);
		queue_scan_close(s);
	}
	if (r < 0)
		not_scanned(q, r);
}

void scan_recover(struct qmgr *q)
{
	struct queue_scan *s;
	struct str id;
	int r = queue_scan_open(STR(QUEUE_ACTIVE), &s);

	if (r < 0) {
		not_scanned(q, r);
		return;
	}
	while ((r = queue_scan_next(s, &id)) == 1) {
		struct why why;

		if (utimensat(AT_FDCWD, queue_scan_path(s), NULL, AT_SYMLINK_NOFOLLOW) < 0)
			log_warn("set time stamps of %s: %m", queue_scan_path(s));
		if (queue_move(&q->queues, id, STR(QUEUE_ACTIVE), STR(QUEUE_INCOMING), &why) < 0) {
			log_warn("%s", why.text);
			q->has_strays = true;
		}
	}
	queue_scan_close(s);
	if (r < 0)
		not_scanned(q, r);
}
