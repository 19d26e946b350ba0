/* SPDX-License-Identifier: Apache-2.0 */
/*
 * qmgr/active.c — messages in the active queue: recipients become delivery requests, requests end.
 *
 * A message is finished when nothing is outstanding and no recipient is unread.
 */
#include <errno.h>

#include "address/address.h"
#include "base/mem.h"
#include "base/text.h"
#include "log/log.h"
#include "qmgr.h"

#define TOO_MANY_PROBES "Too many address verification requests"

struct str qmgr_show(const struct qmgr *q, struct buf *b, struct str address)
{
	bool internal = strcmp(q->conf.info_log_address_format, "internal") == 0;

	return internal || address_quote(b, address) < 0 ? address : buf_str(b);
}

static void log_active(const struct qmgr *q, const struct message *m)
{
	_cleanup_buf_ struct buf b = BUF_LOCAL(BUF_MEDIUM);
	struct str from = qmgr_show(q, &b, m->env.sender);

	/* The count of the size record includes those that are done. */
	log_info("%s: from=<" STR_FMT ">, size=%lld, nrcpt=%lld (queue active)", m->id,
		STR_ARG(from), (long long)m->env.size.cont_length,
		(long long)MAX(m->env.size.rcpt_count, (int64_t)m->env.n_rcpt));
}

static struct transport *transport_of(struct qmgr *q, struct str name)
{
	struct transport *t = sched_find(&q->sched, name);
	struct sched_params p;
	struct why why;

	if (t != NULL)
		return t;
	if (qmgr_params(q, name, &p, &why) < 0) {
		log_error("transport " STR_FMT ": %s -- using the defaults of all transports",
			STR_ARG(name), why.text);
		p = q->default_params;
	}
	t = sched_add_transport(&q->sched, name, &p);
	agent_attach(q, t);
	return t;
}

/*
 * What shares a concurrency limit: the next hop, or the recipient (without extension) when requests
 * have one recipient each. Next hops that are host names are the same in any case.
 */
static void destination_key(const struct qmgr *q, const struct transport *t, const struct route *r,
	struct buf *b)
{
	struct str user;
	struct str ext;

	if (t->params.recipient_limit == 1) {
		struct address_parts p = address_split(r->address);

		if (!address_split_ext(p.local, str_of(q->conf.recipient_delimiter), &user, &ext))
			user = p.local;
		check(text_lower(b, user) == 0);
		buf_putc(b, '@');
	}
	if (str_chr(r->nexthop, ' ') < 0)
		check(text_lower(b, r->nexthop) == 0);
	else
		buf_put(b, r->nexthop);
}

/* One destination fills the active queue: other mail has to wait for it. */
static void warn_clog(const struct qmgr *q, struct destination *d, usec_t now)
{
	const struct transport *t = d->transport;
	size_t limit = (size_t)q->conf.qmgr_message_active_limit;

	if (q->conf.qmgr_clog_warn_time == 0 || map_count(q->active) < limit ||
		d->n_todo < limit / 5 * 4 ||
		(d->clog_warned != 0 && now < d->clog_warned + q->conf.qmgr_clog_warn_time))
		return;
	d->clog_warned = now;
	log_warn("mail for %s is using up %zu of %zu active queue entries", d->nexthop, d->n_todo,
		map_count(q->active));
	if (!q->conf.helpful_warnings)
		return;
	log_warn("this may slow down other mail deliveries");
	log_warn("you may need to increase the main.cf %s%s from %u", t->name,
		"_destination_concurrency_limit", t->params.concurrency_limit);
	log_warn("please avoid flushing the whole queue when you have");
	log_warn("lots of deferred mail, that is bad for performance");
	log_warn("to turn off these warnings specify: qmgr_clog_warn_time = 0");
}

/* The request of this message that waits last at a destination and has room, or a new one. */
static struct request *open_request(const struct qmgr *q, struct message *m, struct destination *d)
{
	unsigned limit = d->transport->params.recipient_limit;
	struct entry *last;
	struct request *r;

	last = sched_last(d, m);
	if (last != NULL) {
		r = container_of(last, struct request, e);
		if (limit == 0 || r->n < limit)
			return r;
	}
	r = mem_new(struct request);
	r->msg = m;
	m->outstanding++;
	sched_add(d, &r->e, m, clock_now());
	warn_clog(q, d, clock_now());
	return r;
}

