/* SPDX-License-Identifier: Apache-2.0 */
/*
 * qmgr/agent.c — connections to delivery agents.
 *
 * An agent is waited for (connected, no greeting yet), ready, or busy with one request. After an
 * answer it is ready again when a fresh greeting came with it; otherwise it is of the kind that serves
 * one request a connection, and is closed.
 */
#include <errno.h>
#include <ev.h>

#include "base/mem.h"
#include "log/log.h"
#include "qmgr.h"

#define PROTOCOL "delivery_request_protocol"
/* Agents of one transport that are waited for at a time. */
#define MAX_WAITING 8
/* A ready agent is kept this long without work: others may want its place. */
#define IDLE_TIME (2 * USEC_PER_SEC)
/* Bytes of an agent's reason that are repeated for what waits behind it. */
#define MAX_REASON 2000
/* When the socket's queue is full. */
#define CONNECT_RETRY 0.1

enum agent_state {
	AGENT_WAITING,
	AGENT_READY,
	AGENT_BUSY,
	AGENT_ANSWERED,
};

struct agent {
	struct list node; /* in agents->ready, newest first, when ready */
	struct agents *all;
	struct conn *conn;
	enum agent_state state;
	struct request *request;
	bool reused;
	usec_t ready_since;
};

/* The agents of one transport. */
struct agents {
	struct qmgr *q;
	struct transport *t;
	char *path;
	struct list ready;
	size_t n_waiting;
	ev_timer retry;
	ev_timer idle;
	ev_timer gate; /* until it is clear which form of requests is understood */
	struct form form;
	bool ours; /* an agent has greeted again after an answer: it reads the journal */
};

static void end_agent(struct agent *a)
{
	if (a->state == AGENT_WAITING)
		a->all->n_waiting--;
	list_remove(&a->node);
	conn_free(a->conn);
	free(a);
}

/* The transport is of no use for a while. */
static void throttle(struct agents *all, const char *text)
{
	sched_throttle(all->t, STR("4.3.0"), str_of(text), clock_now());
	active_drain_transport(all->q, all->t);
}

static void fill_request(struct delivery_request *d, const struct request *r)
{
	const struct message *m = r->msg;
	const struct envelope *e = &m->env;

	*d = (struct delivery_request){
		.form = r->form.form,
		.flags = REQUEST_SUCCESS | REQUEST_BOUNCE |
			 (e->trace_flags & (REQUEST_MTA_VRFY | REQUEST_USR_VRFY | REQUEST_RECORD)),
		.queue_name = STR(QUEUE_ACTIVE),
		.queue_id = str_of(m->id),
		.data_offset = e->size.data_offset,
		.data_size = e->size.cont_length,
		.nexthop = str_of(r->e.dest->nexthop),
		.encoding = e->encoding,
		.sendopts = (int)e->size.sendopts,
		.sender = e->sender,
		.dsn_envid = e->dsn_envid,
		.dsn_ret = e->dsn_ret,
		.stats.incoming_arrival = e->arrival,
		.stats.active_arrival = m->activated,
		.client_name = e->client_name,
		.client_addr = e->client_addr,
		.client_port = e->client_port,
		.client_proto = e->client_proto,
		.client_helo = e->client_helo,
		.sasl_method = e->sasl_method,
		.sasl_username = e->sasl_username,
		.sasl_sender = e->sasl_sender,
		.log_ident = e->log_ident,
		.rewrite_context = e->rewrite_context,
		.rcpt = r->rcpt,
		.n_rcpt = r->n,
		.young = m->home == HOME_YOUNG,
		.place = m->place,
	};
	if (e->inspector.len > 0)
		d->flags &= ~REQUEST_SUCCESS;
	for (size_t i = 0; i < r->n; i++)
		if (str_has_8bit(r->rcpt[i].address))
			d->sendopts |= SENDOPT_SMTPUTF8_RECIPIENT;
}

/* Connection caching pays when more mail for the same place waits. */
static int cache_flags(struct destination *d)
{
	int flags = d->stored ? REQUEST_CONN_LOAD : 0;

	d->stored = d->n_todo > 0;
	return flags | (d->stored ? REQUEST_CONN_LOAD | REQUEST_CONN_STORE : 0);
}

static void send_request(struct agent *a, struct request *r)
{
	struct qmgr *q = a->all->q;
	struct delivery_request d;

	form_sent(&a->all->form, &r->form, clock_now());
	fill_request(&d, r);
	d.flags |= cache_flags(r->e.dest);
	if (r->msg->env.warn_sent && q->conf.confirm_delay_cleared)
		d.flags |= REQUEST_REC_DLY_SENT;
	(void)gettimeofday(&d.stats.agent_handoff, NULL);
	buf_clear(&q->encoded);
	check(request_encode(&q->encoded, &d) == 0);
	if (d.young)
		settle_hold(q, r);
	if (r->msg->attempt == 0)
		r->msg->attempt = clock_now();
	r->msg->unsure++;
	a->state = AGENT_BUSY;
	a->request = r;
	list_remove(&a->node);
	conn_send(a->conn, buf_str(&q->encoded));
	conn_timeout(a->conn, q->conf.qmgr_ipc_timeout, q->conf.daemon_timeout);
}

