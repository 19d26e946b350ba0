/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtpd/helo.c — HELO, EHLO and what is announced.
 */
#include "base/text.h"
#include "smtpd.h"

static const struct {
	const char *name;
	unsigned bit;
} keywords[] = {
	{ "8bitmime", EHLO_8BITMIME },
	{ "auth", EHLO_AUTH },
	{ "etrn", EHLO_ETRN },
	{ "pipelining", EHLO_PIPELINING },
	{ "size", EHLO_SIZE },
	{ "vrfy", EHLO_VRFY },
	{ "verp", EHLO_VERP },
	{ "xclient", EHLO_XCLIENT },
	{ "xforward", EHLO_XFORWARD },
	{ "starttls", EHLO_STARTTLS },
	{ "enhancedstatuscodes", EHLO_ENHANCEDSTATUSCODES },
	{ "dsn", EHLO_DSN },
	{ "smtputf8", EHLO_SMTPUTF8 },
	{ "chunking", EHLO_CHUNKING },
	{ "requiretls", EHLO_REQUIRETLS },
	{ "silent-discard", EHLO_SILENT },
};

unsigned ehlo_mask(struct str words)
{
	struct str word;
	unsigned mask = 0;

	while (str_word(&words, ", \t\r\n", &word)) {
		size_t i;

		for (i = 0; i < ARRAY_LEN(keywords); i++)
			if (str_ieq(word, str_of(keywords[i].name)))
				break;
		if (i == ARRAY_LEN(keywords))
			log_warn("ignoring unknown EHLO keyword \"" STR_FMT
				 "\" in a list of keywords to discard",
				STR_ARG(word));
		else
			mask |= keywords[i].bit;
	}
	return mask;
}

/* The name as log lines and headers may show it. */
static struct str clean_name(struct session *s, const struct smtp_command *cmd)
{
	_cleanup_buf_ struct buf b = BUF_LOCAL(BUF_SMALL), out = BUF_LOCAL(BUF_SMALL);

	for (size_t i = 1; i < cmd->n; i++) {
		if (i > 1)
			buf_putc(&b, ' ');
		buf_put(&b, cmd->v[i].text);
	}
	text_printable(&out, buf_str(&b), s->c->smtputf8_enable);
	for (size_t i = 0; i < out.len; i++)
		if (strchr(" <>()\\\";@", out.ptr[i]) != NULL)
			out.ptr[i] = '?';
	return arena_str(s->scratch, buf_str(&out));
}

/* Common to both; -1 when the name is refused. */
static int greet(struct session *s, const struct smtp_command *cmd, const char *stage)
{
	struct str name = clean_name(s, cmd);
	struct access_request rq;

	session_reset(s);
	access_state_end_helo(&s->acc);
	if (s->stand_alone || s->c->smtpd_delay_reject) {
		session_set_helo(s, name);
		return 0;
	}
	session_request(s, stage, &rq);
	rq.helo = name;
	if (session_check(s, ACCESS_HELO, &rq) < 0)
		return -1;
	session_set_helo(s, name);
	return 0;
}

int cmd_helo(struct session *s, const struct smtp_command *cmd)
{
	if (cmd->n < 2) {
		s->error_mask |= NOTIFY_PROTOCOL;
		reply(s, "501 Syntax: HELO hostname");
		return -1;
	}
	if (greet(s, cmd, "HELO") < 0)
		return -1;
	reply(s, "250 %s", s->c->myhostname);
	return 0;
}

static void add(struct buf *b, const char *text)
{
	buf_putf(b, "\n250 %s", text);
}

static void announce(struct session *s, struct buf *b)
{
	unsigned off = s->ehlo_discard;

	if (!(off & EHLO_PIPELINING))
		add(b, "PIPELINING");
	if (!(off & EHLO_SIZE)) {
		if (s->c->message_size_limit > 0)
			buf_putf(b, "\n250 SIZE %lld", (long long)s->c->message_size_limit);
		else
			add(b, "SIZE");
	}
	if (!s->c->disable_vrfy_command && !(off & EHLO_VRFY))
		add(b, "VRFY");
	if (!(off & EHLO_ETRN))
		add(b, "ETRN");
	if (s->may_verp && !(off & EHLO_VERP))
		add(b, "XVERP");
	if (s->may_xclient && !(off & EHLO_XCLIENT))
		add(b, "XCLIENT NAME ADDR PROTO HELO REVERSE_NAME PORT DESTADDR DESTPORT");
	if (s->may_xforward && !(off & EHLO_XFORWARD))
		add(b, "XFORWARD NAME ADDR PROTO HELO SOURCE PORT IDENT");
	if (!(off & EHLO_ENHANCEDSTATUSCODES))
		add(b, "ENHANCEDSTATUSCODES");
	if (!(off & EHLO_8BITMIME))
		add(b, "8BITMIME");
	if (!(off & EHLO_DSN))
		add(b, "DSN");
	if (s->c->smtputf8_enable && !(off & EHLO_SMTPUTF8))
		add(b, "SMTPUTF8");
	if (!(off & EHLO_CHUNKING))
		add(b, "CHUNKING");
}

/* Say which keywords are left out. */
static void log_discard(const struct session *s)
{
	_cleanup_buf_ struct buf b = BUF_LOCAL(BUF_SMALL);

	if (s->ehlo_discard == 0 || (s->ehlo_discard & EHLO_SILENT))
		return;
	for (size_t i = 0; i < ARRAY_LEN(keywords); i++)
		if (s->ehlo_discard & keywords[i].bit)
			buf_putf(&b, " %s", keywords[i].name);
	log_info("discarding EHLO keywords:%s", buf_cstr(&b));
}

int cmd_ehlo(struct session *s, const struct smtp_command *cmd)
{
	_cleanup_buf_ struct buf b = BUF_LOCAL(BUF_SMALL);

	if (cmd->n < 2) {
		s->error_mask |= NOTIFY_PROTOCOL;
		reply(s, "501 Syntax: EHLO hostname");
		return -1;
	}
	if (greet(s, cmd, "EHLO") < 0)
		return -1;
	s->protocol = "ESMTP";
	log_discard(s);
	buf_putf(&b, "250 %s", s->c->myhostname);
	announce(s, &b);
	reply_text(s, buf_str(&b));
	return 0;
}