static void add_recipient(struct request *r, const struct recipient *rcpt, struct str address)
{
	if (r->n == r->cap) {
		r->cap = r->cap == 0 ? 1 : 2 * r->cap;
		r->rcpt = mem_resize(r->rcpt, r->cap, sizeof(*r->rcpt));
	}
	r->rcpt[r->n] = *rcpt;
	r->rcpt[r->n].address = address;
	r->n++;
}

static void free_request(struct request *r)
{
	free(r->rcpt);
	free(r);
}

static void assign_one(struct qmgr *q, struct message *m, const struct recipient *rcpt,
	const struct route *route);

/* To the retry transport, which logs and records the deferral; when that is the one, do it here. */
static void retry_one(struct qmgr *q, struct message *m, const struct recipient *rcpt,
	const struct route *route, struct str dsn, struct str text)
{
	_cleanup_buf_ struct buf hop = BUF_LOCAL(BUF_MEDIUM);
	struct route to = { .transport = STR(RETRY_TRANSPORT), .address = route->address };
	struct recipient r = *rcpt;

	if (str_eq(route->transport, STR(RETRY_TRANSPORT))) {
		r.address = route->address;
		notify_defer(q, m, &r, dsn, text);
		return;
	}
	buf_putf(&hop, STR_FMT " " STR_FMT, STR_ARG(dsn), STR_ARG(text));
	to.nexthop = buf_str(&hop);
	assign_one(q, m, rcpt, &to);
}

static bool too_many_probes(const struct qmgr *q, const struct message *m)
{
	return m->probe && q->n_probes > (size_t)q->conf.address_verify_pending_request_limit;
}

static void assign_one(struct qmgr *q, struct message *m, const struct recipient *rcpt,
	const struct route *route)
{
	struct transport *t = transport_of(q, route->transport);
	_cleanup_buf_ struct buf key = BUF_LOCAL(BUF_MEDIUM);
	bool is_retry = str_eq(route->transport, STR(RETRY_TRANSPORT));
	struct destination *d;

	destination_key(q, t, route, &key);
	d = sched_find_destination(t, buf_str(&key));
	if (m->flush)
		sched_unthrottle(t, d, clock_now());
	d = sched_find_destination(t, buf_str(&key));
	if (!is_retry && too_many_probes(q, m)) {
		retry_one(q, m, rcpt, route, STR("4.3.3"), STR(TOO_MANY_PROBES));
	} else if (!m->override_defer && strv_has(&q->defer_transports, route->transport)) {
		retry_one(q, m, rcpt, route, STR("4.3.2"), STR("deferred transport"));
	} else if (t->dead_until != 0) {
		retry_one(q, m, rcpt, route, str_of(t->reason.dsn), str_of(t->reason.text));
	} else if (d != NULL && d->dead_until != 0) {
		retry_one(q, m, rcpt, route, str_of(d->reason.dsn), str_of(d->reason.text));
	} else {
		if (d == NULL)
			d = sched_destination(t, buf_str(&key), route->nexthop);
		add_recipient(open_request(q, m, d), rcpt, route->address);
	}
}

/* A notification to the postmaster that could not be delivered ends here; the mark is in the file. */
static void log_discarded(const struct qmgr *q, const struct message *m, const struct recipient *r)
{
	_cleanup_buf_ struct buf line = BUF_LOCAL(BUF_MEDIUM);
	const struct report report = {
		.rcpt = r,
		.relay = STR("none"),
		.stats.incoming_arrival = m->env.arrival,
		.stats.active_arrival = m->activated,
		.dsn = { .status = STR("2.0.0"),
			.reason = STR("undeliverable postmaster notification discarded") },
	};

	report_format(q->report, &line, &report, "sent");
	log_info("%s: %s", m->id, buf_cstr(&line));
}

void active_assign(struct qmgr *q, struct message *m)
{
	m->in_memory = m->rcpts.n;
	q->n_rcpt += m->in_memory;
	for (size_t i = 0; i < m->rcpts.n; i++) {
		if (!m->routes[i].discard)
			assign_one(q, m, &m->rcpts.v[i], &m->routes[i]);
		else if (m->env.redirect.len == 0)
			log_discarded(q, m, &m->rcpts.v[i]);
	}
}

