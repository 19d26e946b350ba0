/* SPDX-License-Identifier: Apache-2.0 */
/*
 * qmgr — the queue manager: takes messages from incoming/ and deferred/, hands them to delivery
 * agents, decides what becomes of those that could not be delivered. See qmgr.h.
 */
#include <errno.h>
#include <ev.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ipc/status.h"
#include "log/log.h"
#include "qmgr.h"
#include "sandbox/sandbox.h"

/* Threads that wait for disk and tables. */
#define THREADS 8
/* How often the flow-control pipe is looked at. */
#define FLOW_INTERVAL (100 * USEC_PER_MSEC)
/* Most tokens that are written at a time. */
#define FLOW_BATCH 128
/* How often young messages are looked at. */
#define TICK_SECONDS 1

static struct qmgr the_qmgr;
static ev_timer the_deferred_timer;
static ev_timer the_sched_timer;
static ev_timer the_tick_timer;

static int pre_jail(struct service_ctx *ctx, struct why *why)
{
	struct qmgr *q = &the_qmgr;

	q->ctx = ctx;
	ctx->user = q;
	/* It runs until it is told to go: what it knows of destinations is worth keeping. */
	ctx->max_use = 0;
	ctx->max_idle = 0;
	return qmgr_configure(q, why);
}

static void on_deferred_timer(struct ev_loop *loop, ev_timer *w, int events)
{
	(void)loop;
	(void)events;
	scan_strays(w->data);
	scan_request(w->data, &((struct qmgr *)w->data)->deferred, false, false);
}

static void on_sched_timer(struct ev_loop *loop, ev_timer *w, int events)
{
	struct qmgr *q = w->data;

	(void)loop;
	(void)events;
	sched_expire(&q->sched, clock_now());
	active_pump(q);
}

static void on_tick_timer(struct ev_loop *loop, ev_timer *w, int events)
{
	struct qmgr *q = w->data;

	(void)events;
	young_tick(q);
	if (!young_wants_tick(q))
		ev_timer_stop(loop, w);
}

/* A pipe from master whose tokens say that mail leaves. */
static bool has_flow_pipe(void)
{
	struct stat st;
	int flags = fcntl(IPC_FLOW_WRITE_FD, F_GETFL);

	return flags >= 0 && (flags & O_NONBLOCK) != 0 && fstat(IPC_FLOW_WRITE_FD, &st) == 0 &&
	       S_ISFIFO(st.st_mode);
}

/*
 * While no scan of incoming/ is under way there may be default_process_limit tokens: new mail is only
 * slowed down when it comes faster than it is taken over.
 */
static void fill_flow_pipe(struct qmgr *q, usec_t now)
{
	int n = 0;

	if (!q->flow_token || q->incoming.s != NULL || now < q->flow_next)
		return;
	q->flow_next = now + FLOW_INTERVAL;
	if (ioctl(IPC_FLOW_READ_FD, FIONREAD, &n) < 0)
		return;
	while (n < q->flow_limit && write(IPC_FLOW_WRITE_FD, "", 1) == 1)
		n++;
}

/* Mail has left: as many tokens. */
static void pay_flow_pipe(struct qmgr *q)
{
	static const char tokens[FLOW_BATCH];
	size_t n = MIN(q->flow_owed, sizeof(tokens));

	q->flow_owed = 0;
	if (q->flow_token && n > 0 && write(IPC_FLOW_WRITE_FD, tokens, n) < 0 && errno != EAGAIN)
		q->flow_token = false;
}

static void init(struct qmgr *q)
{
	q->pool = pool_new(q->loop, THREADS);
	q->active = map_new(NULL);
	q->loading = map_new(NULL);
	q->incoming.queue = QUEUE_INCOMING;
	q->deferred.queue = QUEUE_DEFERRED;
	list_init(&q->calls);
	list_init(&q->young);
	list_init(&q->settling);
	list_init(&q->spare);
	q->encoded = BUF(SIZE_MAX / 2);
	sched_init(&q->sched);
	q->sched.transport_retry_time = q->conf.transport_retry_time;
	q->sched.minimal_backoff_time = q->conf.minimal_backoff_time;
}

