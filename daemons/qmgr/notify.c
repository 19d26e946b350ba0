/* SPDX-License-Identifier: Apache-2.0 */
/*
 * qmgr/notify.c — one-request conversations with the bounce services.
 */
#include <errno.h>
#include <ev.h>

#include "base/mem.h"
#include "delivery/bounce_client.h"
#include "log/log.h"
#include "qmgr.h"

#define STATUS_PROTOCOL "delivery_status_protocol"
#define VERIFY_PROTOCOL "address_verification_prrotocol"
/* Recipient status in updates of the verify service: try again later. */
#define VERIFY_DEFER 1
/* Conversations at a time; the services have no process limit of their own. */
#define MAX_CALLS 50
/* Until a connection is tried again, in seconds. */
#define RETRY_TIME 0.1
/* The services write to disk and submit mail. */
#define CALL_TIMEOUT (1000 * USEC_PER_SEC)

struct call {
	struct list node; /* in q->calls while it waits */
	struct qmgr *q;
	char *path;
	const char *protocol;
	struct buf request;
	bool sent;
	notify_fn fn;
	void *arg;
};

static void start_calls(struct qmgr *q);

static void end_call(struct call *c, int result)
{
	struct qmgr *q = c->q;

	q->n_calls--;
	if (result < 0)
		log_warn("%s service failure", c->path);
	c->fn(q, c->arg, result);
	buf_done(&c->request);
	free(c->path);
	free(c);
	start_calls(q);
}

static void on_list(struct conn *conn, struct attr_list *l, struct arena *a)
{
	struct call *c = conn_user(conn);
	int status = -1;

	(void)a;
	if (!c->sent && conn_is_greeting(l, c->protocol)) {
		c->sent = true;
		conn_send(conn, buf_str(&c->request));
		conn_timeout(conn, c->q->conf.qmgr_ipc_timeout, CALL_TIMEOUT);
		return;
	}
	conn_free(conn);
	end_call(c, c->sent && attr_int(l, "status", &status) == 0 && status == 0 ? 0 : -EIO);
}

static void on_closed(struct conn *conn, int err)
{
	end_call(conn_user(conn), err);
}

static const struct conn_ops call_ops = {
	.list = on_list,
	.closed = on_closed,
};

/* The queue of the socket is full, or we are short of descriptors: both pass. */
static bool is_passing(int err)
{
	return err == -EAGAIN || err == -EMFILE || err == -ENFILE;
}

static void on_retry(struct ev_loop *loop, ev_timer *w, int events)
{
	(void)loop;
	(void)events;
	start_calls(w->data);
}

static void start_later(struct qmgr *q)
{
	if (ev_is_active(&q->calls_retry))
		return;
	ev_timer_init(&q->calls_retry, on_retry, RETRY_TIME, 0);
	q->calls_retry.data = q;
	ev_timer_start(q->loop, &q->calls_retry);
}

static void start_calls(struct qmgr *q)
{
	/* What a call's end starts waits for the loop below, however many calls fail at once. */
	if (q->starting_calls)
		return;
	q->starting_calls = true;
	while (q->n_calls < MAX_CALLS && !list_is_empty(&q->calls)) {
		struct call *c = list_entry(q->calls.next, struct call, node);
		struct conn *conn;
		int r;

		list_remove(&c->node);
		r = conn_open(q->loop, c->path, &call_ops, c, &conn);
		if (is_passing(r)) {
			list_push_front(&q->calls, &c->node);
			start_later(q);
			break;
		}
		q->n_calls++;
		if (r == 0)
			conn_timeout(conn, c->q->conf.qmgr_ipc_timeout, CALL_TIMEOUT);
		else
			end_call(c, r);
	}
	q->starting_calls = false;
}

static void add_call(struct qmgr *q, const char *service, const char *protocol, struct str request,
	notify_fn fn, void *arg)
{
	struct call *c = mem_new(struct call);
	_cleanup_buf_ struct buf path = BUF_LOCAL(BUF_SMALL);

	buf_putf(&path, "private/%s", service);
	c->q = q;
	c->protocol = protocol;
	c->path = buf_take(&path);
	c->request = BUF(SIZE_MAX / 2);
	buf_put(&c->request, request);
	c->fn = fn;
	c->arg = arg;
	list_push(&q->calls, &c->node);
	start_calls(q);
}

void notify_call(struct qmgr *q, const char *service, struct str request, notify_fn fn, void *arg)
{
	add_call(q, service, STATUS_PROTOCOL, request, fn, arg);
}

/* A deferral that could not be recorded is a deferral all the same. */
static void on_deferred(struct qmgr *q, void *arg, int result)
{
	(void)result;
	active_release(q, arg);
}

/* A probe has its answer when that was recorded; else it is tried again. */
static void on_probed(struct qmgr *q, void *arg, int result)
{
	struct message *m = arg;

	m->failed = m->failed || result < 0;
	active_release(q, m);
}

static int encode_verify(struct buf *b, const struct recipient *r, struct str reason)
{
	struct str address = r->orig_addr.len > 0 ? r->orig_addr : r->address;
	int e = attr_put_str(b, ATTR_NUL, "request", STR("update"));

	if (e == 0)
		e = attr_put_str(b, ATTR_NUL, "address", address);
	if (e == 0)
		e = attr_put_int(b, ATTR_NUL, "recipient_status", VERIFY_DEFER);
	if (e == 0)
		e = attr_put_str(b, ATTR_NUL, "reason", reason);
	return e == 0 ? attr_put_end(b, ATTR_NUL) : e;
}

/* Hand the outcome to the service that keeps it: defer, trace for `sendmail -bv`, or verify. */
static void record_outcome(struct qmgr *q, struct message *m, const struct report *report)
{
	_cleanup_buf_ struct buf b = BUF_LOCAL(BUF_MEDIUM);
	bool user_probe = (m->env.trace_flags & REQUEST_USR_VRFY) != 0;
	const char *service = user_probe ? q->conf.trace_service_name : q->conf.defer_service_name;
	int e;

	if (m->probe)
		e = encode_verify(&b, report->rcpt, report->dsn.reason);
	else
		e = bounce_encode_append(&b, 0, str_of(m->id), report->rcpt, &report->dsn);
	if (e < 0) {
		m->failed = true;
		return;
	}
	m->outstanding++;
	m->unsure++;
	if (m->probe)
		add_call(q, q->conf.address_verify_service_name, VERIFY_PROTOCOL, buf_str(&b),
			on_probed, m);
	else
		notify_call(q, service, buf_str(&b), user_probe ? on_probed : on_deferred, m);
}

void notify_defer(struct qmgr *q, struct message *m, const struct recipient *r, struct str dsn,
	struct str text)
{
	_cleanup_buf_ struct buf line = BUF_LOCAL(BUF_MEDIUM);
	bool probe = m->probe || (m->env.trace_flags & REQUEST_USR_VRFY) != 0;
	const struct report report = {
		.rcpt = r,
		.relay = STR("none"),
		.stats.incoming_arrival = m->env.arrival,
		.stats.active_arrival = m->activated,
		.dsn = { .status = dsn,
			.action = probe ? STR("undeliverable") : STR("delayed"),
			.reason = text },
	};

	m->failed = m->failed || !probe;
	report_format(q->report, &line, &report, probe ? "undeliverable" : "deferred");
	log_info("%s: %s", m->id, buf_cstr(&line));
	record_outcome(q, m, &report);
}
