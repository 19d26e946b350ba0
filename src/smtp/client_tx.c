/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtp/client_tx.c — see client_tx.h.
 */
#include "smtp/client_tx.h"

void smtp_tx_init(struct smtp_tx *t, const struct smtp_tx_plan *p, struct arena *a)
{
	/* Each recipient can owe two replies (LMTP), all else one. */
	size_t most = p->n_rcpt * 2 + 16;

	check(p->n_rcpt > 0);
	*t = (struct smtp_tx){ .p = *p };
	t->owed = arena_array(a, most, sizeof(*t->owed));
	t->owed_len = arena_array(a, most, sizeof(*t->owed_len));
	t->accepted_rcpt = arena_array(a, p->n_rcpt, sizeof(*t->accepted_rcpt));
	t->send = p->reused ? SMTP_STEP_RSET_PROBE : SMTP_STEP_XFORWARD1;
}

static void owe(struct smtp_tx *t, enum smtp_step step, size_t len)
{
	t->owed[t->owed_tail] = (unsigned char)step;
	t->owed_len[t->owed_tail++] = (unsigned)len;
	t->unanswered += len;
}

static bool is_settled(const struct smtp_tx *t)
{
	return t->owed_head == t->owed_tail;
}

static void put(struct smtp_tx *t, struct buf *out, enum smtp_step step, struct str command)
{
	buf_put(out, command);
	buf_put(out, STR("\r\n"));
	owe(t, step, command.len + 2);
}

/* After the recipients: content, or the way out. */
static enum smtp_step after_rcpt(const struct smtp_tx *t)
{
	bool known = t->recv_rcpt == t->p.n_rcpt;

	if (t->mail_refused || (known && t->accepted == 0))
		return SMTP_STEP_RSET;
	if (t->p.probe && !t->p.probe_data)
		return SMTP_STEP_RSET;
	return SMTP_STEP_DATA;
}

static enum smtp_step after_rset(const struct smtp_tx *t)
{
	return t->p.keep ? SMTP_STEP_END : SMTP_STEP_QUIT;
}

/* The command at t->send, and where to go from there. Empty: nothing is sent at this step. */
static struct str next_command(const struct smtp_tx *t, enum smtp_step *ret_next)
{
	struct str none = STR_EMPTY;

	switch (t->send) {
	case SMTP_STEP_RSET_PROBE:
		*ret_next = SMTP_STEP_XFORWARD1;
		return STR("RSET");
	case SMTP_STEP_XFORWARD1:
		*ret_next = SMTP_STEP_XFORWARD2;
		return t->p.xforward1;
	case SMTP_STEP_XFORWARD2:
		*ret_next = SMTP_STEP_MAIL;
		return t->p.xforward2;
	case SMTP_STEP_MAIL:
		*ret_next = SMTP_STEP_RCPT;
		return t->p.mail;
	case SMTP_STEP_RCPT:
		if (t->mail_refused || t->send_rcpt == t->p.n_rcpt) {
			*ret_next = after_rcpt(t);
			return none;
		}
		*ret_next = SMTP_STEP_RCPT;
		return t->p.rcpt[t->send_rcpt];
	case SMTP_STEP_DATA:
		*ret_next = SMTP_STEP_DOT;
		return STR("DATA");
	case SMTP_STEP_DOT:
		*ret_next = after_rset(t);
		return STR(".");
	case SMTP_STEP_RSET:
		*ret_next = after_rset(t);
		return STR("RSET");
	case SMTP_STEP_QUIT:
		*ret_next = SMTP_STEP_END;
		return STR("QUIT");
	case SMTP_STEP_END:
		break;
	}
	*ret_next = SMTP_STEP_END;
	return none;
}

static void send_one(struct smtp_tx *t, struct buf *out, struct str command)
{
	enum smtp_step step = t->send;

	if (step == SMTP_STEP_QUIT && !t->p.wait_quit) {
		buf_put(out, STR("QUIT\r\n"));
		return;
	}
	put(t, out, step, command);
	if (step == SMTP_STEP_RCPT)
		t->send_rcpt++;
	if (step == SMTP_STEP_DATA)
		t->data_sent = true;
	/* LMTP answers once for each recipient; the first reply is already owed. */
	if (step == SMTP_STEP_DOT && t->p.lmtp)
		for (size_t i = 1; i < t->accepted; i++)
			owe(t, SMTP_STEP_DOT, 0);
}

/* Must the replies to what was sent come in before the command at t->send may go out? */
static bool must_wait(const struct smtp_tx *t, struct str command)
{
	if (is_settled(t))
		return false;
	if (!t->p.pipelining || t->draining)
		return true;
	/* What comes after DATA depends on its reply. */
	if (t->data_sent && !t->data_ok)
		return true;
	return t->unanswered + command.len + 2 > t->p.window;
}

