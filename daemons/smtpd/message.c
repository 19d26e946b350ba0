/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtpd/message.c — from an accepted recipient to the reply after end of data.
 *
 * Errors while content arrives are remembered; all of it is read before the reply, as the protocol
 * wants. 250 goes out only after the message is on stable storage.
 */
#include <time.h>

#include "base/text.h"
#include "smtp/reply.h"
#include "smtpd.h"

static unsigned intake_flags_of(const struct session *s)
{
	unsigned flags = INTAKE_EXTERNAL | INTAKE_SMTP_REPLY;

	if (s->p->overrides & OVERRIDE_NO_ADDRESS_MAPPINGS)
		flags &= ~(unsigned)(INTAKE_MAP_OK | INTAKE_BCC_OK);
	if (s->p->overrides & OVERRIDE_NO_HEADER_BODY_CHECKS)
		flags &= ~(unsigned)INTAKE_FILTER;
	if (s->p->overrides & OVERRIDE_NO_MILTERS)
		flags &= ~(unsigned)INTAKE_MILTER;
	if (s->m.smtputf8)
		flags |= INTAKE_SMTPUTF8;
	if (s->p->autodetect_utf8)
		flags |= INTAKE_AUTOUTF8;
	return flags;
}

static void attr(struct session *s, const char *name, struct str value)
{
	if (value.len > 0)
		sink_attr(&s->sink, name, value);
}

/* The address from XFORWARD as RFC 5321 writes it. */
static struct str xforward_rfc_addr(struct session *s)
{
	if (s->xf.addr.len == 0)
		return STR("unknown");
	if (str_chr(s->xf.addr, ':') < 0)
		return s->xf.addr;
	return arena_fmt(s->scratch, "IPv6:" STR_FMT, STR_ARG(s->xf.addr));
}

/* "name[address]", or what there is of it. */
static struct str xforward_namaddr(const struct session *s)
{
	struct str name = s->xf.name.len > 0 ? s->xf.name : STR("unknown");

	if (s->xf.addr.len == 0 || str_eq(s->xf.addr, STR("unknown")))
		return name;
	return arena_fmt(s->scratch, STR_FMT "[" STR_FMT "]", STR_ARG(name), STR_ARG(s->xf.addr));
}

/* XFORWARD SOURCE= stands above local_header_rewrite_clients. */
static bool local_rewrite(const struct session *s)
{
	if (s->xf.domain.len > 0)
		return str_ieq(s->xf.domain, STR("LOCAL"));
	return s->m.rewrite_local;
}

/* Attributes that only cleanup understands; XFORWARD replaces what is logged. */
static void put_client(struct session *s)
{
	const struct xforward *xf = &s->xf;
	const struct peer *p = &s->peer;

	if (xf->any) {
		attr(s, "log_client_name", xf->name.len > 0 ? xf->name : STR("unknown"));
		attr(s, "log_client_address", xforward_rfc_addr(s));
		attr(s, "log_client_port", xf->port.len > 0 ? xf->port : STR("unknown"));
		attr(s, "log_message_origin", xforward_namaddr(s));
		attr(s, "log_helo_name", xf->helo);
		attr(s, "log_protocol_name", xf->proto.len > 0 ? xf->proto : STR("unknown"));
	} else {
		attr(s, "log_client_name", p->name);
		attr(s, "log_client_address", p->rfc_addr);
		attr(s, "log_client_port", p->port);
		attr(s, "log_message_origin", p->namaddr);
		attr(s, "log_helo_name", s->helo);
		attr(s, "log_protocol_name", str_of(s->protocol));
	}
	attr(s, "client_name", p->name);
	attr(s, "reverse_client_name", p->reverse_name);
	attr(s, "client_address", p->addr);
	attr(s, "client_port", p->port);
	attr(s, "server_address", p->dest_addr);
	attr(s, "server_port", p->dest_port);
	attr(s, "helo_name", s->helo);
	attr(s, "protocol_name", str_of(s->protocol));
	attr(s, "client_address_type", arena_fmt(s->scratch, "%d", p->family));
}

static void put_envelope(struct session *s)
{
	struct sink *k = &s->sink;
	const struct mail *m = &s->m;
	struct timespec now;

	if (!s->stand_alone) {
		(void)clock_gettime(CLOCK_REALTIME, &now);
		sink_recordf(k, REC_TIME, "%lld %ld", (long long)now.tv_sec, now.tv_nsec / 1000);
		if (s->c->content_filter[0] != '\0')
			sink_record(k, REC_FILT, str_of(s->c->content_filter));
		attr(s, "log_ident", s->xf.ident.len > 0 ? s->xf.ident : str_of(k->id));
		attr(s, "rewrite_context", local_rewrite(s) ? STR("local") : STR("remote"));
	}
	attr(s, "envelope_id", m->envid);
	if (m->ret != 0)
		attr(s, "ret_flags", arena_fmt(s->scratch, "%d", m->ret));
	sink_record(k, REC_FROM, m->sender);
	attr(s, "encoding", m->encoding);
	if (!s->stand_alone)
		put_client(s);
	if (m->verp.len > 0)
		sink_record(k, REC_VERP, m->verp);
}

