/* SPDX-License-Identifier: Apache-2.0 */
/*
 * transfer.c — one mail transaction on an open session: couples the engine (smtp/client_tx.h) to the
 * stream, and its events to the recipients.
 */
#include <errno.h>

#include "address/address.h"
#include "client.h"
#include "log/log.h"
#include "smtp/client_command.h"

/* Commands that may be unanswered with PIPELINING, as documented for the field. */
#define WINDOW 4096

struct transfer {
	struct delivery *d;
	struct session *s;
	struct recipient **rcpt; /* undecided ones, in the order of the commands */
	size_t n;
	struct smtp_tx_plan plan;
	struct smtp_tx tx;
	bool downgrade;
};

/* ---- what to say ---- */

/* The external form of an address, after generic mapping. */
static struct str wire_address(struct delivery *d, struct str internal)
{
	_cleanup_buf_ struct buf b = BUF_LOCAL(BUF_MEDIUM);
	struct str addr = generic_map(d, internal);

	if (!d->c->p.quote_rfc821_envelope || address_quote_821(&b, addr) < 0)
		return arena_str(d->a, addr);
	return arena_str(d->a, buf_str(&b));
}

static struct str external(struct delivery *d, struct str internal)
{
	_cleanup_buf_ struct buf b = BUF_LOCAL(BUF_MEDIUM);

	if (internal.len == 0 || address_quote(&b, internal) < 0)
		return internal;
	return arena_str(d->a, buf_str(&b));
}

static const char *body_word(const struct transfer *t)
{
	struct str enc = t->d->rq->encoding;

	if ((t->s->f.have & SMTP_F_8BITMIME) == 0)
		return NULL;
	if (str_ieq(enc, STR("8bit")))
		return "8BITMIME";
	return str_ieq(enc, STR("7bit")) ? "7BIT" : NULL;
}

/* Is this transaction one with SMTPUTF8? */
static bool is_utf8(const struct transfer *t)
{
	return (t->s->f.have & SMTP_F_SMTPUTF8) != 0 &&
	       (t->d->rq->sendopts & SENDOPT_SMTPUTF8_REQUESTED) != 0;
}

static int make_mail(struct transfer *t)
{
	struct delivery *d = t->d;
	unsigned have = t->s->f.have;
	_cleanup_buf_ struct buf b = BUF_LOCAL(BUF_MEDIUM);
	struct smtp_mail_command m = {
		.sender = wire_address(d, d->rq->sender),
		.size = (have & SMTP_F_SIZE) && !t->downgrade ? d->rq->data_size : -1,
		.body = body_word(t),
		.envid = d->rq->dsn_envid,
		.ret = d->rq->dsn_ret,
		.dsn = (have & SMTP_F_DSN) != 0,
		.smtputf8 = is_utf8(t),
	};
	int e = smtp_format_mail(&b, &m);

	if (e == 0)
		t->plan.mail = arena_str(d->a, buf_str(&b));
	return e;
}

static int make_rcpt(struct transfer *t, const struct recipient *r, struct str *ret)
{
	unsigned have = t->s->f.have;
	_cleanup_buf_ struct buf b = BUF_LOCAL(BUF_MEDIUM);
	struct smtp_rcpt_command c = {
		.recipient = wire_address(t->d, r->address),
		.orcpt = r->dsn_orcpt,
		.original = external(t->d, r->orig_addr),
		.notify = r->dsn_notify,
		.dsn = (have & SMTP_F_DSN) != 0,
		.smtputf8 = is_utf8(t),
	};
	int e = smtp_format_rcpt(&b, &c);

	if (e == 0)
		*ret = arena_str(t->d->a, buf_str(&b));
	return e;
}

/* Commands for the recipients; one that cannot be said is refused here. */
static void make_rcpts(struct transfer *t)
{
	struct delivery_request *rq = t->d->rq;
	struct str *cmd = arena_array(t->d->a, rq->n_rcpt, sizeof(*cmd));

	t->rcpt = arena_array(t->d->a, rq->n_rcpt, sizeof(struct recipient *));
	for (size_t i = 0; i < rq->n_rcpt; i++) {
		struct recipient *r = &rq->rcpt[i];

		if (r->status != 0)
			continue;
		if (make_rcpt(t, r, &cmd[t->n]) < 0) {
			rcpt_failed(t->d, r, "5.1.3",
				"bad address syntax: control character in recipient address");
			continue;
		}
		t->rcpt[t->n++] = r;
	}
	t->plan.rcpt = cmd;
	t->plan.n_rcpt = t->n;
}