enum smtp_tx_want smtp_tx_output(struct smtp_tx *t, struct buf *out)
{
	while (!t->hangup && !t->stale && t->send != SMTP_STEP_END) {
		enum smtp_step next;
		struct str command;

		if (t->body_due)
			return SMTP_TX_BODY;
		command = next_command(t, &next);
		/* Also the decision what follows the recipients waits, where sending would. */
		if ((command.len > 0 || t->send == SMTP_STEP_RCPT) && must_wait(t, command)) {
			t->draining = t->p.pipelining && t->unanswered > 0 &&
				      !(t->data_sent && !t->data_ok);
			return SMTP_TX_REPLY;
		}
		if (command.len > 0)
			send_one(t, out, command);
		t->send = next;
	}
	return is_settled(t) ? SMTP_TX_END : SMTP_TX_REPLY;
}

enum smtp_step smtp_tx_expects(const struct smtp_tx *t)
{
	return is_settled(t) ? SMTP_STEP_END : (enum smtp_step)t->owed[t->owed_head];
}

size_t smtp_tx_owed(const struct smtp_tx *t)
{
	return t->owed_tail - t->owed_head;
}

void smtp_tx_body_sent(struct smtp_tx *t)
{
	check(t->body_due);
	t->body_due = false;
}

static enum smtp_tx_event_kind on_mail(struct smtp_tx *t, bool ok)
{
	if (ok)
		return SMTP_TX_NOTHING;
	t->mail_refused = true;
	return SMTP_TX_MAIL_REFUSED;
}

static enum smtp_tx_event_kind on_rcpt(struct smtp_tx *t, bool ok, size_t *ret_rcpt)
{
	size_t i = t->recv_rcpt++;

	*ret_rcpt = i;
	if (t->mail_refused)
		return SMTP_TX_NOTHING;
	if (!ok)
		return SMTP_TX_RCPT_REFUSED;
	t->accepted_rcpt[i] = true;
	t->accepted++;
	return SMTP_TX_RCPT_OK;
}

static enum smtp_tx_event_kind on_data(struct smtp_tx *t, int code)
{
	t->data_ok = true; /* answered */
	if (code / 100 != 3) {
		t->send = SMTP_STEP_RSET;
		return t->accepted > 0 ? SMTP_TX_DATA_REFUSED : SMTP_TX_NOTHING;
	}
	if (t->p.probe) {
		/* No content, and nothing that would make the server take an empty message. */
		t->send = SMTP_STEP_END;
		t->hangup = true;
		return t->accepted > 0 ? SMTP_TX_DATA_OK : SMTP_TX_NOTHING;
	}
	t->body_due = t->accepted > 0;
	return t->accepted > 0 ? SMTP_TX_DATA_OK : SMTP_TX_NOTHING;
}

static enum smtp_tx_event_kind on_dot(struct smtp_tx *t, bool ok, size_t *ret_rcpt)
{
	if (t->accepted == 0)
		return SMTP_TX_NOTHING;
	if (!t->p.lmtp)
		return ok ? SMTP_TX_SENT : SMTP_TX_REFUSED;
	while (!t->accepted_rcpt[t->lmtp_rcpt])
		t->lmtp_rcpt++;
	*ret_rcpt = t->lmtp_rcpt++;
	return ok ? SMTP_TX_LMTP_SENT : SMTP_TX_LMTP_REFUSED;
}

struct smtp_tx_event smtp_tx_reply(struct smtp_tx *t, int code)
{
	struct smtp_tx_event ev = { .kind = SMTP_TX_NOTHING };
	bool ok = code / 100 == 2;

	check(!is_settled(t));
	ev.step = (enum smtp_step)t->owed[t->owed_head];
	t->unanswered -= t->owed_len[t->owed_head++];
	if (is_settled(t))
		t->draining = false;
	if (code == 421)
		t->hangup = true;
	switch (ev.step) {
	case SMTP_STEP_RSET_PROBE:
		t->stale = !ok;
		ev.kind = ok ? SMTP_TX_NOTHING : SMTP_TX_STALE;
		break;
	case SMTP_STEP_XFORWARD1:
	case SMTP_STEP_XFORWARD2:
		ev.kind = ok ? SMTP_TX_NOTHING : SMTP_TX_XFORWARD_REFUSED;
		break;
	case SMTP_STEP_MAIL:
		ev.kind = on_mail(t, ok);
		break;
	case SMTP_STEP_RCPT:
		ev.kind = on_rcpt(t, ok, &ev.rcpt);
		break;
	case SMTP_STEP_DATA:
		ev.kind = on_data(t, code);
		break;
	case SMTP_STEP_DOT:
		ev.kind = on_dot(t, ok, &ev.rcpt);
		break;
	case SMTP_STEP_RSET:
	case SMTP_STEP_QUIT:
	case SMTP_STEP_END:
		break;
	}
	return ev;
}

bool smtp_tx_accepted(const struct smtp_tx *t, size_t i)
{
	return i < t->p.n_rcpt && t->accepted_rcpt[i];
}

bool smtp_tx_is_cut(const struct smtp_tx *t)
{
	return t->hangup && !t->p.probe_data && !t->mail_refused && t->send < SMTP_STEP_RSET &&
	       (t->recv_rcpt < t->p.n_rcpt || t->accepted > 0);
}

bool smtp_tx_is_clean(const struct smtp_tx *t)
{
	return t->p.keep && !t->hangup && !t->stale && is_settled(t) && !t->body_due &&
	       t->send == SMTP_STEP_END;
}
