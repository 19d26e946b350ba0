/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtpd/command.c — reading one command, the checks that come before its handler, and the table.
 */
#include <errno.h>
#include <sys/socket.h>

#include "base/text.h"
#include "smtpd.h"

#define SHOWN 100

const struct command commands[] = {
	{ .name = "HELO", .fn = cmd_helo, .last = true, .junk = true },
	{ .name = "EHLO", .fn = cmd_ehlo, .last = true, .junk = true },
	{ .name = "XCLIENT", .fn = cmd_xclient }, { .name = "XFORWARD", .fn = cmd_xforward },
	{ .name = "STARTTLS", .fn = cmd_starttls }, { .name = "AUTH", .fn = cmd_auth },
	{ .name = "MAIL", .fn = cmd_mail }, { .name = "RCPT", .fn = cmd_rcpt },
	{ .name = "DATA", .fn = cmd_data, .last = true }, { .name = "BDAT", .fn = cmd_bdat },
	{ .name = "RSET", .fn = cmd_rset, .junk = true },
	{ .name = "NOOP", .fn = cmd_noop, .last = true, .junk = true },
	{ .name = "VRFY", .fn = cmd_vrfy, .last = true, .junk = true },
	{ .name = "ETRN", .fn = cmd_etrn, .junk = true }, { .name = "QUIT", .fn = cmd_quit },
	{ .name = "HELP", .fn = cmd_help }, { .name = NULL }, /* unknown */
};
const size_t commands_n = ARRAY_LEN(commands);

_Static_assert(ARRAY_LEN(commands) <= STAT_MAX, "room for statistics");

/* Drop the rest of a line that is too long; when it has no end either, stop receiving (R2). */
static void skip_long(struct session *s)
{
	size_t max = (size_t)s->c->line_length_limit;
	int r;

	log_warn(STR_FMT ": request longer than %zu: " STR_FMT "...", STR_ARG(s->peer.namaddr), max,
		STR_ARG(str_head(buf_str(&s->line), 30)));
	buf_clear(&s->line);
	r = stream_line(s->io, max, &s->line);
	if (r == 0)
		(void)shutdown(stream_fd(s->io), SHUT_RD);
	s->errors++;
	reply(s, "500 5.5.2 %s Error: command too long", s->c->myhostname);
	if (r < 0)
		session_lost(s, r);
	else if (r == 0)
		session_lost(s, -EPIPE);
}

/* A bare LF ended the command. */
static void bare_lf(struct session *s)
{
	struct access_request rq;
	struct str text;

	s->noted_bare_lf = s->noted_bare_lf || s->bare == BARE_NOTE;
	if (s->bare != BARE_REJECT)
		return;
	session_request(s, s->where, &rq);
	text = arena_fmt(s->scratch, "%lld 5.5.2 %s Error: bare <LF> received",
		(long long)s->c->smtpd_forbid_bare_newline_reject_code, s->c->myhostname);
	access_log(&log_notes, &rq, "reject", text);
	reply_text(s, text);
	s->hangup = true;
}

/* 1 a line; 0 it was dealt with; -1 the session is over. */
static int read_line(struct session *s)
{
	size_t len;
	int r;

	buf_clear(&s->line);
	if (s->c->smtpd_per_request_deadline)
		stream_deadline(s->io, clock_deadline(s->c->smtpd_timeout));
	r = stream_line(s->io, (size_t)s->c->line_length_limit + 2, &s->line);
	len = s->line.len;
	if (r == 0 && len < (size_t)s->c->line_length_limit + 2)
		r = -ENODATA; /* the last line has no end */
	if (r < 0) {
		session_lost(s, r);
		return -1;
	}
	if (r == 0) {
		skip_long(s);
		return s->hangup ? -1 : 0;
	}
	buf_truncate(&s->line, --len);
	s->line_bare = len == 0 || s->line.ptr[len - 1] != '\r';
	notice_line(s, "In:  ", str_rtrim(buf_str(&s->line)));
	if (s->line_bare && s->bare != BARE_NO) {
		bare_lf(s);
		if (s->hangup)
			return -1;
	}
	return 1;
}

static int fail(struct session *s, const char *text)
{
	reply(s, "%s", text);
	s->error_mask |= NOTIFY_PROTOCOL;
	s->errors++;
	return -1;
}

/* smtpd_command_filter. false: the session is over. */
static bool filter(struct session *s)
{
	_cleanup_buf_ struct buf value = BUF_LOCAL(BUF_SMALL);
	struct str line = str_rtrim(buf_str(&s->line));
	struct why why;

	if (s->p->command_filter.n == 0)
		return true;
	switch (tables_get(&s->p->command_filter, line, false, &value, &why)) {
	case LOOKUP_TEMPFAIL:
		log_warn("%s", why.text);
		reply_data_error(s);
		return false;
	case LOOKUP_FOUND:
		log_info(STR_FMT ": replacing command \"" STR_FMT "\" with \"%s\"",
			STR_ARG(s->peer.namaddr), STR_ARG(line), buf_cstr(&value));
		buf_clear(&s->line);
		buf_put(&s->line, buf_str(&value));
		break;
	case LOOKUP_NONE:
		break;
	}
	return true;
}

