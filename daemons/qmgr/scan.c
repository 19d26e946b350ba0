/* SPDX-License-Identifier: Apache-2.0 */
/*
 * qmgr/scan.c — find work in incoming/ and deferred/, as much as the active queue has room for.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "log/log.h"
#include "qmgr.h"

/* Files that workers look at at a time. */
#define MAX_LOADING 64

static void start_scan(struct scan *s)
{
	int r = queue_scan_open(str_of(s->queue), &s->s);

	if (r < 0)
		log_warn("scan queue %s: %s", s->queue, strerrordesc_np(-r));
}

void scan_request(struct qmgr *q, struct scan *s, bool ignore_time, bool flush)
{
	if (s->s == NULL) {
		s->ignore_time = ignore_time;
		s->flush = flush;
		start_scan(s);
	} else {
		s->again = true;
		s->again_ignore_time = s->again_ignore_time || ignore_time;
		s->again_flush = s->again_flush || flush;
	}
	scan_pump(q);
}

static void end_scan(struct scan *s)
{
	queue_scan_close(TAKE(s->s));
	if (!s->again)
		return;
	s->ignore_time = s->again_ignore_time;
	s->flush = s->again_flush;
	s->again = s->again_ignore_time = s->again_flush = false;
	start_scan(s);
}

/* Take up one id: false when the scan has ended. */
static bool step(struct qmgr *q, struct scan *s)
{
	struct str id;
	int r;

	if (s->s == NULL)
		return false;
	r = queue_scan_next(s->s, &id);
	if (r == 1) {
		load_message(q, id, s->queue, s->ignore_time, s->flush);
		return true;
	}
	if (r < 0)
		log_warn("scan queue %s: %s", s->queue, strerrordesc_np(-r));
	end_scan(s);
	return s->s != NULL;
}

static bool has_room(const struct qmgr *q)
{
	size_t loading = map_count(q->loading);

	return loading < MAX_LOADING &&
	       map_count(q->active) + loading < (size_t)q->conf.qmgr_message_active_limit;
}

void scan_pump(struct qmgr *q)
{
	/* New mail and old mail take turns, so that neither waits for the end of the other. */
	while (has_room(q)) {
		struct scan *one = q->deferred_turn ? &q->deferred : &q->incoming;
		struct scan *two = q->deferred_turn ? &q->incoming : &q->deferred;

		q->deferred_turn = !q->deferred_turn;
		if (!step(q, one) && !step(q, two))
			return;
	}
}

void scan_recover(struct qmgr *q)
{
	struct queue_scan *s;
	struct str id;
	int r = queue_scan_open(STR(QUEUE_ACTIVE), &s);

	if (r < 0) {
		log_warn("scan queue %s: %s", QUEUE_ACTIVE, strerrordesc_np(-r));
		return;
	}
	while ((r = queue_scan_next(s, &id)) == 1) {
		struct why why;

		if (utimensat(AT_FDCWD, queue_scan_path(s), NULL, AT_SYMLINK_NOFOLLOW) < 0)
			log_warn("set time stamps of %s: %m", queue_scan_path(s));
		if (queue_move(&q->queues, id, STR(QUEUE_ACTIVE), STR(QUEUE_INCOMING), &why) < 0)
			log_warn("%s", why.text);
	}
	queue_scan_close(s);
}
