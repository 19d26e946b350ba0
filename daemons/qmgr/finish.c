/* SPDX-License-Identifier: Apache-2.0 */
/*
 * qmgr/finish.c — the end of a message's stay in the active queue.
 *
 * In this order: send non-delivery reports, success reports, then for what is left a delay warning or
 * the last report, and then defer or remove the file. The first look at the files and, when there is
 * nothing to report, the removal is one job; most messages cost no more.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "delivery/bounce_client.h"
#include "ipc/status.h"
#include "log/log.h"
#include "qmgr.h"

struct finish {
	struct job job;
	struct qmgr *q;
	struct message *m;
	bool wants_trace;
	bool has_bounce, has_trace;  /* logs that are there */
	bool removed, deferred_file; /* it has left active/ */
	struct waiter waiter;
	bool kill_trace; /* the report of `sendmail -v` was mailed */
	bool mark_warned;
	int64_t now; /* seconds, when the attempts ended */
};

static void next_bounce(struct finish *f);
static void next_trace(struct finish *f);
static void next_left(struct finish *f);
static void next_file(struct finish *f);

static bool log_exists(const struct qmgr *q, const char *log, const char *id)
{
	_cleanup_buf_ struct buf path = BUF_LOCAL(BUF_SMALL);
	struct stat st;

	queue_path(&q->queues, &path, str_of(log), str_of(id));
	if (lstat(buf_cstr(&path), &st) < 0)
		return false;
	if (st.st_size > 0)
		return true;
	(void)unlink(buf_cstr(&path));
	return false;
}

static bool remove_file(const struct finish *f)
{
	int r = queue_remove(&f->q->queues, STR(QUEUE_ACTIVE), str_of(f->m->id));

	if (r < 0)
		log_warn("%s: remove queue file: %s", f->m->id, strerrordesc_np(-r));
	return r == 0 || r == -ENOENT;
}

/* A message that is still young has had no other life in which a log could have been begun. */
static void look(struct finish *f)
{
	if (f->m->home == HOME_YOUNG && f->m->unsure == 0)
		return;
	f->has_bounce = log_exists(f->q, f->q->conf.bounce_service_name, f->m->id);
	f->has_trace = f->wants_trace && log_exists(f->q, f->q->conf.trace_service_name, f->m->id);
}

static bool has_work(const struct finish *f)
{
	return f->has_bounce || f->has_trace || f->m->failed;
}

static void run_look(struct job *j)
{
	struct finish *f = container_of(j, struct finish, job);

	look(f);
	if (!has_work(f))
		f->removed = remove_file(f);
}

static void end_message(struct finish *f)
{
	struct qmgr *q = f->q;
	/* Only the id and what it was asked for outlive it. */
	const struct again again = f->m->again;
	bool is_deferred = f->deferred_file;
	char id[QUEUE_ID_MAX + 1];

	memcpy(id, f->m->id, sizeof(id));
	if (!f->removed && !f->deferred_file)
		q->has_strays = true;

	if (f->removed)
		log_info("%s: removed", f->m->id);
	q->flow_owed++;
	active_forget(q, f->m);
	free(f);
	if (is_deferred && again.from != NULL)
		load_message(q, str_of(id), again.from, again.ignore_time, again.flush);
}

static void look_done(struct job *j)
{
	struct finish *f = container_of(j, struct finish, job);

	if (f->removed)
		end_message(f);
	else
		next_bounce(f);
}

static void on_file(struct qmgr *q, struct waiter *w)
{
	(void)q;
	next_bounce(container_of(w, struct finish, waiter));
}

/* All is done for most young messages; for the others the services want a file. */
static void finish_young(struct finish *f)
{
	struct qmgr *q = f->q;

	look(f);
	if (!has_work(f) && f->m->home == HOME_YOUNG) {
		young_removed(q, f->m);
		f->removed = true;
		end_message(f);
		return;
	}
	f->waiter.fn = on_file;
	settle_wait(q, f->m, &f->waiter);
}