static int post_jail(struct service_ctx *ctx, struct why *why)
{
	struct qmgr *q = &the_qmgr;
	double delay = (double)q->conf.queue_run_delay / (double)USEC_PER_SEC;

	if (conf_int(ctx->conf, "default_process_limit", &q->flow_limit, why) < 0)
		return -EINVAL;
	q->loop = ctx->loop;
	init(q);
	q->flow_token = has_flow_pipe();
	fill_flow_pipe(q, clock_now());
	ev_timer_init(&the_deferred_timer, on_deferred_timer, delay, delay);
	the_deferred_timer.data = q;
	ev_timer_start(q->loop, &the_deferred_timer);
	ev_init(&the_sched_timer, on_sched_timer);
	the_sched_timer.data = q;
	ev_timer_init(&the_tick_timer, on_tick_timer, TICK_SECONDS, TICK_SECONDS);
	the_tick_timer.data = q;
	if (young_open(q, true, why) < 0)
		return -EBUSY;
	scan_recover(q);
	scan_request(q, &q->incoming, false, false);
	scan_request(q, &q->deferred, false, false);
	/* The lines of one turn of the loop go together: before_wait() sends them. */
	log_hold(true);
	return 0;
}

static void trigger(struct service_ctx *ctx, struct str request)
{
	struct qmgr *q = ctx->user;
	bool incoming = str_chr(request, 'W') >= 0 || str_chr(request, 'I') >= 0;
	bool deferred = str_chr(request, 'D') >= 0;
	bool flush = str_chr(request, 'F') >= 0;
	bool ignore_time = str_chr(request, 'A') >= 0;

	if (flush)
		sched_unthrottle_all(&q->sched, clock_now());
	if (incoming)
		scan_request(q, &q->incoming, ignore_time, flush);
	if (deferred)
		scan_request(q, &q->deferred, ignore_time, flush);
	if (flush)
		active_pump(q);
	if (str_chr(request, 'S') >= 0)
		young_settle_all(q);
}

static int before_wait(struct service_ctx *ctx)
{
	struct qmgr *q = ctx->user;
	usec_t now = clock_now();
	usec_t next;

	routing_refresh(q);
	if (q->rescan)
		scan_request(q, &q->incoming, false, false);
	q->rescan = false;
	do {
		young_poll(q);
		if (q->pump)
			active_pump(q);
	} while (q->pump || (q->left_unread && scan_has_room(q)));
	settle_pump(q);
	pay_flow_pipe(q);
	fill_flow_pipe(q, now);
	if (young_wants_tick(q) && !ev_is_active(&the_tick_timer))
		ev_timer_again(q->loop, &the_tick_timer);
	log_flush();
	next = sched_next_event(&q->sched, now);
	ev_timer_stop(q->loop, &the_sched_timer);
	if (next == USEC_NEVER)
		return -1;
	ev_now_update(q->loop);
	ev_timer_set(&the_sched_timer,
		(double)MAX(next - now, USEC_PER_MSEC) / (double)USEC_PER_SEC, 0);
	ev_timer_start(q->loop, &the_sched_timer);
	return -1;
}

static void at_exit(struct service_ctx *ctx)
{
	young_close(ctx->user);
}

static const struct service definition = {
	.name = "qmgr",
	.kind = SERVICE_TRIGGER,
	.flags = SERVICE_SOLITARY,
	.vars = qmgr_vars,
	.conf_base = &the_qmgr.conf,
	.promises = P_STDIO | P_UNIX | P_READ | P_QUEUE | P_INET,
	.watchdog_param = "qmgr_daemon_timeout",
	.pre_jail = pre_jail,
	.post_jail = post_jail,
	.trigger = trigger,
	.before_wait = before_wait,
	.at_exit = at_exit,
};

int main(int argc, char **argv)
{
	service_main(argc, argv, &definition);
}