static struct str make_xforward(struct transfer *t, unsigned which)
{
	const struct delivery_request *rq = t->d->rq;
	_cleanup_buf_ struct buf b = BUF_LOCAL(BUF_MEDIUM);
	struct smtp_xforward_values v = {
		.name = rq->client_name,
		.addr = rq->client_addr,
		.port = rq->client_port,
		.proto = rq->client_proto,
		.helo = rq->client_helo,
		.ident = rq->log_ident,
		.local = str_eq(rq->rewrite_context, STR("local")),
	};

	which &= t->s->f.xforward;
	if (!t->d->c->p.send_xforward_command || which == 0 ||
		smtp_format_xforward(&b, which, &v) < 0)
		return STR_EMPTY;
	return arena_str(t->d->a, buf_str(&b));
}

/* ---- may this message go to this host? ---- */

static bool needs_utf8(const struct delivery_request *rq)
{
	if ((rq->sendopts & SENDOPT_SMTPUTF8_REQUESTED) == 0)
		return false;
	if (rq->sendopts & (SENDOPT_SMTPUTF8_HEADER | SENDOPT_SMTPUTF8_SENDER))
		return true;
	if ((rq->sendopts & SENDOPT_SMTPUTF8_RECIPIENT) == 0)
		return false;
	for (size_t i = 0; i < rq->n_rcpt; i++)
		if (rq->rcpt[i].status == 0 && str_has_8bit(rq->rcpt[i].address))
			return true;
	return false;
}

static bool fits(struct transfer *t)
{
	struct delivery *d = t->d;
	const struct smtp_features *f = &t->s->f;

	if (f->size_limit > 0 && d->rq->data_size > f->size_limit) {
		/* Only with soft_bounce will it matter: the host is well. */
		d->said = true;
		all_failed(d, "5.3.4", "message size %lld exceeds size limit %lld of server %s",
			(long long)d->rq->data_size, (long long)f->size_limit, t->s->where);
		t->s->broken = true;
		return false;
	}
	if (needs_utf8(d->rq) && (f->have & SMTP_F_SMTPUTF8) == 0) {
		/* Another host may have it; the bounce comes when none is left. */
		set_why(d, "5.6.7",
			"message requires SMTPUTF8, but no server was found that supports "
			"SMTPUTF8. The last attempted server was %s",
			t->s->where);
		return false;
	}
	return true;
}

/* ---- the dialogue ---- */

static const char *while_text(enum smtp_step step)
{
	switch (step) {
	case SMTP_STEP_RSET_PROBE:
		return "sending RSET probe";
	case SMTP_STEP_XFORWARD1:
		return "sending XFORWARD name/address";
	case SMTP_STEP_XFORWARD2:
		return "sending XFORWARD protocol/helo_name";
	case SMTP_STEP_MAIL:
		return "sending MAIL FROM";
	case SMTP_STEP_RCPT:
		return "sending RCPT TO";
	case SMTP_STEP_DATA:
		return "sending DATA command";
	case SMTP_STEP_DOT:
		return "sending end of data -- message may be sent more than once";
	case SMTP_STEP_RSET:
		return "sending final RSET";
	case SMTP_STEP_QUIT:
	case SMTP_STEP_END:
		break;
	}
	return "sending QUIT";
}

static usec_t timeout_of(const struct client_params *p, enum smtp_step step)
{
	switch (step) {
	case SMTP_STEP_RSET_PROBE:
	case SMTP_STEP_RSET:
		return p->rset_timeout;
	case SMTP_STEP_XFORWARD1:
	case SMTP_STEP_XFORWARD2:
		return p->xforward_timeout;
	case SMTP_STEP_MAIL:
		return p->mail_timeout;
	case SMTP_STEP_RCPT:
		return p->rcpt_timeout;
	case SMTP_STEP_DATA:
		return p->data_init_timeout;
	case SMTP_STEP_DOT:
		return p->data_done_timeout;
	case SMTP_STEP_QUIT:
	case SMTP_STEP_END:
		break;
	}
	return p->quit_timeout;
}

/* Recipients that were accepted and have no outcome yet. */
static void accepted_sent(struct transfer *t)
{
	for (size_t i = 0; i < t->n; i++)
		if (smtp_tx_accepted(&t->tx, i) && t->rcpt[i]->status == 0)
			rcpt_sent(t->d, t->s, t->rcpt[i], &t->s->reply);
}

