/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtpd/session.c — one conversation from connect to disconnect.
 *
 * A session that is over leaves its object, with its buffers and arenas, to a later one.
 */
#include <errno.h>

#include "base/mem.h"
#include "base/text.h"
#include "smtpd.h"

/* Bytes of a connection, a transaction and a command: more than any legal peer needs (R3). */
#define ARENA_TX      ((size_t)4 * 1024 * 1024)
#define ARENA_SCRATCH ((size_t)8 * 1024 * 1024)
#define REPLY_LIMIT   (BUF_SMALL - 1024)
/* Bytes of arenas and texts that the next session uses again. */
#define KEEP_ARENA ((size_t)2 * 1024)
#define KEEP_TEXT  ((size_t)512)
/* A peer that was too slow gets this long to take the news. */
#define LAST_WORD_TIMEOUT (5 * USEC_PER_SEC)
/* Bytes of input that a log line shows. */
#define SHOWN 100

const char *session_id(const struct session *s)
{
	return s->sink.id[0] != '\0' ? s->sink.id : "NOQUEUE";
}

void session_request(const struct session *s, const char *stage, struct access_request *ret)
{
	*ret = (struct access_request){
		.stage = stage,
		.client = s->peer.namaddr,
		.name = s->peer.name,
		.reverse_name = s->peer.reverse_name,
		.addr = s->peer.addr,
		.name_status = s->peer.name_status,
		.reverse_status = s->peer.reverse_status,
		.helo = s->helo,
		.protocol = str_of(s->protocol),
		.illegal_pipelining = s->illegal_pipelining,
		.local_submission = s->stand_alone,
		.no_socket_addr = s->peer.family == AF_UNSPEC,
		.has_sender = s->m.has_sender,
		.sender = s->m.sender,
		.has_recipient = s->m.rcpt_count == 1,
		.recipient = s->m.rcpt,
		.recipient_count = s->m.rcpt_count,
		.queue_id = str_of(s->sink.id),
	};
}

int session_check(struct session *s, enum access_point point, const struct access_request *rq)
{
	struct str text;

	switch (access_check(s->p->access, point, &s->acc, rq, &text)) {
	case ACCESS_PERMIT:
		return 0;
	case ACCESS_HANGUP:
		s->hangup = true;
		break;
	case ACCESS_REJECT:
		s->error_mask |= NOTIFY_POLICY;
		reply_text(s, text);
		break;
	}
	return -1;
}

void session_lost(struct session *s, int err)
{
	if (err == -ETIMEDOUT) {
		s->reason = "timeout";
		stream_last_word(s->io, LAST_WORD_TIMEOUT);
		reply(s, "421 4.4.2 %s Error: timeout exceeded", s->c->myhostname);
		reply_flush(s);
	} else {
		s->reason = "lost connection";
	}
	s->hangup = true;
}

void session_set_helo(struct session *s, struct str name)
{
	name = arena_str(s->scratch, name); /* it may lie in the text that is cleared */
	buf_clear(&s->helo_text);
	buf_put(&s->helo_text, name);
	s->helo = buf_str(&s->helo_text);
}

void session_reset(struct session *s)
{
	smtp_data_done(&s->m.data);
	sink_close(&s->sink);
	s->m = (struct mail){ .ret = 0 };
	s->xf = (struct xforward){ .any = false };
	access_state_end_mail(&s->acc);
	arena_clear(s->tx);
}

/* A list of clients; when it cannot be read the client gets nothing from it. */
static bool listed(const struct session *s, const struct match_list *list)
{
	struct why why;

	switch (match_client(list, s->peer.name, s->peer.addr, &why)) {
	case LOOKUP_FOUND:
		return true;
	case LOOKUP_TEMPFAIL:
		log_warn("%s", why.text);
		break;
	case LOOKUP_NONE:
		break;
	}
	return false;
}

