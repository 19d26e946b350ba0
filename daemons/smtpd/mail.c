/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtpd/mail.c — MAIL FROM and its parameters.
 */
#include <errno.h>
#include <sys/statvfs.h>

#include "address/address.h"
#include "base/text.h"
#include "smtpd.h"

bool address_is_bad(struct session *s, struct str internal)
{
	struct resolve_reply to;

	router_resolve_raw(s->p->router, STR_EMPTY, internal, s->scratch, &to);
	return (to.flags & RESOLVE_ERROR) != 0;
}

bool is_probe_address(const struct session *s, struct str internal)
{
	struct str probe = str_of(s->c->address_verify_sender);
	struct str at = STR("@"), rest;

	if (probe.len == 0 || internal.len == 0)
		return false;
	if (str_ieq(internal, probe))
		return true;
	if (str_chr(probe, '@') >= 0 || !str_istarts(internal, probe))
		return false;
	rest = str_skip(internal, probe.len);
	return str_starts(rest, at) && str_ieq(str_skip(rest, 1), str_of(s->c->myorigin));
}

int take_path(struct session *s, const struct smtp_token *t, bool allow_empty,
	const char *bad_reply, struct str *ret)
{
	unsigned flags = (s->c->strict_rfc821_envelopes ? SMTP_PATH_STRICT : 0) |
			 (allow_empty ? SMTP_PATH_ALLOW_EMPTY : 0) |
			 (s->c->smtputf8_enable ? SMTP_PATH_SMTPUTF8 : 0);
	int r = t->bad ? -EBADMSG : smtp_path_parse(t->text, flags, s->scratch, ret);

	if (r == 0 && (ret->len == 0 || !address_is_bad(s, *ret)))
		return 0;
	if (r < 0 && !t->bad)
		log_warn("Illegal address syntax from " STR_FMT " in %s command: " STR_FMT,
			STR_ARG(s->peer.namaddr), s->where, STR_ARG(t->text));
	s->error_mask |= NOTIFY_PROTOCOL;
	reply(s, "%s", bad_reply);
	return -1;
}

/* A refusal that is logged as a reject. */
static int refuse(struct session *s, const struct mail *m, const char *text)
{
	struct access_request rq;

	session_request(s, "MAIL", &rq);
	rq.has_sender = true;
	rq.sender = m->sender;
	access_log(&log_notes, &rq, "reject", str_of(text));
	reply(s, "%s", text);
	return -1;
}

static int error(struct session *s, const char *text)
{
	s->error_mask |= NOTIFY_PROTOCOL;
	reply(s, "%s", text);
	return -1;
}

static int param_size(struct session *s, struct mail *m, struct str value)
{
	int r = smtp_size_parse(value, &m->announced);

	if (r == -EINVAL)
		return error(s, "501 5.5.4 Bad message size syntax");
	if (r < 0)
		return refuse(s, m, "552 5.3.4 Message size exceeds file system imposed limit");
	return 0;
}

static bool verp_ok(const struct session *s, struct str chars)
{
	return chars.len == 2 && str_chr(str_of(s->c->verp_delimiter_filter), chars.ptr[0]) >= 0 &&
	       str_chr(str_of(s->c->verp_delimiter_filter), chars.ptr[1]) >= 0;
}

static int param_verp(struct session *s, struct mail *m, struct str value)
{
	if (m->sender.len == 0)
		return error(s, "503 5.5.4 Error: XVERP requires non-null sender");
	if (!verp_ok(s, value)) {
		s->error_mask |= NOTIFY_PROTOCOL;
		reply(s, "501 5.5.4 Error: XVERP needs two characters from %s",
			s->c->verp_delimiter_filter);
		return -1;
	}
	m->verp = arena_str(s->tx, value);
	return 0;
}

static int param_dsn(struct session *s, struct mail *m, struct str word)
{
	bool ret = str_istarts(word, STR("RET="));

	if (s->ehlo_discard & EHLO_DSN)
		return error(s, "501 5.7.1 DSN support is disabled");
	if (ret) {
		if (m->ret != 0 || (m->ret = smtp_ret_parse(str_skip(word, 4))) < 0) {
			m->ret = 0;
			return error(s, "501 5.5.4 Bad RET parameter syntax");
		}
		return 0;
	}
	if (m->envid.len > 0 || smtp_envid_parse(str_skip(word, 6), s->tx, &m->envid) < 0)
		return error(s, "501 5.5.4 Bad ENVID parameter syntax");
	return 0;
}

