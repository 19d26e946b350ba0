/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtpd/data.c — DATA: content until CR LF . CR LF.
 */
#include <errno.h>

#include "smtpd.h"

static int error(struct session *s, const char *text)
{
	s->error_mask |= NOTIFY_PROTOCOL;
	reply(s, "%s", text);
	return -1;
}

static enum smtp_bare_lf decoder_mode(const struct session *s)
{
	if (s->bare == BARE_NO)
		return SMTP_BARE_LF_ALLOW;
	return s->bare == BARE_REJECT ? SMTP_BARE_LF_REJECT : SMTP_BARE_LF_NORMALIZE;
}

/* Read to the end of data: 0 or the stream's error. */
static int receive(struct session *s, struct smtp_data *d)
{
	for (;;) {
		struct smtp_data_line line;
		size_t used;
		int r = stream_fill(s->io);

		if (r < 0)
			return r;
		r = smtp_data_next(d, stream_buffered(s->io), &used, &line);
		if (r == 1)
			message_line(s, &line);
		stream_skip(s->io, used);
		if (r == 2)
			return 0;
	}
}

static int state_error(struct session *s, const struct smtp_command *cmd)
{
	if (s->m.bdat != BDAT_NONE)
		return error(s, "503 5.5.1 Error: DATA after BDAT");
	if (s->m.rcpt_count == 0)
		return error(s, s->m.has_sender ? "554 5.5.1 Error: no valid recipients"
						: "503 5.5.1 Error: need RCPT command");
	if (cmd->n != 1)
		return error(s, "501 5.5.4 Syntax: DATA");
	return 0;
}

/* smtpd_data_restrictions; -1 refused. */
static int allowed(struct session *s)
{
	struct access_request rq;

	if (s->stand_alone)
		return 0;
	session_request(s, "DATA", &rq);
	return session_check(s, ACCESS_DATA, &rq);
}

int cmd_data(struct session *s, const struct smtp_command *cmd)
{
	struct smtp_data d;
	int r;

	if (state_error(s, cmd) < 0 || allowed(s) < 0)
		return -1;
	reply(s, "354 End data with <CR><LF>.<CR><LF>");
	message_begin(s);
	smtp_data_init(&d, decoder_mode(s), (size_t)s->c->line_length_limit);
	d.prev_bare = s->line_bare && s->bare != BARE_NO;
	if (s->c->smtpd_per_request_deadline)
		stream_data_rate(s->io, (size_t)s->c->smtpd_min_data_rate);
	r = receive(s, &d);
	stream_data_rate(s->io, 0);
	s->m.bare_lf = d.saw_bare_lf;
	smtp_data_done(&d);
	if (r < 0) {
		session_lost(s, r);
		return -1;
	}
	s->where = "END-OF-MESSAGE";
	return message_end(s, false);
}