void session_client_rights(struct session *s)
{
	s->may_xclient = !s->stand_alone && listed(s, s->p->xclient_hosts);
	s->may_xforward = listed(s, s->p->xforward_hosts);
	s->may_verp = listed(s, s->p->verp_hosts);
	s->bare = s->stand_alone || listed(s, s->p->bare_exclusions) ? BARE_NO : s->p->bare;
}

/* smtpd_discard_ehlo_keyword_address_maps; false: cannot tell. */
static bool find_ehlo_discard(struct session *s)
{
	_cleanup_buf_ struct buf value = BUF_LOCAL(BUF_SMALL);
	struct why why;

	s->ehlo_discard = s->p->ehlo_discard;
	if (s->p->ehlo_maps.n == 0)
		return true;
	switch (tables_get(&s->p->ehlo_maps, s->peer.addr, false, &value, &why)) {
	case LOOKUP_FOUND:
		s->ehlo_discard = ehlo_mask(buf_str(&value));
		break;
	case LOOKUP_TEMPFAIL:
		log_warn("%s", why.text);
		reply_data_error(s);
		return false;
	case LOOKUP_NONE:
		break;
	}
	return true;
}

/* Input before the greeting: only broken and abusive clients talk first. */
static bool early_talker(struct session *s)
{
	_cleanup_buf_ struct buf shown = BUF_LOCAL(BUF_SMALL);

	if (s->client->stand_alone || s->client->from_pass || !stream_readable(s->io))
		return false;
	if (stream_fill(s->io) < 0)
		return false;
	text_escape(&shown, str_head(stream_buffered(s->io), SHOWN));
	log_info("improper command pipelining after CONNECT from " STR_FMT ": %s",
		STR_ARG(s->peer.namaddr), buf_cstr(&shown));
	s->illegal_pipelining = true;
	if (!s->c->smtpd_forbid_unauth_pipelining)
		return false;
	reply(s, "554 5.5.0 Error: SMTP protocol synchronization");
	s->hangup = true;
	return true;
}

/* Client restrictions, then the greeting. */
static void greet(struct session *s)
{
	struct access_request rq;

	if (!find_ehlo_discard(s))
		return;
	s->denied = false;
	if (!s->stand_alone && !s->c->smtpd_delay_reject) {
		session_request(s, "CONNECT", &rq);
		if (session_check(s, ACCESS_CONNECT, &rq) < 0) {
			s->denied = !s->hangup;
			return;
		}
	}
	reply(s, "220 %s", s->c->smtpd_banner);
}

static bool too_many_connections(struct session *s)
{
	if (!anvil_count(s, ANVIL_CONNECT))
		return false;
	s->error_mask |= NOTIFY_POLICY;
	reply(s, "421 4.7.0 %s Error: too many connections from " STR_FMT, s->c->myhostname,
		STR_ARG(s->peer.addr));
	return true;
}

static void converse(struct session *s)
{
	if (s->p->anvil != NULL && too_many_connections(s))
		return;
	if (early_talker(s))
		return;
	greet(s);
	while (!s->hangup && !s->quit) {
		if (s->restart) { /* XCLIENT: as if the client had just come */
			s->restart = false;
			greet(s);
			continue;
		}
		if (!command_next(s))
			break;
	}
}