static void accepted_refused(struct transfer *t, const char *command)
{
	struct recipient **v = arena_array(t->d->a, t->n, sizeof(*v));
	size_t n = 0;

	for (size_t i = 0; i < t->n; i++)
		if (smtp_tx_accepted(&t->tx, i) && t->rcpt[i]->status == 0)
			v[n++] = t->rcpt[i];
	some_refused(t->d, t->s, v, n, &t->s->reply, command);
}

static void on_event(struct transfer *t, const struct smtp_tx_event *ev)
{
	struct delivery *d = t->d;
	struct session *s = t->s;

	switch (ev->kind) {
	case SMTP_TX_NOTHING:
	case SMTP_TX_STALE:
		break;
	case SMTP_TX_XFORWARD_REFUSED:
		log_warn("host %s said: " STR_FMT " (in reply to XFORWARD %s command)",
			s->where_port, STR_ARG(buf_str(&s->reply.text)),
			ev->step == SMTP_STEP_XFORWARD1 ? "name/address" : "helo/protocol");
		break;
	case SMTP_TX_MAIL_REFUSED:
		all_refused(d, s, &s->reply, "MAIL FROM command");
		break;
	case SMTP_TX_RCPT_OK:
		if (t->plan.probe && !t->plan.probe_data)
			rcpt_sent(d, s, t->rcpt[ev->rcpt], &s->reply);
		break;
	case SMTP_TX_RCPT_REFUSED:
		rcpt_refused(d, s, t->rcpt[ev->rcpt], &s->reply, "RCPT TO command");
		break;
	case SMTP_TX_DATA_REFUSED:
		accepted_refused(t, "DATA command");
		break;
	case SMTP_TX_DATA_OK:
		if (t->plan.probe)
			accepted_sent(t);
		break;
	case SMTP_TX_SENT:
		accepted_sent(t);
		break;
	case SMTP_TX_REFUSED:
		accepted_refused(t, "end of DATA command");
		break;
	case SMTP_TX_LMTP_SENT:
		rcpt_sent(d, s, t->rcpt[ev->rcpt], &s->reply);
		break;
	case SMTP_TX_LMTP_REFUSED:
		rcpt_refused(d, s, t->rcpt[ev->rcpt], &s->reply, "end of DATA command");
		break;
	}
}

/* A peer that dislikes the content may say so and hang up before it has all of it. */
static void content_lost(struct transfer *t, int err)
{
	struct session *s = t->s;

	stream_read_on(s->s);
	if (err != -ETIMEDOUT && session_reply(t->d, s, USEC_PER_SEC) == 0 &&
		s->reply.code / 100 == 5) {
		s->broken = true;
		accepted_refused(t, "end of DATA command");
		return;
	}
	session_lost(t->d, s, err, "sending message body");
}

/* false: the transaction is over. */
static bool send_body(struct transfer *t)
{
	struct delivery *d = t->d;
	struct session *s = t->s;
	struct why why = { 0 };
	int e;

	stream_timeout(s->s, d->c->p.data_xfer_timeout);
	if (d->c->p.per_request_deadline) {
		stream_deadline(s->s, clock_deadline(d->c->p.data_xfer_timeout));
		stream_data_rate(s->s, (size_t)d->c->p.min_data_rate);
	}
	e = content_send(d, s, t->downgrade ? CONTENT_DOWNGRADE : 0, &why);
	stream_data_rate(s->s, 0);
	if (e == 0) {
		smtp_tx_body_sent(&t->tx);
		return true;
	}
	if (e > 0) {
		/* Half a message must not look like a whole one: no dot, just close. */
		log_warn(STR_FMT ": %s", STR_ARG(d->rq->queue_id), why.text);
		s->broken = true;
		all_failed(d, "4.3.0", "local data error while talking to %s", s->where);
		return false;
	}
	content_lost(t, e);
	return false;
}

static void pix_delay(const struct transfer *t)
{
	usec_t left = t->d->c->p.pix_workaround_delay_time;
	struct timespec ts = { .tv_sec = (time_t)(left / USEC_PER_SEC),
		.tv_nsec = (long)(left % USEC_PER_SEC) * 1000 };

	(void)nanosleep(&ts, NULL);
}

/* Write what the engine wants written: 0 or negative errno. */
static int flush_out(struct transfer *t)
{
	struct session *s = t->s;
	enum smtp_step step = smtp_tx_expects(&t->tx);
	int e = 0;

	if (s->out.len > 0) {
		s->owed = smtp_tx_owed(&t->tx);
		s->pieces = 0;
		e = session_send(s, buf_str(&s->out), timeout_of(&t->d->c->p, step),
			t->d->c->p.per_request_deadline);
	}
	buf_clear(&s->out);
	return e;
}