/* "ID: client=...": the message has a name now. */
static void log_client(const struct session *s)
{
	_cleanup_buf_ struct buf b = BUF_LOCAL(BUF_SMALL);
	const struct xforward *xf = &s->xf;

	buf_putf(&b, "%s: client=" STR_FMT, s->sink.id, STR_ARG(s->peer.namaddr));
	if (xf->ident.len > 0)
		buf_putf(&b, ", orig_queue_id=" STR_FMT, STR_ARG(xf->ident));
	if (xf->any)
		buf_putf(&b, ", orig_client=" STR_FMT, STR_ARG(xforward_namaddr(s)));
	log_info("%s", buf_cstr(&b));
}

int message_open(struct session *s)
{
	struct why why;

	/* What the cleanup service does for each request: wait a little when qmgr is behind. */
	if (s->p->intake != NULL)
		service_flow_delay(s->ctx);
	if (sink_open(s, intake_flags_of(s), &why) < 0) {
		log_warn("%s", why.text);
		s->error_mask |= NOTIFY_RESOURCE;
		reply(s, "451 4.3.0 Error: queue file write error");
		return -1;
	}
	s->m.open = true;
	log_client(s);
	put_envelope(s);
	return 0;
}

void message_rcpt(struct session *s, struct str rcpt, struct str orcpt, int notify)
{
	if (notify != 0)
		attr(s, "notify_flags", arena_fmt(s->scratch, "%d", notify));
	attr(s, "dsn_orig_rcpt", orcpt);
	sink_record(&s->sink, REC_RCPT, rcpt);
}

static void put_text(struct session *s, struct str text)
{
	while (text.len > 0) {
		ptrdiff_t end = str_chr(text, '\n');

		sink_record(&s->sink, REC_NORM, end < 0 ? text : str_head(text, (size_t)end));
		text = end < 0 ? STR_EMPTY : str_skip(text, (size_t)end + 1);
	}
}

void message_begin(struct session *s)
{
	_cleanup_buf_ struct buf received = BUF_LOCAL(BUF_SMALL);
	const struct strv *prepend = &s->acc.actions.prepend;

	s->m.content = true;
	sink_recordf(&s->sink, REC_MESG, "%s", "");
	for (size_t i = 0; i < prepend->n; i++)
		put_text(s, str_of(prepend->v[i]));
	received_header(s, &received);
	put_text(s, buf_str(&received));
}

static void too_big(struct session *s)
{
	s->m.err |= INTAKE_STAT_SIZE;
	if (!s->m.size_warned)
		log_warn("%s: queue file size limit exceeded", session_id(s));
	s->m.size_warned = true;
}

/* ">>From " at the top is an mbox line that some program left there. */
static bool is_from_line(struct str line)
{
	while (line.len > 0 && line.ptr[0] == '>')
		line = str_skip(line, 1);
	return str_starts(line, STR("From "));
}

/* The first line must neither extend our Received: nor end the header by being nonsense. */
static void first_line(struct session *s, const struct smtp_data_line *line)
{
	s->m.first_done = true;
	if (is_from_line(line->text))
		sink_record(&s->sink, REC_CONT, STR("X-Mailbox-Line: "));
	else if (line->text.len > 0 && (line->text.ptr[0] == ' ' || line->text.ptr[0] == '\t'))
		sink_record(&s->sink, REC_NORM, STR_EMPTY);
}

void message_line(struct session *s, const struct smtp_data_line *line)
{
	struct mail *m = &s->m;

	m->size += (int64_t)line->text.len + 2;
	if (s->c->message_size_limit > 0 && m->size > s->c->message_size_limit)
		too_big(s);
	if (m->err != 0)
		return;
	if (!m->first_done)
		first_line(s, line);
	sink_record(&s->sink, line->partial ? REC_CONT : REC_NORM, line->text);
	m->err |= sink_status(&s->sink);
}

/* What access rules want done with the message. */
static void put_actions(struct session *s)
{
	const struct access_actions *a = &s->acc.actions;
	struct sink *k = &s->sink;
	unsigned flags = (a->hold ? INTAKE_HOLD : 0) | (a->discard ? INTAKE_DISCARD : 0);

	if (flags != 0)
		sink_flags(k, flags);
	sink_record(k, REC_XTRA, STR_EMPTY);
	if (a->filter != NULL)
		sink_record(k, REC_FILT, str_of(a->filter));
	if (a->redirect != NULL)
		sink_record(k, REC_RDR, str_of(a->redirect));
	for (size_t i = 0; i < a->bcc.n; i++) {
		sink_attr(k, "notify_flags", STR("1"));
		sink_record(k, REC_RCPT, str_of(a->bcc.v[i]));
	}
	sink_record(k, REC_END, STR_EMPTY);
}