void finish_message(struct qmgr *q, struct message *m)
{
	struct finish *f = mem_new(struct finish);
	const int trace_bits = REQUEST_USR_VRFY | REQUEST_RECORD | REQUEST_REC_DLY_SENT;
	int flags = m->env.trace_flags;

	if (m->env.warn_sent && q->conf.confirm_delay_cleared)
		flags |= REQUEST_REC_DLY_SENT;
	f->q = q;
	f->m = m;
	f->now = time(NULL);
	f->wants_trace = (flags & trace_bits) != 0 ||
			 (m->env.size.qmgr_opts & (DSN_NOTIFY_SUCCESS << REC_OPT_NOTIFY_SHIFT)) !=
				 0;
	if (m->home != HOME_FILE) {
		finish_young(f);
		return;
	}
	f->job = (struct job){ .run = run_look, .done = look_done };
	pool_submit_quick(q->pool, &f->job);
}

static void call(struct finish *f, const char *service, enum bounce_request what, int flags,
	notify_fn fn)
{
	const struct envelope *e = &f->m->env;
	const struct bounce_message bm = {
		.queue_name = STR(QUEUE_ACTIVE),
		.queue_id = str_of(f->m->id),
		.encoding = e->encoding,
		.sendopts = (int)e->size.sendopts,
		.sender = e->sender,
		.dsn_envid = e->dsn_envid,
		.dsn_ret = e->dsn_ret,
		.verp = e->verp,
	};
	_cleanup_buf_ struct buf b = BUF_LOCAL(BUF_MEDIUM);

	if (bounce_encode_flush(&b, what, flags, &bm) < 0)
		fn(f->q, f, -EMSGSIZE);
	else
		notify_call(f->q, service, buf_str(&b), fn, f);
}

static void bounce_done(struct qmgr *q, void *arg, int result)
{
	struct finish *f = arg;

	(void)q;
	if (result < 0) {
		f->m->failed = true;
		log_info("%s: status=deferred (bounce failed)", f->m->id);
	}
	next_trace(f);
}

static void next_bounce(struct finish *f)
{
	const struct qmgr *q = f->q;
	bool verp = f->m->env.verp.len == 2 && !q->conf.disable_verp_bounces;

	if (f->has_bounce)
		call(f, q->conf.bounce_service_name, verp ? BOUNCE_VERP : BOUNCE_FLUSH, 0,
			bounce_done);
	else
		next_trace(f);
}

static void trace_done(struct qmgr *q, void *arg, int result)
{
	struct finish *f = arg;

	(void)q;
	if (result < 0) {
		f->m->failed = true;
		log_info("%s: status=deferred (trace failed)", f->m->id);
	}
	f->kill_trace = result == 0 && f->m->env.trace_flags == REQUEST_RECORD;
	next_left(f);
}

static void next_trace(struct finish *f)
{
	if (f->has_trace)
		call(f, f->q->conf.trace_service_name, BOUNCE_TRACE, f->m->env.trace_flags,
			trace_done);
	else
		next_left(f);
}

static void expired_done(struct qmgr *q, void *arg, int result)
{
	struct finish *f = arg;

	(void)q;
	if (result == 0)
		f->m->failed = false;
	else
		log_info("%s: status=deferred (bounce failed)", f->m->id);
	next_file(f);
}

static void warned_done(struct qmgr *q, void *arg, int result)
{
	struct finish *f = arg;

	(void)q;
	if (result == 0)
		f->mark_warned = true;
	else
		log_info("%s: status=deferred (delay warning failed)", f->m->id);
	next_file(f);
}

static int64_t created(const struct message *m)
{
	return m->env.create_time > 0 ? m->env.create_time : m->env.arrival.tv_sec;
}

static bool is_expired(const struct finish *f)
{
	const struct qmgr_conf *c = &f->q->conf;
	usec_t life = c->maximal_queue_lifetime;

	if (f->m->env.sender.len == 0)
		life = MIN(life, c->bounce_queue_lifetime);
	return f->m->force_expired || f->now >= created(f->m) + life / USEC_PER_SEC;
}

