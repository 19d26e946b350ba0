/* SPDX-License-Identifier: Apache-2.0 */
/*
 * qmgr/load.c — from a name in incoming/ or deferred/ to a message in memory.
 *
 * The blocking part runs in a worker thread: look at the file, lock it against agents that still
 * work on it, move it to active/, read the envelope, route the recipients.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "log/log.h"
#include "qmgr.h"

/* Most recipients that are read at a time. */
#define MAX_BATCH 5000
/* A file that is still being delivered is looked at again after this many seconds. */
#define BUSY_SECONDS 60
/* Most bytes for a message's envelope and recipients in memory. */
#define ARENA_LIMIT ((size_t)512 * 1024 * 1024)
/* Freed messages that are kept for the next ones, unless they were large. */
#define MAX_SPARE       1024
#define MAX_SPARE_BYTES ((size_t)16 * 1024)

struct load {
	struct job job;
	struct qmgr *q;
	struct routing *routing;
	char id[QUEUE_ID_MAX + 1];
	const char *from;
	bool ignore_time, flush;
	struct again again; /* a scan met it again meanwhile */
	size_t max;
	struct message *m; /* result; NULL: there is none */
	bool entered;      /* the file came to active/ */
	bool is_busy;      /* it is still being delivered */
};

struct more {
	struct job job;
	struct qmgr *q;
	struct routing *routing;
	struct message *m;
	bool young; /* it was, at the start; its segment is held */
	size_t max;
	int err;
	struct why why;
};

/* False when it is not for us now: incomplete, or its time has not come. */
static bool is_due(const struct load *l, unsigned mode, int64_t mtime)
{
	if ((mode & QUEUE_MODE_READY) != QUEUE_MODE_READY)
		return false;
	return l->ignore_time || mtime <= time(NULL) + 1;
}

static void skip_busy(struct load *l, int fd)
{
	struct timespec t[2] = { { .tv_nsec = UTIME_NOW },
		{ .tv_sec = time(NULL) + BUSY_SECONDS } };

	l->is_busy = true;
	log_info("%s: skipped, still being delivered", l->id);
	if (futimens(fd, t) < 0)
		log_warn("%s: set time stamps: %m", l->id);
}

static void save_corrupt(const struct qmgr *q, const char *id, struct queue_message *f,
	const char *text)
{
	struct why why;

	log_warn("%s: %s", id, text);
	log_warn("saving corrupt file \"%s\" from queue \"%s\" to queue \"%s\"", id, QUEUE_ACTIVE,
		QUEUE_CORRUPT);
	if (queue_message_mark_corrupt(f) < 0)
		log_warn("%s: mark as corrupt: %m", id);
	if (queue_move(&q->queues, str_of(id), STR(QUEUE_ACTIVE), STR(QUEUE_CORRUPT), &why) < 0)
		log_warn("%s", why.text);
}

/* True when there is a defer log with something in it. */
static bool has_defer_log(const struct qmgr *q, const char *id)
{
	_cleanup_close_ int fd = queue_open(&q->queues, STR(QUEUE_DEFER), str_of(id), O_RDONLY, 0);
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 && st.st_size > 0;
}

/* Mode bits that tools set as hints. */
static void take_hints(struct load *l, struct message *m, struct queue_message *f)
{
	unsigned mode = queue_message_mode(f);

	m->flush = (mode & QUEUE_MODE_FLUSH) != 0;
	m->override_defer = l->flush || m->flush;
	m->force_expired = (mode & QUEUE_MODE_EXPIRE) != 0;
	m->bounce_now = m->force_expired && has_defer_log(l->q, l->id);
	if (m->flush && fchmod(queue_message_fd(f), mode & ~(unsigned)QUEUE_MODE_FLUSH) < 0)
		log_warn("%s: clear flush hint: %m", l->id);
	if (!m->bounce_now)
		IGNORE(queue_remove(&l->q->queues, STR(QUEUE_DEFER), str_of(l->id)));
}