static void become_ready(struct agent *a)
{
	struct agents *all = a->all;

	if (a->state == AGENT_WAITING)
		all->n_waiting--;
	a->state = AGENT_READY;
	a->ready_since = clock_now();
	conn_timeout(a->conn, 0, 0);
	list_push_front(&all->ready, &a->node);
	if (!ev_is_active(&all->idle))
		ev_timer_again(all->q->loop, &all->idle);
}

/* Judge an answer by which form of requests the agent understands: true when this one is to be sent again. */
static bool try_again(struct agents *all, struct request *r, const struct request_result *res)
{
	const struct form_case c = {
		.use = &r->form,
		.queues = &all->q->queues,
		.id = str_of(r->msg->id),
		.rcpt = r->rcpt,
		.n = r->n,
		.result = res,
	};
	bool was_known = all->form.known;

	if (form_refused(&all->form, &c)) {
		settle_release(all->q, r);
		active_requeue(all->q, r);
		return true;
	}
	if (!was_known && all->form.known && all->form.form == REQUEST_SMTPUTF8)
		log_info("transport %s: its agents take delivery requests in the form of "
			 "before 3.10",
			all->t->name);
	return false;
}

/* The answer to a request. */
static void on_answer(struct agent *a, struct attr_list *l, struct arena *arena)
{
	struct qmgr *q = a->all->q;
	struct request *r = TAKE(a->request);
	struct destination *d = r->e.dest;
	struct request_result res;
	_cleanup_buf_ struct buf why = BUF_LOCAL(BUF_SMALL);
	bool failed;

	a->state = AGENT_ANSWERED;
	a->reused = true;
	form_ended(&a->all->form, &r->form);
	if (request_result_parse(l, arena, &res) < 0) {
		log_warn("transport %s: malformed delivery status", a->all->t->name);
		res = (struct request_result){ .status = -1 };
	} else if (try_again(a->all, r, &res)) {
		return;
	}
	if (res.no_reports)
		r->msg->unsure--;
	failed = res.dsn.status.len > 0;
	buf_putf(&why, "delivery temporarily suspended: " STR_FMT,
		STR_ARG(str_head(res.dsn.reason, MAX_REASON)));
	settle_release(q, r);
	if (sched_finish(&r->e, failed ? SCHED_FAILED : SCHED_OK, res.dsn.status, buf_str(&why),
		    clock_now()))
		active_drain(q, d);
	active_request_done(q, r, res.status != 0);
}

static void on_list(struct conn *c, struct attr_list *l, struct arena *arena)
{
	struct agent *a = conn_user(c);
	struct agents *all = a->all;

	if (a->state == AGENT_BUSY) {
		on_answer(a, l, arena);
		/* The greeting comes in the same write; see after_answer() for its absence. */
		return;
	}
	if (a->state == AGENT_READY || !conn_is_greeting(l, PROTOCOL)) {
		bool waiting = a->state == AGENT_WAITING;

		log_warn("transport %s: unexpected data from %s", all->t->name, all->path);
		end_agent(a);
		if (waiting)
			throttle(all, "mail transport unavailable");
		return;
	}
	if (a->state == AGENT_ANSWERED) {
		all->ours = true;
		form_ours(&all->form);
	}
	become_ready(a);
	all->q->pump = true;
}

/* What was read did not hold a greeting after the answer: this agent serves one request. */
static void on_drained(struct conn *c)
{
	struct agent *a = conn_user(c);
	struct agents *all = a->all;

	if (a->state != AGENT_ANSWERED)
		return;
	end_agent(a);
	all->q->pump = true;
}

static void on_closed(struct conn *c, int err)
{
	struct agent *a = conn_user(c);
	struct agents *all = a->all;
	struct qmgr *q = all->q;
	struct request *r = TAKE(a->request);
	enum agent_state state = a->state;
	bool unread = err == -ECONNRESET || err == -EPIPE;
	bool retry = a->reused && unread;

	end_agent(a);
	if (r != NULL) {
		form_ended(&all->form, &r->form);
		settle_release(q, r);
	}
	if (state == AGENT_WAITING) {
		log_warn("transport %s failure -- see a previous warning/fatal/panic logfile "
			 "record for the problem description",
			all->t->name);
		throttle(all, "mail transport unavailable");
	} else if (r != NULL && retry) {
		/* It left while the request was on its way and has not read it. */
		active_requeue(q, r);
	} else if (r != NULL) {
		log_warn("transport %s failure -- see a previous warning/fatal/panic logfile "
			 "record for the problem description",
			all->t->name);
		form_unanswered(&all->form, &r->form);
		(void)sched_finish(&r->e, SCHED_NEUTRAL, STR_EMPTY, STR_EMPTY, clock_now());
		throttle(all, "unknown mail transport error");
		active_divert(q, r, STR("4.3.0"), STR("unknown mail transport error"));
	}
	q->pump = true;
}