static void log_expired(const struct finish *f)
{
	_cleanup_buf_ struct buf b = BUF_LOCAL(BUF_MEDIUM);
	struct str from = qmgr_show(f->q, &b, f->m->env.sender);

	log_info("%s: from=<" STR_FMT ">, status=%s, returned to sender", f->m->id, STR_ARG(from),
		f->m->force_expired ? "force-expired" : "expired");
}

/* Recipients that are left: the message has become too old, or its sender is told once, or wait. */
static void next_left(struct finish *f)
{
	const struct envelope *e = &f->m->env;
	const char *defer = f->q->conf.defer_service_name;

	if (!f->m->failed) {
		next_file(f);
	} else if (is_expired(f)) {
		log_expired(f);
		call(f, defer, BOUNCE_FLUSH, BOUNCE_FLAG_DELRCPT, expired_done);
	} else if (e->warn_time > 0 && f->now >= e->warn_time - 1) {
		call(f, defer, BOUNCE_WARN, 0, warned_done);
	} else {
		next_file(f);
	}
}

static int64_t retry_delay(const struct finish *f)
{
	const struct qmgr_conf *c = &f->q->conf;
	int64_t least = c->minimal_backoff_time / USEC_PER_SEC;
	int64_t most = c->maximal_backoff_time / USEC_PER_SEC;
	int64_t age = f->m->env.create_time > 0 ? f->now - f->m->env.create_time : least;

	return MAX(least, MIN(age, most));
}

/* An agent found that the file is not what it was, and marked it so that nobody can write to it. */
static bool is_corrupt(const struct queue_settings *s, const char *id)
{
	_cleanup_buf_ struct buf path = BUF_LOCAL(BUF_SMALL);
	struct stat st;

	queue_path(s, &path, STR(QUEUE_ACTIVE), str_of(id));
	return lstat(buf_cstr(&path), &st) == 0 && S_ISREG(st.st_mode) &&
	       (st.st_mode & 0777) == QUEUE_MODE_CORRUPT;
}

/* Marks in the file, then deferred/ with the time of the next attempt. */
static void defer_file(struct finish *f)
{
	const struct queue_settings *s = &f->q->queues;
	_cleanup_(queue_message_closep) struct queue_message *m = NULL;
	struct str id = str_of(f->m->id);
	struct timespec t[2];
	struct why why;
	int r = queue_message_open(s, STR(QUEUE_ACTIVE), id, true, &m, &why);

	if (r == 0 && f->kill_trace && queue_message_kill(m, f->m->env.trace_offset) < 0)
		log_warn("%s: mark trace report as sent: failed", f->m->id);
	if (r == 0 && f->mark_warned && queue_message_mark_warned(m, f->m->env.warn_offset) < 0)
		log_warn("%s: mark delay warning as sent: failed", f->m->id);
	t[0] = t[1] = (struct timespec){ .tv_sec = time(NULL) + retry_delay(f) };
	if (r == 0 && futimens(queue_message_fd(m), t) < 0)
		log_warn("%s: set time stamps: %m", f->m->id);
	if (r == 0) {
		r = queue_move(s, id, STR(QUEUE_ACTIVE), STR(QUEUE_DEFERRED), &why);
	} else if (r == -EACCES && is_corrupt(s, f->m->id)) {
		log_warn("saving corrupt file \"%s\" from queue \"%s\" to queue \"%s\"", f->m->id,
			QUEUE_ACTIVE, QUEUE_CORRUPT);
		r = queue_move(s, id, STR(QUEUE_ACTIVE), STR(QUEUE_CORRUPT), &why);
	}
	if (r < 0)
		log_warn("%s: %s", f->m->id, why.text);
	f->deferred_file = r == 0;
}

static void run_file(struct job *j)
{
	struct finish *f = container_of(j, struct finish, job);

	if (f->m->failed)
		defer_file(f);
	else
		f->removed = remove_file(f);
}

static void file_done(struct job *j)
{
	end_message(container_of(j, struct finish, job));
}

static void next_file(struct finish *f)
{
	f->job = (struct job){ .run = run_file, .done = file_done };
	pool_submit(f->q->pool, &f->job);
}