/* What the end of a probe or notification means for the file is noted while it is open. */
void load_discard(struct message *m, struct queue_message *f)
{
	if (m->env.redirect.len > 0 || m->routes == NULL)
		return;
	for (size_t i = 0; i < m->rcpts.n; i++) {
		if (!m->routes[i].discard)
			continue;
		if (queue_message_mark_done(f, m->rcpts.v[i].offset) < 0)
			log_warn("%s: mark recipient done: failed", m->id);
	}
}

struct message *message_new(struct qmgr *q, const char *id)
{
	struct arena *a = NULL;
	struct message *m;

	if (q != NULL && !list_is_empty(&q->spare)) {
		m = list_entry(q->spare.next, struct message, in_young);
		list_remove(&m->in_young);
		q->n_spare--;
		a = m->arena;
	} else {
		m = mem_new(struct message);
	}
	*m = (struct message){ .arena = a != NULL ? a : arena_new(ARENA_LIMIT) };
	(void)memcpy(m->id, id, strlen(id) + 1);
	list_init(&m->in_young);
	list_init(&m->waiters);
	(void)gettimeofday(&m->activated, NULL);
	return m;
}

void message_free(struct qmgr *q, struct message *m)
{
	arena_free(TAKE(m->batch));
	list_remove(&m->in_young);
	if (q == NULL || q->n_spare == MAX_SPARE || arena_used(m->arena) > MAX_SPARE_BYTES) {
		arena_free(m->arena);
		free(m);
		return;
	}
	arena_clear(m->arena);
	list_push_front(&q->spare, &m->in_young);
	q->n_spare++;
}

/* The file is in active/ and locked. */
static struct message *read_message(struct load *l, struct queue_message *f)
{
	struct message *m = message_new(NULL, l->id);
	struct why why;
	int r = envelope_read(f, l->max, m->arena, m->arena, &m->env, &m->rcpts, &why);

	if (r == -EBADMSG) {
		save_corrupt(l->q, l->id, f, why.text);
		message_free(NULL, m);
		return NULL;
	}
	if (r < 0) {
		log_warn("%s: %s", l->id, why.text);
		message_free(NULL, m);
		if (queue_move(&l->q->queues, str_of(l->id), STR(QUEUE_ACTIVE), STR(QUEUE_DEFERRED),
			    &why) < 0)
			log_warn("%s", why.text);
		return NULL;
	}
	take_hints(l, m, f);
	if (!m->bounce_now)
		route_recipients(l->q, l->routing->router, m, m->arena, true);
	load_discard(m, f);
	return m;
}

static void run_load(struct job *j)
{
	struct load *l = container_of(j, struct load, job);
	const struct queue_settings *s = &l->q->queues;
	_cleanup_(queue_message_closep) struct queue_message *f = NULL;
	struct why why;
	int r;

	r = queue_message_open(s, str_of(l->from), str_of(l->id), true, &f, &why);
	if (r == -ENOENT)
		return;
	if (r < 0) {
		log_warn("%s: %s", l->id, why.text);
		return;
	}
	if (!is_due(l, queue_message_mode(f), queue_message_mtime(f)))
		return;
	r = fd_flock(queue_message_fd(f), LOCK_EX | LOCK_NB);
	if (r < 0) {
		skip_busy(l, queue_message_fd(f));
		return;
	}
	r = queue_move(s, str_of(l->id), str_of(l->from), STR(QUEUE_ACTIVE), &why);
	if (r == -ENOENT)
		return;
	if (r < 0) {
		log_warn("%s: %s", l->id, why.text);
		return;
	}
	l->m = read_message(l, f);
	l->entered = true;
}

static void on_busy_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct qmgr *q = timer->data;
	usec_t now = clock_now();

	(void)events;
	scan_request(q, &q->incoming, false, false);
	if (now >= q->busy_until)
		return;
	ev_timer_set(timer, (double)(q->busy_until - now) / (double)USEC_PER_SEC, 0);
	ev_timer_start(loop, timer);
}

/* Nobody tells when its agent has done, and who asks for a scan may be long in coming. */
static void look_again(struct qmgr *q)
{
	/* A second more: the time stamps of files are whole seconds. */
	q->busy_until = clock_deadline((BUSY_SECONDS + 1) * USEC_PER_SEC);
	if (ev_is_active(&q->busy_timer))
		return;
	ev_timer_init(&q->busy_timer, on_busy_timer, BUSY_SECONDS + 1, 0);
	q->busy_timer.data = q;
	ev_timer_start(q->loop, &q->busy_timer);
}