static const struct conn_ops agent_ops = {
	.list = on_list,
	.drained = on_drained,
	.closed = on_closed,
};

/* One connection more: false when there is no point in trying on now. */
static bool connect_agent(struct agents *all)
{
	struct qmgr *q = all->q;
	struct agent *a;
	struct conn *c = NULL;
	int r;

	a = mem_new(struct agent);
	a->all = all;
	list_init(&a->node);
	r = conn_open(q->loop, all->path, &agent_ops, a, &c);
	if (r == 0) {
		a->conn = c;
		all->n_waiting++;
		conn_timeout(c, 0, q->conf.daemon_timeout);
		return true;
	}
	free(a);
	if (r == -EAGAIN || r == -EMFILE || r == -ENFILE) {
		if (!ev_is_active(&all->retry))
			ev_timer_again(q->loop, &all->retry);
		return false;
	}
	log_warn("connect to transport %s: %s", all->path, strerrordesc_np(-r));
	throttle(all, "mail transport unavailable");
	return false;
}

static void on_settled(struct qmgr *q, struct waiter *w)
{
	active_requeue(q, container_of(w, struct request, waiter));
}

/* Only our own agents know of the journal; for others the message must be a file first. */
static bool must_wait(const struct agents *all, const struct message *m)
{
	return m->home == HOME_MOVING || (m->home == HOME_YOUNG && !all->ours);
}

/* While one request is tried in a form that may not be the right one, others wait a moment. */
static bool is_gated(struct agents *all, usec_t now)
{
	usec_t wait;

	if (form_may_send(&all->form, now, &wait))
		return false;
	if (!ev_is_active(&all->gate)) {
		ev_timer_set(&all->gate, (double)wait / USEC_PER_SEC, 0);
		ev_timer_start(all->q->loop, &all->gate);
	}
	return true;
}

void agent_pump(struct qmgr *q, struct transport *t)
{
	struct agents *all = t->user;
	usec_t now = clock_now();
	size_t want;

	while (!list_is_empty(&all->ready)) {
		struct entry *e;
		struct request *r;

		if (is_gated(all, now))
			return;
		e = sched_pick(t, now);
		if (e == NULL)
			return;
		r = container_of(e, struct request, e);
		if (must_wait(all, r->msg)) {
			r->waiter.fn = on_settled;
			settle_wait(q, r->msg, &r->waiter);
		} else {
			send_request(list_entry(all->ready.next, struct agent, node), r);
		}
	}
	want = MIN(sched_slots(t, now), (size_t)MAX_WAITING);
	while (all->n_waiting < want && !ev_is_active(&all->retry))
		if (!connect_agent(all))
			return;
}

static void on_gate(struct ev_loop *loop, ev_timer *w, int events)
{
	struct agents *all = w->data;

	(void)loop;
	(void)events;
	agent_pump(all->q, all->t);
}

static void on_retry(struct ev_loop *loop, ev_timer *w, int events)
{
	struct agents *all = w->data;

	(void)events;
	ev_timer_stop(loop, w);
	agent_pump(all->q, all->t);
}

/* Close agents that had nothing to do for a while; the oldest stand at the end. */
static void on_idle(struct ev_loop *loop, ev_timer *w, int events)
{
	struct agents *all = w->data;
	usec_t now = clock_now();

	(void)events;
	while (!list_is_empty(&all->ready)) {
		struct agent *a = list_entry(all->ready.prev, struct agent, node);

		if (a->ready_since + IDLE_TIME > now)
			return;
		end_agent(a);
	}
	ev_timer_stop(loop, w);
}

void agent_attach(struct qmgr *q, struct transport *t)
{
	struct agents *all = mem_new(struct agents);
	_cleanup_buf_ struct buf path = BUF_LOCAL(BUF_SMALL);

	buf_putf(&path, "private/%s", t->name);
	all->q = q;
	all->t = t;
	all->path = buf_take(&path);
	list_init(&all->ready);
	ev_timer_init(&all->retry, on_retry, CONNECT_RETRY, CONNECT_RETRY);
	all->retry.data = all;
	ev_timer_init(&all->idle, on_idle, 1, 1);
	all->idle.data = all;
	ev_timer_init(&all->gate, on_gate, 0, 0);
	all->gate.data = all;
	t->user = all;
}