/* Get and heed the next reply; false: the transaction is over. */
static bool take_reply(struct transfer *t, enum transfer_result *ret)
{
	enum smtp_step step = smtp_tx_expects(&t->tx);
	struct session *s = t->s;
	struct smtp_tx_event ev;
	int e = flush_out(t);

	/* After a failed write the peer may still have said why; it cannot have agreed. */
	if (e != -ETIMEDOUT) {
		int r;

		stream_read_on(s->s);
		r = session_reply(t->d, s, timeout_of(&t->d->c->p, step));
		if (e == 0 || (r == 0 && s->reply.code >= 400))
			e = r;
	}
	if (e == 0) {
		ev = smtp_tx_reply(&t->tx, s->reply.code);
		if (s->owed > 1 && smtp_tx_owed(&t->tx) == 0)
			s->answers_at_once = s->pieces == 1;
		if (ev.kind == SMTP_TX_STALE) {
			s->broken = true;
			*ret = TRANSFER_STALE;
			return false;
		}
		on_event(t, &ev);
		return true;
	}
	if (step == SMTP_STEP_RSET_PROBE) {
		s->broken = true;
		*ret = TRANSFER_STALE;
	} else if (step == SMTP_STEP_RSET || step == SMTP_STEP_QUIT) {
		/* All recipients of this transaction have their outcome. */
		s->broken = true;
	} else {
		session_lost(t->d, s, e, while_text(step));
	}
	return false;
}

/* What waits before the new commands is content, which is not for the transcript. */
static enum smtp_tx_want next_output(struct transfer *t)
{
	size_t before = t->s->out.len;
	enum smtp_tx_want want = smtp_tx_output(&t->tx, &t->s->out);

	notice_out(t->d->c, t->s, str_skip(buf_str(&t->s->out), before));
	return want;
}

static enum transfer_result run(struct transfer *t)
{
	enum transfer_result result = TRANSFER_DONE;
	enum smtp_tx_want want;
	int e;

	buf_clear(&t->s->out);
	while ((want = next_output(t)) != SMTP_TX_END) {
		if (want == SMTP_TX_REPLY) {
			if (!take_reply(t, &result))
				return result;
			continue;
		}
		e = flush_out(t);
		if (e < 0) {
			content_lost(t, e);
			return result;
		}
		if (!send_body(t))
			return result;
		if (t->s->pix_dotcrlf) {
			e = flush_out(t);
			if (e < 0) {
				content_lost(t, e);
				return result;
			}
			pix_delay(t);
		}
	}
	e = flush_out(t);
	(void)e; /* QUIT; nobody waits for it */
	return result;
}

enum transfer_result transfer(struct delivery *d, struct session *s, bool keep)
{
	struct transfer t = { .d = d, .s = s };
	enum transfer_result result;

	t.downgrade = (s->f.have & SMTP_F_8BITMIME) == 0 &&
		      !str_ieq(d->rq->encoding, STR("7bit")) &&
		      !d->c->p.disable_mime_output_conversion;
	if (!fits(&t)) {
		if (!s->broken)
			session_quit(d, s);
		return TRANSFER_DONE;
	}
	t.plan.lmtp = d->c->lmtp;
	t.plan.pipelining = (s->f.have & SMTP_F_PIPELINING) != 0;
	t.plan.reused = s->reuse_count > 0;
	t.plan.keep = keep;
	t.plan.wait_quit = !d->c->p.skip_quit_response;
	t.plan.probe = (d->rq->flags & (REQUEST_MTA_VRFY | REQUEST_USR_VRFY)) != 0;
	t.plan.probe_data = d->c->probe_data;
	t.plan.window = WINDOW;
	if (make_mail(&t) < 0) {
		all_failed(d, "5.1.7", "bad address syntax: control character in sender address");
		return TRANSFER_DONE;
	}
	make_rcpts(&t);
	if (d->map_failed) {
		d->last = true;
		all_failed(d, "4.3.0", "generic mapping lookup failure");
		return TRANSFER_DONE;
	}
	if (t.n == 0)
		return TRANSFER_DONE;
	t.plan.xforward1 = make_xforward(&t, SMTP_XF_FIRST);
	t.plan.xforward2 = make_xforward(&t, SMTP_XF_SECOND);
	smtp_tx_init(&t.tx, &t.plan, d->a);
	result = run(&t);
	if (smtp_tx_is_cut(&t.tx) && !s->broken)
		session_lost(d, s, -EPIPE, while_text(t.tx.send));
	if (!smtp_tx_is_clean(&t.tx))
		s->broken = true;
	return result;
}