static void load_done(struct job *j)
{
	struct load *l = container_of(j, struct load, job);
	struct qmgr *q = l->q;

	(void)map_remove(q->loading, str_of(l->id));
	routing_drop(l->routing);
	if (l->m == NULL && l->entered)
		q->has_strays = true; /* unless it could leave again */
	if (l->is_busy)
		look_again(q);
	if (l->m != NULL)
		active_add(q, l->m);
	else if (l->again.from != NULL)
		load_message(q, str_of(l->id), l->again.from, l->again.ignore_time, l->again.flush);
	free(l);
	scan_pump(q);
}

size_t load_limit(const struct qmgr *q)
{
	size_t limit = (size_t)q->conf.qmgr_message_recipient_limit;
	size_t least = (size_t)q->conf.qmgr_message_recipient_minimum;
	size_t room = q->n_rcpt < limit ? limit - q->n_rcpt : 0;

	return MIN(MAX(room, least), (size_t)MAX_BATCH);
}

void load_message(struct qmgr *q, struct str id, const char *from, bool ignore_time, bool flush)
{
	struct message *m = map_get(q->active, id);
	struct load *l;

	/* A worker has put it there a moment ago, or it has just come from there: see end_message(). */
	if (m != NULL)
		again_ask(&m->again, from, ignore_time, flush);
	if (m != NULL || (q->busy > 0 && journal_is_busy(q->journal, id)))
		return;
	l = map_get(q->loading, id);
	if (l != NULL) {
		/* Asked for again while a worker looks at it: what it has seen may be out of date. */
		again_ask(&l->again, from, ignore_time, flush);
		return;
	}
	l = mem_new(struct load);
	map_set(q->loading, id, l);
	l->job = (struct job){ .run = run_load, .done = load_done };
	l->q = q;
	l->routing = routing_take(q);
	(void)memcpy(l->id, id.ptr, id.len);
	l->from = from;
	l->ignore_time = ignore_time;
	l->flush = flush;
	l->max = load_limit(q);
	pool_submit(q->pool, &l->job);
}

/* It may have become a file since the job was made. */
static int open_more(struct more *w, struct queue_message **ret)
{
	int r = w->young ? queue_message_open_place(&w->m->place, true, ret, &w->why) : -ESTALE;

	if (r != -ESTALE)
		return r;
	return queue_message_open(&w->q->queues, STR(QUEUE_ACTIVE), str_of(w->m->id), true, ret,
		&w->why);
}

static void run_more(struct job *j)
{
	struct more *w = container_of(j, struct more, job);
	struct message *m = w->m;
	_cleanup_(queue_message_closep) struct queue_message *f = NULL;

	w->err = open_more(w, &f);
	if (w->err < 0)
		return;
	m->batch = arena_new(ARENA_LIMIT);
	w->err = envelope_more(f, &m->env, w->max, m->batch, &m->rcpts, &w->why);
	if (w->err == 0)
		route_recipients(w->q, w->routing->router, m, m->batch, false);
}

static void more_done(struct job *j)
{
	struct more *w = container_of(j, struct more, job);

	if (w->err < 0)
		log_warn("%s: %s", w->m->id, w->why.text);
	routing_drop(w->routing);
	if (w->young)
		journal_release(w->q->journal, &w->m->place);
	active_continue(w->q, w->m, w->err);
	free(w);
}

void load_more(struct qmgr *q, struct message *m)
{
	struct more *w = mem_new(struct more);

	arena_free(TAKE(m->batch));
	m->rcpts = (struct rcpt_batch){ 0 };
	w->job = (struct job){ .run = run_more, .done = more_done };
	w->q = q;
	w->routing = routing_take(q);
	w->m = m;
	w->young = m->home != HOME_FILE;
	if (w->young)
		journal_hold(q->journal, &m->place);
	w->max = load_limit(q);
	pool_submit(q->pool, &w->job);
}