static void log_end(struct session *s)
{
	_cleanup_buf_ struct buf b = BUF_LOCAL(BUF_SMALL);
	unsigned ok = 0, total = 0;

	if (s->reason != NULL && strcmp(s->where, "END-OF-MESSAGE") != 0) {
		if (s->m.content &&
			(strcmp(s->where, "DATA") == 0 || strcmp(s->where, "BDAT") == 0))
			log_info("%s: %s after %s (%lld bytes) from " STR_FMT, session_id(s),
				s->reason, s->where, (long long)s->m.size,
				STR_ARG(s->peer.namaddr));
		else
			log_info("%s: %s after %s from " STR_FMT, session_id(s), s->reason,
				s->where, STR_ARG(s->peer.namaddr));
	}
	buf_putf(&b, "disconnect from " STR_FMT, STR_ARG(s->peer.namaddr));
	for (size_t i = 0; i < commands_n; i++) {
		const struct command_stat *st = &s->stats[i];
		const char *name = commands[i].name != NULL ? commands[i].name : "unknown";

		ok += st->ok;
		total += st->total;
		if (st->total == 0)
			continue;
		buf_putc(&b, ' ');
		if (text_lower(&b, str_of(name)) < 0)
			break;
		buf_putf(&b, "=%u", st->ok);
		if (st->ok != st->total)
			buf_putf(&b, "/%u", st->total);
	}
	buf_putf(&b, " commands=%u", ok);
	if (ok != total || total == 0)
		buf_putf(&b, "/%u", total);
	if (s->noted_bare_lf)
		buf_puts(&b, " notes=bare_lf");
	log_info("%s", buf_cstr(&b));
}

static struct session *make(void)
{
	struct session *s = mem_new(struct session);

	s->tx = arena_new(ARENA_TX);
	s->scratch = arena_new(ARENA_SCRATCH);
	s->line = BUF(BUF_SMALL);
	s->out = BUF(REPLY_LIMIT);
	s->helo_text = BUF(BUF_SMALL);
	s->sink.text = BUF(BUF_SMALL);
	s->history = BUF(SIZE_MAX / 2);
	return s;
}

void session_discard(void *object)
{
	struct session *s = object;

	access_state_done(&s->acc);
	buf_done(&s->sink.text);
	buf_done(&s->helo_text);
	buf_done(&s->line);
	buf_done(&s->out);
	buf_done(&s->history);
	arena_free(s->tx);
	arena_free(s->scratch);
	arena_free(s->told);
	free(s);
}

/* From one session to the next nothing goes over but memory, and of that no more than is usual. */
static void forget(struct session *s)
{
	session_reset(s);
	access_state_reset(&s->acc);
	buf_trim(&s->sink.text, KEEP_TEXT);
	buf_trim(&s->helo_text, KEEP_TEXT);
	buf_trim(&s->line, KEEP_TEXT);
	buf_trim(&s->out, KEEP_TEXT);
	notice_forget(s);
	arena_trim(s->tx, KEEP_ARENA);
	arena_trim(s->scratch, KEEP_ARENA);
	if (s->told != NULL)
		arena_trim(s->told, KEEP_ARENA);
	*s = (struct session){
		.acc = s->acc,
		.sink.text = s->sink.text,
		.helo_text = s->helo_text,
		.line = s->line,
		.out = s->out,
		.history = s->history,
		.tx = s->tx,
		.scratch = s->scratch,
		.told = s->told,
	};
}

static struct session *begin(struct service_ctx *ctx, struct service_client *client)
{
	struct smtpd *p = ctx->user;
	struct session *s = spares_take(p->sessions);

	if (s == NULL)
		s = make();
	s->p = p;
	s->c = &p->c;
	s->ctx = ctx;
	s->client = client;
	s->io = client->stream;
	s->arena = client->arena;
	s->protocol = "SMTP";
	s->where = "CONNECT";
	s->stand_alone = client->stand_alone && p->deposit;
	stream_timeout(s->io, p->c.smtpd_timeout);
	return s;
}

void smtpd_serve(struct service_ctx *ctx, struct service_client *client)
{
	struct session *s = begin(ctx, client);
	struct spares *spares = s->p->sessions;

	peer_init(s);
	log_info("connect from " STR_FMT, STR_ARG(s->peer.namaddr));
	session_client_rights(s);
	s->count_events = !s->stand_alone && !s->may_xclient && !listed(s, s->p->event_exceptions);
	converse(s);
	reply_flush(s);
	notice_send(s);
	(void)anvil_count(s, ANVIL_DISCONNECT);
	log_end(s);
	forget(s);
	spares_put(spares, s);
}
