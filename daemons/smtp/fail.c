/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fail.c — what a reply or an error means for recipients: sent, bounced, deferred, or another host.
 *
 * Undecided recipients have status 0, decided ones 1. A soft failure is final only when no other
 * host would be tried; until then it is logged and the recipient stays undecided. With soft_bounce every
 * failure is a soft one.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "client.h"
#include "log/log.h"

static struct report report_of(const struct delivery *d, struct recipient *r, const struct dsn *dsn)
{
	struct report rep = { .rq = d->rq, .rcpt = r, .stats = d->rq->stats, .dsn = *dsn };
	bool none = str_eq(d->relay, STR("none"));

	rep.relay = d->relay;
	rep.stats.conn_setup_done = d->setup_done.tv_sec != 0 ? d->setup_done : msg_stats_now();
	rep.stats.deliver_done = msg_stats_now();
	rep.stats.reuse_count = d->reuse_count;
	if (!d->c->lmtp)
		rep.tls = none ? STR("none?") : STR("none");
	return rep;
}

static void decide(struct delivery *d, struct recipient *r)
{
	r->status = 1;
	d->left--;
}

/* Replies of several lines are one line in logs and reports. */
static struct str flat(struct arena *a, struct str text)
{
	char *p = arena_cstr(a, text);

	for (size_t i = 0; i < text.len; i++)
		if (p[i] == '\n')
			p[i] = ' ';
	return str_from(p, text.len);
}

static struct str status_of(struct arena *a, const struct smtp_reply *reply, unsigned class)
{
	struct dsn_code c = reply->dsn;

	if (c.class != class)
		c = (struct dsn_code){ .class = (unsigned short)class };
	return arena_fmt(a, "%u.%u.%u", (unsigned)c.class, (unsigned)c.subject, (unsigned)c.detail);
}

/* The remote host's part of a status. */
static void add_remote(struct arena *a, struct dsn *dsn, const struct session *s, struct str text)
{
	dsn->dtype = STR("smtp");
	dsn->dtext = text;
	dsn->mtype = STR("dns");
	dsn->mname = arena_str(a, str_of(s->host));
}

void rcpt_sent(struct delivery *d, struct session *s, struct recipient *r,
	const struct smtp_reply *reply)
{
	struct str text = flat(d->a, buf_str(&reply->text));
	bool has_dsn = (s->f.have & SMTP_F_DSN) != 0;
	bool final = d->c->lmtp && !has_dsn &&
		     ((d->c->flags & CLIENT_FINAL) != 0 || d->c->p.assume_final);
	struct dsn dsn = { .status = status_of(d->a, reply, 2),
		.action = final ? STR("delivered") : STR("relayed"),
		.reason = text };
	struct recipient copy = *r;
	struct report rep;

	add_remote(d->a, &dsn, s, text);
	/* A host with DSN takes over the duty to tell of success. */
	if (has_dsn)
		copy.dsn_notify &= ~DSN_NOTIFY_SUCCESS;
	rep = report_of(d, &copy, &dsn);
	if (report_sent(d->c->agent.report, &rep) < 0)
		d->status = -1;
	decide(d, r);
}

static void log_why(const struct delivery *d)
{
	log_info(STR_FMT ": " STR_FMT, STR_ARG(d->rq->queue_id), STR_ARG(d->why.reason));
}

/* One recipient fails with d->why. */
static void rcpt_fail(struct delivery *d, struct recipient *r)
{
	struct report rep = report_of(d, r, &d->why);
	int e;

	if (!d->why_hard && !d->last) {
		log_why(d);
		return;
	}
	if (d->why.status.ptr[0] == '5') {
		e = report_bounce(d->c->agent.report, &rep);
	} else {
		e = report_defer(d->c->agent.report, &rep);
	}
	if (e < 0)
		d->status = -1;
	decide(d, r);
}

/*
 * d->why speaks for the recipients that are left. What ended others for good must not stay there, or
 * it would bounce the rest when no host remains.
 */
static void forget_hard(struct delivery *d, const struct dsn *before)
{
	if (!d->why_hard)
		return;
	d->why = *before;
	d->why_hard = d->why_host = false;
}

/* All undecided ones; a soft failure is logged once when another host follows. */
static void all_fail(struct delivery *d)
{
	if (!d->why_hard && !d->last) {
		log_why(d);
		return;
	}
	for (size_t i = 0; i < d->rq->n_rcpt; i++)
		if (d->rq->rcpt[i].status == 0)
			rcpt_fail(d, &d->rq->rcpt[i]);
}

static void put_why(struct delivery *d, bool hard, struct str status, struct str reason)
{
	d->why = (struct dsn){ .status = status, .reason = reason };
	d->why_hard = hard && !d->c->p.soft_bounce;
	d->why_host = false;
}

void set_why(struct delivery *d, const char *status, const char *fmt, ...)
{
	struct buf b = BUF(BUF_SMALL);
	va_list ap;

	va_start(ap, fmt);
	if (buf_addv(&b, fmt, ap) < 0)
		buf_puts(&b, "text too long");
	va_end(ap);
	put_why(d, status[0] == '5', arena_str(d->a, str_of(status)), arena_str(d->a, buf_str(&b)));
	d->why_host = true;
	buf_done(&b);
}

