/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtpd/notice.c — the transcript of a session, and telling the postmaster (notify_classes).
 */
#include <unistd.h>

#include "smtpd.h"

/* Longest line of the transcript that is kept. */
#define MAX_LINE 500
/* Memory of a transcript that the next one uses again. */
#define KEPT 1024

void notice_line(struct session *s, const char *prefix, struct str line)
{
	struct buf *h = &s->history;

	if (s->p->notify == 0 || s->history_lines >= s->c->smtpd_history_flush_threshold)
		return;
	buf_puts(h, prefix);
	buf_put(h, str_head(line, MAX_LINE));
	buf_putc(h, '\n');
	if (++s->history_lines == s->c->smtpd_history_flush_threshold)
		buf_puts(h, "[transcript is longer than this]\n");
}

void notice_forget(struct session *s)
{
	buf_trim(&s->history, KEPT);
	s->history_lines = 0;
}

static int write_notice(struct session *s, struct post *p, struct str sender)
{
	int r = post_received(p, s->c->myhostname, s->c->mail_name);

	if (r == 0)
		r = post_linef(p, "From: Mail Delivery System <" STR_FMT ">", STR_ARG(sender));
	if (r == 0)
		r = post_linef(p, "To: Postmaster <%s>", s->c->error_notice_recipient);
	if (r == 0)
		r = post_linef(p, "Subject: %s SMTP server: errors from " STR_FMT, s->c->mail_name,
			STR_ARG(s->peer.namaddr));
	if (r == 0)
		r = post_linef(p, "%s", "");
	if (r == 0)
		r = post_linef(p, "Transcript of session follows.");
	if (r == 0)
		r = post_linef(p, "%s", "");
	for (struct str rest = buf_str(&s->history); r == 0 && rest.len > 0;) {
		struct str line = str_head(rest, (size_t)str_chr(rest, '\n'));

		r = post_linef(p, " " STR_FMT, STR_ARG(line));
		rest = str_skip(rest, line.len + 1);
	}
	if (r == 0)
		r = post_linef(p, "%s", "");
	if (r == 0 && s->reason != NULL)
		r = post_linef(p, "Session aborted, reason: %s", s->reason);
	if (r == 0)
		r = post_linef(p, "For other details, see the local mail logfile");
	if (r == 0)
		r = post_record(p, REC_XTRA, STR_EMPTY);
	if (r == 0)
		r = post_record(p, REC_END, STR_EMPTY);
	return r;
}

void notice_send(struct session *s)
{
	unsigned status = 0;
	struct post *p = NULL;
	struct str sender, reason;
	struct why why;
	int r;

	if ((s->error_mask & s->p->notify) == 0 || s->history_lines == 0 || s->stand_alone)
		return;
	sender = str_of(s->c->double_bounce_sender);
	if (str_chr(sender, '@') < 0)
		sender = arena_fmt(s->arena, "%s@%s", s->c->double_bounce_sender, s->c->myorigin);
	r = post_notice(s->p->cleanup_path, INTAKE_INTERNAL, s->c->ipc_timeout, sender,
		str_of(s->c->error_notice_recipient), 0, &p, &why);
	if (r == 0) {
		r = write_notice(s, p, sender);
		if (r == 0)
			r = post_finish(p, &status, &reason, &why);
		else
			(void)why_errno(&why, r, "write");
	}
	if (r < 0 || status != 0)
		log_warn("postmaster notice about " STR_FMT " was not sent: %s",
			STR_ARG(s->peer.namaddr), r < 0 ? why.text : "refused by cleanup");
	post_free(p);
	notice_forget(s);
	s->error_mask = 0;
}