static bool in_list(const struct match_list *list, struct str word)
{
	struct why why;

	switch (match_str(list, word, &why)) {
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

/* Web browsers, mail headers and other things that do not speak SMTP (threats S18). */
static bool is_forbidden(struct session *s, struct str word)
{
	_cleanup_buf_ struct buf shown = BUF_LOCAL(BUF_SMALL);

	if (!smtp_looks_like_header(word) && !in_list(s->p->forbidden, word))
		return false;
	text_escape(&shown, str_head(str_rtrim(buf_str(&s->line)), SHOWN));
	log_warn("non-SMTP command from " STR_FMT ": %s", STR_ARG(s->peer.namaddr),
		buf_cstr(&shown));
	reply(s, "221 2.7.0 Error: I can break rules, too. Goodbye.");
	return true;
}

/* Input behind a command that must be the last of its group. */
static bool bad_pipelining(struct session *s, const struct command *c)
{
	_cleanup_buf_ struct buf shown = BUF_LOCAL(BUF_SMALL);

	if (!c->last && strcmp(s->protocol, "ESMTP") == 0)
		return false;
	if (s->client->stand_alone || c->fn == cmd_quit || !stream_readable(s->io) ||
		stream_fill(s->io) < 0)
		return false;
	if (!s->illegal_pipelining) {
		text_escape(&shown, str_head(stream_buffered(s->io), SHOWN));
		log_info("improper command pipelining after %s from " STR_FMT ": %s", s->where,
			STR_ARG(s->peer.namaddr), buf_cstr(&shown));
	}
	s->illegal_pipelining = true;
	if (!s->c->smtpd_forbid_unauth_pipelining)
		return false;
	reply(s, "554 5.5.0 Error: SMTP protocol synchronization");
	s->error_mask |= NOTIFY_PROTOCOL;
	return true;
}

static size_t find(struct str word)
{
	size_t i;

	for (i = 0; i + 1 < commands_n; i++)
		if (str_ieq(word, str_of(commands[i].name)))
			break;
	return i;
}

static void junk(struct session *s)
{
	if (s->junk++ > (unsigned)s->c->smtpd_junk_command_limit)
		s->errors++;
}

/* Run one parsed command; false: the session is over. */
static bool run(struct session *s, const struct smtp_command *cmd)
{
	size_t i = find(cmd->v[0].text);
	const struct command *c = &commands[i];
	struct command_stat *stat = &s->stats[i];

	if (in_list(s->p->noop, cmd->v[0].text)) {
		reply(s, "250 2.0.0 Ok");
		junk(s);
		return true;
	}
	if (c->fn == NULL && is_forbidden(s, cmd->v[0].text)) {
		s->where = "UNKNOWN";
		stat->total++;
		return false;
	}
	s->where = c->fn == NULL ? "UNKNOWN" : c->name;
	stat->total++;
	if (s->denied && c->fn != cmd_quit) {
		reply(s, "503 5.7.0 Error: access denied for " STR_FMT, STR_ARG(s->peer.namaddr));
		s->errors++;
		return true;
	}
	if (c->fn == NULL) {
		(void)fail(s, "500 5.5.2 Error: command not recognized");
		return true;
	}
	if (bad_pipelining(s, c))
		return false;
	if (c->fn(s, cmd) < 0)
		s->errors++;
	else
		stat->ok++;
	if (c->junk)
		junk(s);
	return true;
}

/* A line that begins with a control character is no mistake of typing: TLS, or worse. */
static bool is_binary(struct session *s)
{
	struct str line = buf_str(&s->line), word = line;
	size_t n = 0;

	if (line.len == 0 || (unsigned char)line.ptr[0] >= ' ' ||
		is_space((unsigned char)line.ptr[0]))
		return false;
	while (n < line.len && line.ptr[n] != '\0' && !is_space((unsigned char)line.ptr[n]))
		n++;
	word.len = MAX(n, (size_t)1);
	return is_forbidden(s, word);
}

/* Characters of the line are in order, and it has words. */
static int parse(struct session *s, struct smtp_command *ret)
{
	struct str line = buf_str(&s->line);

	if (s->c->smtputf8_enable && str_has_8bit(line) && !utf8_is_valid(line))
		return fail(s, "500 5.5.2 Error: bad UTF-8 syntax");
	if (smtp_command_parse(line, s->scratch, ret) < 0)
		return fail(s, "500 5.5.2 Error: bad syntax");
	return 0;
}

bool command_next(struct session *s)
{
	struct smtp_command cmd;
	int r;

	if (s->errors >= (unsigned)s->c->smtpd_hard_error_limit) {
		reply(s, "421 4.7.0 %s Error: too many errors", s->c->myhostname);
		s->error_mask |= NOTIFY_PROTOCOL;
		s->reason = "too many errors";
		return false;
	}
	arena_clear(s->scratch);
	r = read_line(s);
	if (r <= 0)
		return r == 0;
	if (!filter(s))
		return false;
	if (is_binary(s)) {
		s->where = "UNKNOWN";
		s->stats[commands_n - 1].total++;
		return false;
	}
	if (parse(s, &cmd) < 0)
		return !s->hangup;
	return run(s, &cmd);
}
