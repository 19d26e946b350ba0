/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtpd/bdat.c — BDAT: content in counted chunks.
 *
 * The payload of every chunk is consumed, accepted or not, before the reply goes out: what the
 * client counted as content is never read as commands (threats S10, M4).
 */
#include <errno.h>
#include <sys/socket.h>

#include "base/num.h"
#include "smtpd.h"

struct chunk {
	int64_t size;
	bool last;
};

/* Read and drop; past 1.5 times the limit the client is cut off (R2). 0 or the stream's error. */
static int skip(struct session *s, int64_t n)
{
	int64_t limit = s->c->message_size_limit + s->c->message_size_limit / 2;

	while (n > 0) {
		size_t have;
		int r = stream_fill(s->io);

		if (r < 0)
			return r;
		have = stream_buffered(s->io).len;
		if ((int64_t)have > n)
			have = (size_t)n;
		stream_skip(s->io, have);
		n -= (int64_t)have;
		s->m.skipped += (int64_t)have;
		if (limit > 0 && s->m.skipped > limit)
			(void)shutdown(stream_fd(s->io), SHUT_RD);
	}
	return 0;
}

/* Refuse a chunk: its bytes go, the reply comes, and the rest of the message goes the same way. */
static int refuse(struct session *s, const struct chunk *c, const char *text)
{
	_cleanup_free_ char *copy = str_dup(str_of(text));
	int r = skip(s, c->size);

	s->error_mask |= NOTIFY_PROTOCOL;
	if (r < 0) {
		session_lost(s, r);
		return -1;
	}
	reply(s, "%s", copy);
	if (c->last) {
		session_reset(s);
	} else {
		int64_t skipped = s->m.skipped;

		session_reset(s);
		s->m.bdat = BDAT_ERROR;
		s->m.skipped = skipped;
	}
	return -1;
}

/* Chunks after one that was refused. */
static int discard(struct session *s, const struct chunk *c)
{
	int r = skip(s, c->size);

	if (r < 0) {
		session_lost(s, r);
		return -1;
	}
	reply(s, "551 5.0.0 Discarded %lld bytes after earlier error", (long long)c->size);
	if (c->last)
		session_reset(s);
	return -1;
}

/* Take the bytes of one chunk: 0 or the stream's error. */
static int receive(struct session *s, int64_t n)
{
	while (n > 0) {
		struct smtp_data_line line;
		struct str in;
		size_t used;
		int r = stream_fill(s->io);

		if (r < 0)
			return r;
		in = stream_buffered(s->io);
		if ((int64_t)in.len > n)
			in.len = (size_t)n;
		r = smtp_data_next(&s->m.data, in, &used, &line);
		if (r == 1)
			message_line(s, &line);
		stream_skip(s->io, used);
		n -= (int64_t)used;
	}
	return 0;
}

/* The first chunk: what DATA would check. */
static int begin(struct session *s, const struct chunk *c)
{
	struct access_request rq;
	struct str text;

	if (!s->stand_alone) {
		session_request(s, "DATA", &rq);
		switch (access_check(s->p->access, ACCESS_DATA, &s->acc, &rq, &text)) {
		case ACCESS_PERMIT:
			break;
		case ACCESS_HANGUP:
			s->hangup = true;
			return -1;
		case ACCESS_REJECT:
			return refuse(s, c, arena_cstr(s->scratch, text));
		}
	}
	message_begin(s);
	smtp_data_init_chunk(&s->m.data,
		s->bare == BARE_NO ? SMTP_BARE_LF_ALLOW : SMTP_BARE_LF_NORMALIZE,
		(size_t)s->c->line_length_limit);
	s->m.bdat = BDAT_OK;
	return 0;
}

static int parse(struct session *s, const struct smtp_command *cmd, struct chunk *ret)
{
	uint64_t n;

	if (s->ehlo_discard & EHLO_CHUNKING) {
		reply(s, "521 5.5.1 Error: command not implemented");
		return -1;
	}
	if (cmd->n < 2 || cmd->n > 3 || num_u64(cmd->v[1].text, INT64_MAX / 2, &n) < 0 ||
		(cmd->n == 3 && !str_ieq(cmd->v[2].text, STR("LAST")))) {
		s->error_mask |= NOTIFY_PROTOCOL;
		reply(s, "521 5.5.4 Syntax: BDAT count [LAST]");
		return -1;
	}
	*ret = (struct chunk){ .size = (int64_t)n, .last = cmd->n == 3 };
	return 0;
}

static int finish(struct session *s)
{
	struct smtp_data_line line;

	s->m.bare_lf = s->m.data.saw_bare_lf;
	if (smtp_data_rest(&s->m.data, &line) == 1)
		message_line(s, &line);
	smtp_data_done(&s->m.data);
	s->where = "END-OF-MESSAGE";
	return message_end(s, true);
}

int cmd_bdat(struct session *s, const struct smtp_command *cmd)
{
	struct chunk c;
	int r;

	if (parse(s, cmd, &c) < 0)
		return -1;
	if (s->m.bdat == BDAT_ERROR)
		return discard(s, &c);
	if (s->m.rcpt_count == 0)
		return refuse(s, &c,
			s->m.has_sender ? "554 5.5.1 Error: no valid recipients"
					: "503 5.5.1 Error: need RCPT command");
	if (c.size == 0 && !c.last)
		return refuse(s, &c, "551 5.7.1 Null BDAT request");
	if (s->c->message_size_limit > 0 && c.size > s->c->message_size_limit - s->m.size)
		return refuse(s, &c, "552 5.3.4 Chunk exceeds message size limit");
	if (s->m.bdat == BDAT_NONE && begin(s, &c) < 0)
		return -1;
	if (s->c->smtpd_per_request_deadline)
		stream_data_rate(s->io, (size_t)s->c->smtpd_min_data_rate);
	r = receive(s, c.size);
	stream_data_rate(s->io, 0);
	if (r < 0) {
		session_lost(s, r);
		return -1;
	}
	if (c.last)
		return finish(s);
	reply(s, "250 2.0.0 Ok: %lld bytes", (long long)c.size);
	return 0;
}