static int parameter(struct session *s, struct mail *m, struct str word)
{
	unsigned off = s->ehlo_discard;

	if (str_ieq(word, STR("BODY=8BITMIME")) && !(off & EHLO_8BITMIME)) {
		m->encoding = STR("8bit");
	} else if (str_ieq(word, STR("BODY=7BIT")) && !(off & EHLO_8BITMIME)) {
		m->encoding = STR("7bit");
	} else if (str_istarts(word, STR("SIZE=")) && !(off & EHLO_SIZE)) {
		return param_size(s, m, str_skip(word, 5));
	} else if (str_ieq(word, STR("SMTPUTF8")) && s->c->smtputf8_enable &&
		   !(off & EHLO_SMTPUTF8)) {
		m->smtputf8 = true;
	} else if (str_ieq(word, STR("AUTH=<>"))) {
		return 0;
	} else if (str_ieq(word, STR("XVERP")) && s->may_verp && !(off & EHLO_VERP)) {
		return param_verp(s, m, str_of(s->c->default_verp_delimiters));
	} else if (str_istarts(word, STR("XVERP=")) && s->may_verp && !(off & EHLO_VERP)) {
		return param_verp(s, m, str_skip(word, 6));
	} else if (str_istarts(word, STR("RET=")) || str_istarts(word, STR("ENVID="))) {
		return param_dsn(s, m, word);
	} else if (!str_istarts(word, STR("AUTH="))) { /* AUTH=x: nobody has logged in; ignored */
		s->error_mask |= NOTIFY_PROTOCOL;
		reply(s, "555 5.5.4 Unsupported option: " STR_FMT, STR_ARG(word));
		return -1;
	}
	return 0;
}

static int parameters(struct session *s, struct mail *m, const struct smtp_command *cmd)
{
	bool auth = false;

	for (size_t i = 3; i < cmd->n; i++) {
		struct str word = cmd->v[i].text;

		if (str_istarts(word, STR("AUTH="))) {
			if (auth)
				return error(s, "503 5.5.4 Error: multiple AUTH= options");
			auth = true;
		}
		if (parameter(s, m, word) < 0)
			return -1;
	}
	if (s->c->message_size_limit > 0 && m->announced > s->c->message_size_limit)
		return refuse(s, m, "552 5.3.4 Message size exceeds fixed limit");
	if (s->c->strict_smtputf8 && !m->smtputf8 && str_has_8bit(m->sender))
		return error(s, "553 5.6.7 Must declare SMTPUTF8 to send unicode address");
	return 0;
}

/* Room for this message and half another. */
static bool disk_full(struct session *s)
{
	int64_t need = MAX(s->c->queue_minfree,
		s->c->message_size_limit + s->c->message_size_limit / 2);
	struct statvfs v;
	double free_bytes;

	if (s->stand_alone || need <= 0 || statvfs(".", &v) < 0)
		return false;
	free_bytes = (double)v.f_bavail * (double)v.f_frsize;
	if (free_bytes >= (double)need)
		return false;
	log_warn("not enough free space in mail queue: %.0f bytes < %lld bytes", free_bytes,
		(long long)need);
	return true;
}

/* Restrictions, and in whose name headers are rewritten. -1: refused. */
static int may_send(struct session *s)
{
	struct access_request rq;
	struct str text;

	s->m.rewrite_local = true;
	if (s->stand_alone)
		return 0;
	session_request(s, "MAIL", &rq);
	if (!s->c->smtpd_delay_reject && !is_probe_address(s, s->m.sender) &&
		session_check(s, ACCESS_MAIL, &rq) < 0)
		return -1;
	switch (access_rewrite_local(s->p->access, &s->acc, &rq, &text)) {
	case LOOKUP_FOUND:
		return 0;
	case LOOKUP_NONE:
		s->m.rewrite_local = false;
		return 0;
	case LOOKUP_TEMPFAIL:
		break;
	}
	reply_text(s, text);
	return -1;
}

static int begin(struct session *s, struct mail *m)
{
	s->m = *m;
	if (may_send(s) < 0)
		return -1;
	if (disk_full(s)) {
		s->error_mask |= NOTIFY_RESOURCE;
		reply(s, "452 4.3.1 Insufficient system storage");
		return -1;
	}
	if (!s->c->smtpd_delay_open_until_valid_rcpt && message_open(s) < 0)
		return -1;
	return 0;
}

int cmd_mail(struct session *s, const struct smtp_command *cmd)
{
	struct mail m = { .has_sender = true };

	if (s->c->smtpd_helo_required && s->helo.len == 0)
		return error(s, "503 5.5.1 Error: send HELO/EHLO first");
	if (s->m.has_sender)
		return error(s, "503 5.5.1 Error: nested MAIL command");
	if (s->m.bdat != BDAT_NONE)
		return error(s, "503 5.5.1 Error: MAIL after BDAT");
	if (cmd->n < 3 || !str_ieq(cmd->v[1].text, STR("from:")))
		return error(s, "501 5.5.4 Syntax: MAIL FROM:<address>");
	if (anvil_count(s, ANVIL_MESSAGE)) {
		s->error_mask |= NOTIFY_POLICY;
		reply(s, "450 4.7.1 Error: too much mail from " STR_FMT, STR_ARG(s->peer.addr));
		return -1;
	}
	if (take_path(s, &cmd->v[2], true, "501 5.1.7 Bad sender address syntax", &m.sender) < 0)
		return -1;
	m.sender = arena_str(s->tx, m.sender);
	if (parameters(s, &m, cmd) < 0 || begin(s, &m) < 0) {
		session_reset(s);
		return -1;
	}
	reply(s, "250 2.1.0 Ok");
	return 0;
}
