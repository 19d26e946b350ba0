/* SPDX-License-Identifier: Apache-2.0 */
/*
 * notice.c — the transcript of a session, sent to the postmaster when the server broke the protocol
 * (notify_classes: protocol). Kept only where it may be wanted.
 */

#include "client.h"
#include "intake/intake.h"
#include "intake/post.h"
#include "log/log.h"

/* Lines that are kept, and the length of one. */
#define MAX_LINES 500
#define MAX_LINE  500

static void add(const struct client *c, struct session *s, const char *prefix, struct str line)
{
	_cleanup_buf_ struct buf b = BUF_LOCAL(BUF_SMALL);

	if (!c->notify_protocol || s->history.n > MAX_LINES)
		return;
	if (s->history.n == MAX_LINES) {
		strv_add(&s->history, STR("[transcript is longer than this]"));
		return;
	}
	buf_puts(&b, prefix);
	text_printable(&b, str_head(line, MAX_LINE), true);
	strv_add(&s->history, buf_str(&b));
}

void notice_in(const struct client *c, struct session *s, struct str line)
{
	add(c, s, " In:  ", line);
}

void notice_out(const struct client *c, struct session *s, struct str text)
{
	ptrdiff_t end;

	while (c->notify_protocol && (end = str_find(text, STR("\r\n"))) >= 0) {
		add(c, s, " Out: ", str_head(text, (size_t)end));
		text = str_skip(text, (size_t)end + 2);
	}
}

void notice_code(struct session *s, int code)
{
	/* Syntax errors are ours or theirs; both are worth a look. So are codes that fit nothing. */
	if (code / 10 == 50 || (code / 100 != 4 && code / 100 != 5))
		s->protocol_error = true;
}

static int put_head(const struct client *c, const struct session *s, struct post *p)
{
	const struct client_params *cp = &c->p;
	_cleanup_buf_ struct buf date = BUF_LOCAL(BUF_SMALL);
	int r = post_received(p, cp->myhostname, cp->mail_name);

	clock_rfc5322(&date, (time_t)(clock_wall() / USEC_PER_SEC));
	if (r == 0)
		r = post_linef(p, "Date: %s", buf_cstr(&date));
	if (r == 0)
		r = post_linef(p, "From: Mail Delivery System <MAILER-DAEMON@%s>", cp->myhostname);
	if (r == 0)
		r = post_linef(p, "To: Postmaster <%s>", cp->error_notice_recipient);
	if (r == 0)
		r = post_linef(p, "Subject: %s %s client: errors from %s", cp->mail_name,
			c->lmtp ? "LMTP" : "SMTP", s->where_port);
	if (r == 0)
		r = post_line(p, STR_EMPTY);
	if (r == 0)
		r = post_linef(p, "Unexpected response from %s.", s->where_port);
	return r;
}

static int put_transcript(const struct session *s, struct post *p)
{
	int r = post_line(p, STR_EMPTY);

	if (r == 0)
		r = post_linef(p, "Transcript of session follows.");
	if (r == 0)
		r = post_line(p, STR_EMPTY);
	for (size_t i = 0; r == 0 && i < s->history.n; i++)
		r = post_line(p, str_of(s->history.v[i]));
	if (r == 0)
		r = post_line(p, STR_EMPTY);
	if (r == 0)
		r = post_linef(p, "For other details, see the local mail logfile");
	if (r == 0)
		r = post_record(p, REC_XTRA, STR_EMPTY);
	if (r == 0)
		r = post_record(p, REC_END, STR_EMPTY);
	return r;
}

static int send_notice(const struct client *c, const struct session *s, struct why *why)
{
	_cleanup_buf_ struct buf path = BUF_LOCAL(BUF_SMALL), sender = BUF_LOCAL(BUF_SMALL);
	const struct client_params *cp = &c->p;
	struct post *p = NULL;
	struct str reason;
	unsigned status = 0;
	int r;

	buf_putf(&path, "public/%s", cp->cleanup_service_name);
	buf_putf(&sender, "%s@%s", cp->double_bounce_sender, cp->myhostname);
	r = post_notice(buf_cstr(&path), INTAKE_INTERNAL, cp->ipc_timeout, buf_str(&sender),
		str_of(cp->error_notice_recipient), 0, &p, why);
	if (r < 0)
		return r;
	r = put_head(c, s, p);
	if (r == 0)
		r = put_transcript(s, p);
	if (r < 0)
		(void)why_errno(why, r, "write");
	else
		r = post_finish(p, &status, &reason, why);
	if (r == 0 && status != 0)
		r = why_set(why, -1, "refused by cleanup");
	post_free(p);
	return r;
}

void notice_send(const struct client *c, struct session *s)
{
	struct why why = { 0 };

	if (c->notify_protocol && s->protocol_error && send_notice(c, s, &why) < 0)
		log_warn("postmaster notice about %s was not sent: %s", s->where_port, why.text);
	strv_done(&s->history);
	s->protocol_error = false;
}
