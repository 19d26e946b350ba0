/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtpd/misc.c — RSET, NOOP, VRFY, QUIT, HELP, and commands that belong to features not enabled.
 */
#include "smtpd.h"

static int error(struct session *s, const char *text)
{
	s->error_mask |= NOTIFY_PROTOCOL;
	reply(s, "%s", text);
	return -1;
}

int cmd_rset(struct session *s, const struct smtp_command *cmd)
{
	if (cmd->n != 1)
		return error(s, "501 5.5.4 Syntax: RSET");
	session_reset(s);
	reply(s, "250 2.0.0 Ok");
	return 0;
}

int cmd_noop(struct session *s, const struct smtp_command *cmd)
{
	(void)cmd;
	reply(s, "250 2.0.0 Ok");
	return 0;
}

int cmd_quit(struct session *s, const struct smtp_command *cmd)
{
	(void)cmd;
	reply(s, "221 2.0.0 Bye");
	s->quit = true;
	return 0;
}

int cmd_help(struct session *s, const struct smtp_command *cmd)
{
	(void)cmd;
	reply(s,
		"214 2.0.0 Commands: AUTH BDAT DATA EHLO ETRN HELO HELP MAIL NOOP QUIT RCPT RSET STARTTLS "
		"VRFY XCLIENT XFORWARD");
	return 0;
}

int cmd_starttls(struct session *s, const struct smtp_command *cmd)
{
	if (cmd->n != 1)
		return error(s, "501 5.5.4 Syntax: STARTTLS");
	return error(s, "502 5.5.1 Error: command not implemented");
}

int cmd_auth(struct session *s, const struct smtp_command *cmd)
{
	(void)cmd;
	if (s->c->smtpd_helo_required && s->helo.len == 0)
		return error(s, "503 5.5.1 Error: send HELO/EHLO first");
	return error(s, "503 5.5.1 Error: authentication not enabled");
}

/* Recipient checks for an address that is only asked about. */
static int vrfy_allowed(struct session *s, struct str address)
{
	struct access_request rq;

	if (s->stand_alone)
		return 0;
	session_request(s, "VRFY", &rq);
	rq.has_recipient = true;
	rq.recipient = address;
	return session_check(s, ACCESS_RCPT, &rq);
}

int cmd_vrfy(struct session *s, const struct smtp_command *cmd)
{
	size_t n = cmd->n;
	struct smtp_token arg;
	struct str address, shown;

	if (s->c->smtpd_helo_required && s->helo.len == 0)
		return error(s, "503 5.5.1 Error: send HELO/EHLO first");
	if (s->c->disable_vrfy_command)
		return error(s, "502 5.5.1 VRFY command is disabled");
	if (s->c->smtputf8_enable && n > 2 && str_ieq(cmd->v[n - 1].text, STR("SMTPUTF8")))
		n--;
	if (n < 2)
		return error(s, s->c->smtputf8_enable ? "501 5.5.4 Syntax: VRFY address [SMTPUTF8]"
						      : "501 5.5.4 Syntax: VRFY address");
	/* All words make one address: "VRFY Full Name <a@b>". */
	shown = str_from(cmd->v[1].text.ptr,
		(size_t)(cmd->v[n - 1].text.ptr + cmd->v[n - 1].text.len - cmd->v[1].text.ptr));
	arg = (struct smtp_token){ .text = shown, .bad = cmd->v[n - 1].bad };
	if (anvil_count(s, ANVIL_RECIPIENT)) {
		s->error_mask |= NOTIFY_POLICY;
		reply(s, "450 4.7.1 Error: too many recipients from " STR_FMT,
			STR_ARG(s->peer.addr));
		return -1;
	}
	if (take_path(s, &arg, false, "501 5.1.3 Bad recipient address syntax", &address) < 0)
		return -1;
	if (vrfy_allowed(s, address) < 0)
		return -1;
	reply(s, "252 2.0.0 " STR_FMT, STR_ARG(shown));
	return 0;
}