void active_add(struct qmgr *q, struct message *m)
{
	m->probe = (m->env.trace_flags & REQUEST_MTA_VRFY) != 0;
	q->n_probes += m->probe;
	check(map_add(q->active, str_of(m->id), m));
	log_active(q, m);
	m->outstanding++;
	if (m->bounce_now) {
		m->failed = true;
		m->env.unread = 0;
	} else {
		active_assign(q, m);
		q->pump = true;
	}
	if (m->wants_file)
		settle_start(q, m);
	active_release(q, m);
}

void active_continue(struct qmgr *q, struct message *m, int err)
{
	m->outstanding++;
	if (err < 0) {
		m->failed = true;
		m->env.unread = 0;
	} else {
		active_assign(q, m);
		q->pump = true;
	}
	active_release(q, m);
}

void active_release(struct qmgr *q, struct message *m)
{
	check(m->outstanding > 0);
	if (--m->outstanding > 0)
		return;
	q->n_rcpt -= m->in_memory;
	m->in_memory = 0;
	if (m->env.unread > 0)
		load_more(q, m);
	else
		finish_message(q, m);
}

void active_request_done(struct qmgr *q, struct request *r, bool some_left)
{
	struct message *m = r->msg;

	m->failed = m->failed || some_left;
	free_request(r);
	active_release(q, m);
}

void active_requeue(struct qmgr *q, struct request *r)
{
	struct destination *d = r->e.dest;
	struct transport *t = d->transport;

	sched_requeue(&r->e, clock_now());
	if (t->dead_until != 0)
		active_drain_transport(q, t);
	else if (d->dead_until != 0)
		active_drain(q, d);
	q->pump = true;
}

void active_divert(struct qmgr *q, struct request *r, struct str dsn, struct str text)
{
	struct message *m = r->msg;
	struct route from = { .transport = STR_EMPTY };

	for (size_t i = 0; i < r->n; i++) {
		from.address = r->rcpt[i].address;
		retry_one(q, m, &r->rcpt[i], &from, dsn, text);
	}
	active_request_done(q, r, false);
}

/* As active_divert for what waits at the retry transport itself. */
static void defer_here(struct qmgr *q, struct request *r, struct str dsn, struct str text)
{
	for (size_t i = 0; i < r->n; i++)
		notify_defer(q, r->msg, &r->rcpt[i], dsn, text);
	active_request_done(q, r, false);
}

static void drain(struct qmgr *q, struct destination *d, struct str dsn, struct str text)
{
	bool is_retry = strcmp(d->transport->name, RETRY_TRANSPORT) == 0;
	size_t n = d->n_todo;

	while (n-- > 0) {
		struct entry *e = sched_first_todo(d);
		struct request *r = container_of(e, struct request, e);

		sched_remove(e, clock_now());
		if (is_retry)
			defer_here(q, r, dsn, text);
		else
			active_divert(q, r, dsn, text);
	}
}

void active_drain(struct qmgr *q, struct destination *d)
{
	_cleanup_free_ char *dsn = mem_strdup(d->reason.dsn);
	_cleanup_free_ char *text = mem_strdup(d->reason.text);

	drain(q, d, str_of(dsn), str_of(text));
	active_pump(q);
}

void active_drain_transport(struct qmgr *q, struct transport *t)
{
	_cleanup_free_ char *dsn = mem_strdup(t->reason.dsn);
	_cleanup_free_ char *text = mem_strdup(t->reason.text);
	struct map_iter it = { 0 };
	void *value;

	while (map_next(t->destinations, &it, NULL, &value))
		drain(q, value, str_of(dsn), str_of(text));
	active_pump(q);
}

void active_pump(struct qmgr *q)
{
	struct map_iter it = { 0 };
	void *value;

	q->pump = false;
	while (map_next(q->sched.transports, &it, NULL, &value)) {
		struct transport *t = value;

		if (t->slots > 0)
			agent_pump(q, t);
	}
}

void active_forget(struct qmgr *q, struct message *m)
{
	q->n_probes -= m->probe;
	(void)map_remove(q->active, str_of(m->id));
	message_free(q, m);
	scan_pump(q);
}