/* smtpd_end_of_data_restrictions; -1 refused. */
static int end_allowed(struct session *s)
{
	struct access_request rq;

	if (s->stand_alone || s->m.err != 0)
		return 0;
	session_request(s, "END-OF-MESSAGE", &rq);
	return session_check(s, ACCESS_END_OF_DATA, &rq);
}

static void log_reject(struct session *s, struct str text)
{
	struct access_request rq;

	session_request(s, "END-OF-MESSAGE", &rq);
	access_log(&log_notes, &rq, "reject", text);
}

static void reply_bare_lf(struct session *s)
{
	struct str text = arena_fmt(s->scratch, "%lld 5.5.2 %s Error: bare <LF> received",
		(long long)s->c->smtpd_forbid_bare_newline_reject_code, s->c->myhostname);

	s->error_mask |= NOTIFY_PROTOCOL;
	log_reject(s, text);
	reply_text(s, text);
}

/* A complete reply, as milters make them. */
static bool is_reply(struct str reason)
{
	return reason.len > 4 && str_all_digits(str_head(reason, 3)) &&
	       (reason.ptr[3] == ' ' || reason.ptr[3] == '-');
}

/* The reply for what cleanup said, first match wins. */
static void reply_status(struct session *s, unsigned status, struct str reason)
{
	static const struct {
		unsigned bit, notify;
		const char *code, *text;
	} answers[] = {
		{ INTAKE_STAT_DEFER, NOTIFY_RESOURCE, "451 ", "4.7.1 Error: service unavailable" },
		{ INTAKE_STAT_BAD, NOTIFY_SOFTWARE, NULL, "451 4.3.0 Error: internal error 1" },
		{ INTAKE_STAT_SIZE, NOTIFY_POLICY, NULL, "552 5.3.4 Error: message file too big" },
		{ INTAKE_STAT_HOPS, NOTIFY_POLICY, NULL, "554 5.4.0 Error: too many hops" },
		{ INTAKE_STAT_CONT, NOTIFY_POLICY, "550 ",
			"5.7.1 Error: message content rejected" },
		{ INTAKE_STAT_WRITE, NOTIFY_RESOURCE, NULL,
			"451 4.3.0 Error: queue file write error" },
		{ INTAKE_STAT_PROXY, NOTIFY_SOFTWARE, NULL,
			"451 4.3.0 Error: queue file write error" },
	};
	struct dsn_code d;

	if (is_reply(reason)) {
		reply_text(s, reason);
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
		if (!(status & answers[i].bit))
			continue;
		s->error_mask |= answers[i].notify;
		if (answers[i].code == NULL)
			reply(s, "%s", answers[i].text);
		else if (dsn_code_parse(reason, &d) > 0)
			reply(s, "%s" STR_FMT, answers[i].code, STR_ARG(reason));
		else
			reply(s, "%s%s", answers[i].code, answers[i].text);
		return;
	}
	s->error_mask |= NOTIFY_SOFTWARE;
	reply(s, "451 4.3.0 Error: internal error %u", status);
}

static void reply_ok(struct session *s, bool bdat)
{
	s->errors = s->junk = 0;
	s->error_mask = 0;
	notice_forget(s);
	if (bdat)
		reply(s, "250 2.0.0 Ok: %lld bytes queued as %s", (long long)s->m.size, s->sink.id);
	else
		reply(s, "250 2.0.0 Ok: queued as %s", s->sink.id);
}

int message_end(struct session *s, bool bdat)
{
	struct str reason = STR_EMPTY;
	unsigned status;
	int r = -1;

	if (s->m.bare_lf && s->bare == BARE_NOTE)
		s->noted_bare_lf = true;
	if (s->m.bare_lf && s->bare == BARE_REJECT) {
		reply_bare_lf(s);
	} else if (end_allowed(s) == 0) {
		status = s->m.err;
		if (status == 0) {
			put_actions(s);
			status = sink_finish(&s->sink, s->scratch, &reason);
		} else if (status != INTAKE_STAT_SIZE) {
			/* Let the other side say why. */
			sink_record(&s->sink, REC_XTRA, STR_EMPTY);
			sink_record(&s->sink, REC_END, STR_EMPTY);
			status |= sink_finish(&s->sink, s->scratch, &reason);
		}
		if (status == 0) {
			reply_ok(s, bdat);
			r = 0;
		} else {
			reply_status(s, status, reason);
		}
	}
	session_reset(s);
	return r;
}