static void from_reply(struct delivery *d, struct session *s, const struct smtp_reply *reply,
	bool soft, struct str before, struct str after)
{
	struct str text = flat(d->a, buf_str(&reply->text));
	unsigned class = (unsigned)reply->code / 100;
	struct str status;
	const char *odd = "";

	notice_code(s, reply->code);
	if (class != 4 && class != 5) {
		/* An answer that fits no question, not even a greeting: not worth another try. */
		odd = "Protocol error: ";
		class = 5;
		soft = false;
		status = STR("5.5.0");
	} else if (soft && class == 5) {
		status = status_of(d->a, reply, 4);
		if (reply->dsn.class == 5)
			status = arena_fmt(d->a, "4.%u.%u", (unsigned)reply->dsn.subject,
				(unsigned)reply->dsn.detail);
	} else {
		status = status_of(d->a, reply, class);
	}
	put_why(d, class == 5 && !soft, status,
		arena_fmt(d->a, "%s" STR_FMT STR_FMT STR_FMT, odd, STR_ARG(before), STR_ARG(text),
			STR_ARG(after)));
	add_remote(d->a, &d->why, s, text);
}

void set_why_reply(struct delivery *d, struct session *s, const struct smtp_reply *reply, bool soft,
	const char *fmt, ...)
{
	struct buf b = BUF(BUF_SMALL);
	va_list ap;

	va_start(ap, fmt);
	if (buf_addv(&b, fmt, ap) < 0)
		buf_puts(&b, "host said: ");
	va_end(ap);
	from_reply(d, s, reply, soft, buf_str(&b), STR_EMPTY);
	d->why_host = true;
	buf_done(&b);
}

static void said(struct delivery *d, struct session *s, const struct smtp_reply *reply,
	const char *command)
{
	from_reply(d, s, reply, false, arena_fmt(d->a, "host %s said: ", s->where),
		arena_fmt(d->a, " (in reply to %s)", command));
	d->said = d->said || (!d->why_hard && reply->code != 421);
}

void rcpt_refused(struct delivery *d, struct session *s, struct recipient *r,
	const struct smtp_reply *reply, const char *command)
{
	struct dsn before = d->why;

	said(d, s, reply, command);
	rcpt_fail(d, r);
	forget_hard(d, &before);
}

void some_refused(struct delivery *d, struct session *s, struct recipient **v, size_t n,
	const struct smtp_reply *reply, const char *command)
{
	struct dsn before = d->why;

	said(d, s, reply, command);
	if (!d->why_hard && !d->last) {
		log_why(d);
		return;
	}
	for (size_t i = 0; i < n; i++)
		rcpt_fail(d, v[i]);
	forget_hard(d, &before);
}

void host_unusable(struct delivery *d)
{
	if (!d->why_hard && !d->last)
		log_why(d);
}

void all_refused(struct delivery *d, struct session *s, const struct smtp_reply *reply,
	const char *command)
{
	said(d, s, reply, command);
	all_fail(d);
}

void rcpt_failed(struct delivery *d, struct recipient *r, const char *status, const char *reason)
{
	struct dsn before = d->why;

	put_why(d, status[0] == '5', str_of(status), str_of(reason));
	rcpt_fail(d, r);
	forget_hard(d, &before);
}

void all_failed(struct delivery *d, const char *status, const char *fmt, ...)
{
	struct buf b = BUF(BUF_SMALL);
	va_list ap;

	va_start(ap, fmt);
	if (buf_addv(&b, fmt, ap) < 0)
		buf_puts(&b, "text too long");
	va_end(ap);
	put_why(d, status[0] == '5', arena_str(d->a, str_of(status)), arena_str(d->a, buf_str(&b)));
	buf_done(&b);
	all_fail(d);
}

void session_lost(struct delivery *d, struct session *s, int err, const char *what)
{
	s->broken = true;
	d->said = false;
	/* All have their outcome; the peer may go. */
	if (d->left == 0)
		return;
	if (err == -ETIMEDOUT)
		set_why(d, "4.4.2", "conversation with %s timed out while %s", s->where, what);
	else
		set_why(d, "4.4.2", "lost connection with %s while %s", s->where, what);
	/* The destination as a whole is to be left alone for a while. */
	if (d->last && !d->talked)
		d->rq->hop_status = d->why;
	all_fail(d);
}

void finish(struct delivery *d)
{
	if (d->left == 0)
		return;
	if (d->why.status.len == 0)
		set_why(d, "4.3.0", "server unavailable or unable to receive mail");
	d->last = true;
	if (!d->why_hard && d->why_host && !d->talked)
		d->rq->hop_status = d->why;
	all_fail(d);
}

void pass_all(struct delivery *d, struct str transport)
{
	ptrdiff_t colon = str_chr(transport, ':');
	struct str name = colon < 0 ? transport : str_head(transport, (size_t)colon);

	for (size_t i = 0; i < d->rq->n_rcpt; i++) {
		struct recipient *r = &d->rq->rcpt[i];
		struct why why = { 0 };
		int e;

		if (r->status != 0)
			continue;
		log_info(STR_FMT ": passing <" STR_FMT "> to transport=" STR_FMT,
			STR_ARG(d->rq->queue_id), STR_ARG(r->address), STR_ARG(name));
		/* The other agent reports. */
		d->rq->has_reports = true;
		e = request_pass(d->rq, r, transport, d->c->best_mx, d->c->p.ipc_timeout, &why);
		if (e < 0) {
			set_why(d, "4.3.0", "mail transport unavailable: %s", why.text);
			d->last = true;
			rcpt_fail(d, r);
			continue;
		}
		if (e > 0)
			d->status = -1;
		decide(d, r);
	}
}
