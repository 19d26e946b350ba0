/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtpd/rcpt.c — RCPT TO and its parameters.
 */
#include "address/address.h"
#include "smtpd.h"

struct rcpt {
	struct str address; /* internal */
	struct str orcpt;
	int notify;
};

static int error(struct session *s, const char *text)
{
	s->error_mask |= NOTIFY_PROTOCOL;
	reply(s, "%s", text);
	return -1;
}

static int parameters(struct session *s, const struct smtp_command *cmd, struct rcpt *rc)
{
	bool dsn = !(s->ehlo_discard & EHLO_DSN);

	for (size_t i = 3; i < cmd->n; i++) {
		struct str word = cmd->v[i].text;

		if (dsn && str_istarts(word, STR("NOTIFY="))) {
			if (rc->notify != 0 ||
				(rc->notify = smtp_notify_parse(str_skip(word, 7))) < 0)
				return error(s, "501 5.5.4 Error: Bad NOTIFY parameter syntax");
		} else if (dsn && str_istarts(word, STR("ORCPT="))) {
			if (rc->orcpt.len > 0 ||
				smtp_orcpt_parse(str_skip(word, 6), s->c->smtputf8_enable,
					s->scratch, &rc->orcpt) < 0)
				return error(s, "501 5.5.4 Error: Bad ORCPT parameter syntax");
		} else {
			s->error_mask |= NOTIFY_PROTOCOL;
			reply(s, "555 5.5.4 Unsupported option: " STR_FMT, STR_ARG(word));
			return -1;
		}
	}
	return 0;
}

/* More than smtpd_recipient_limit; well-meaning clients try a few more (overshoot). */
static int too_many(struct session *s)
{
	reply(s, "452 4.5.3 Error: too many recipients");
	if (s->m.rcpt_over++ < (size_t)s->c->smtpd_recipient_overshoot_limit)
		return 0;
	s->error_mask |= NOTIFY_POLICY;
	return -1;
}

static int allowed(struct session *s, const struct rcpt *rc)
{
	struct access_request rq;

	if (s->stand_alone || is_probe_address(s, rc->address))
		return 0;
	session_request(s, "RCPT", &rq);
	rq.has_recipient = true;
	rq.recipient = rc->address;
	return session_check(s, ACCESS_RCPT, &rq);
}

/* What the sender called the recipient, when he gave no ORCPT. */
static struct str default_orcpt(struct session *s, struct str address)
{
	_cleanup_buf_ struct buf b = BUF_LOCAL(BUF_SMALL);

	buf_puts(&b, str_has_8bit(address) && s->m.smtputf8 ? "utf-8;" : "rfc822;");
	if (address_quote(&b, address) < 0)
		return STR_EMPTY;
	return arena_str(s->scratch, buf_str(&b));
}

static int state_error(struct session *s, const struct smtp_command *cmd)
{
	if (!s->m.has_sender)
		return error(s, "503 5.5.1 Error: need MAIL command");
	if (s->m.bdat != BDAT_NONE)
		return error(s, "503 5.5.1 Error: RCPT after BDAT");
	if (cmd->n < 3 || !str_ieq(cmd->v[1].text, STR("to:")))
		return error(s, "501 5.5.4 Syntax: RCPT TO:<address>");
	return 0;
}

int cmd_rcpt(struct session *s, const struct smtp_command *cmd)
{
	struct rcpt rc = { .notify = 0 };

	if (state_error(s, cmd) < 0)
		return -1;
	if (anvil_count(s, ANVIL_RECIPIENT)) {
		s->error_mask |= NOTIFY_POLICY;
		reply(s, "450 4.7.1 Error: too many recipients from " STR_FMT,
			STR_ARG(s->peer.addr));
		return -1;
	}
	if (take_path(s, &cmd->v[2], false, "501 5.1.3 Bad recipient address syntax", &rc.address) <
		0)
		return -1;
	if (parameters(s, cmd, &rc) < 0)
		return -1;
	if (s->m.rcpt_count >= (size_t)s->c->smtpd_recipient_limit)
		return too_many(s);
	if (s->c->strict_smtputf8 && !s->m.smtputf8 && str_has_8bit(rc.address))
		return error(s, "553 5.6.7 Must declare SMTPUTF8 to send unicode address");
	if (allowed(s, &rc) < 0)
		return -1;
	if (!s->m.open && message_open(s) < 0)
		return -1;
	if (rc.orcpt.len == 0 && !(s->ehlo_discard & EHLO_DSN))
		rc.orcpt = default_orcpt(s, rc.address);
	message_rcpt(s, rc.address, rc.orcpt, rc.notify);
	if (s->m.rcpt_count++ == 0) /* for=<...> and single-recipient checks want only the first */
		s->m.rcpt = arena_str(s->tx, rc.address);
	s->m.rcpt_over = 0;
	reply(s, "250 2.1.5 Ok");
	return 0;
}
