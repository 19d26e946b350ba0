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

#define PROTOCOL "delivery_status_protocol"
/* Conversations at a time; the services have no process limit of their own. */
#define MAX_CALLS 50
/* The services write to disk and submit mail. */
#define CALL_TIMEOUT (1000 * USEC_PER_SEC)

struct call {
	struct list node; /* in q->calls while it waits */
	struct qmgr *q;
	char *path;
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
	if (!c->sent && conn_is_greeting(l, PROTOCOL)) {
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

static void start_calls(struct qmgr *q)
{
	while (q->n_calls < MAX_CALLS && !list_is_empty(&q->calls)) {
		struct call *c = list_entry(q->calls.next, struct call, node);
		struct conn *conn;
		int r;

		list_remove(&c->node);
		q->n_calls++;
		r = conn_open(q->loop, c->path, &call_ops, c, &conn);
		if (r == 0)
			conn_timeout(conn, c->q->conf.qmgr_ipc_timeout, CALL_TIMEOUT);
		else
			end_call(c, r);
	}
}

void notify_call(struct qmgr *q, const char *service, struct str request, notify_fn fn, void *arg)
{
	struct call *c = mem_new(struct call);
	_cleanup_buf_ struct buf path = BUF(BUF_SMALL);

	buf_putf(&path, "private/%s", service);
	c->q = q;
	c->path = buf_take(&path);
	c->request = BUF(SIZE_MAX / 2);
	buf_put(&c->request, request);
	c->fn = fn;
	c->arg = arg;
	list_push(&q->calls, &c->node);
	start_calls(q);
}

/* A deferral that could not be recorded is a deferral all the same. */
static void on_deferred(struct qmgr *q, void *arg, int result)
{
	(void)result;
	active_release(q, arg);
}

void notify_defer(struct qmgr *q, struct message *m, const struct recipient *r, struct str dsn,
	struct str text)
{
	_cleanup_buf_ struct buf line = BUF(BUF_MEDIUM);
	_cleanup_buf_ struct buf request = BUF(BUF_MEDIUM);
	struct report report = {
		.rcpt = r,
		.relay = STR("none"),
		.stats.incoming_arrival = m->env.arrival,
		.stats.active_arrival = m->activated,
		.dsn = { .status = dsn, .action = STR("delayed"), .reason = text },
	};

	m->failed = true;
	report_format(q->report, &line, &report, "deferred");
	log_info("%s: %s", m->id, buf_cstr(&line));
	if (m->probe)
		return;
	if (bounce_encode_append(&request, 0, str_of(m->id), r, &report.dsn) < 0)
		return;
	m->outstanding++;
	notify_call(q, q->conf.defer_service_name, buf_str(&request), on_deferred, m);
}
