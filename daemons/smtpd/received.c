/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtpd/received.c — our Received: header.
 */
#include <time.h>

#include "address/address.h"
#include "smtpd.h"

static void put_protocol(const struct session *s, struct buf *b)
{
	if (s->m.smtputf8)
		buf_puts(b, "UTF8SMTP");
	else
		buf_puts(b, s->protocol);
}

/* "for <recipient>" when there is exactly one. */
static bool put_for(const struct session *s, struct buf *b)
{
	_cleanup_buf_ struct buf to = BUF_LOCAL(BUF_SMALL);

	if (s->m.rcpt_count != 1 || address_quote(&to, s->m.rcpt) < 0)
		return false;
	buf_putf(b, "\n\tfor <%s>; ", buf_cstr(&to));
	return true;
}

void received_header(const struct session *s, struct buf *ret)
{
	const struct smtpd_conf *c = s->c;

	if (c->smtpd_hide_client_session) {
		buf_putf(ret, "Received: by %s (%s) id %s", c->myhostname, c->mail_name,
			s->sink.id);
	} else {
		buf_putf(ret, "Received: from " STR_FMT " (" STR_FMT " [" STR_FMT "])",
			STR_ARG(s->helo.len > 0 ? s->helo : s->peer.name), STR_ARG(s->peer.name),
			STR_ARG(s->peer.rfc_addr));
		buf_putf(ret, "\n\tby %s (%s) with ", c->myhostname, c->mail_name);
		put_protocol(s, ret);
		buf_putf(ret, " id %s", s->sink.id);
	}
	if (!put_for(s, ret))
		buf_puts(ret, ";\n\t");
	clock_rfc5322(ret, time(NULL));
}
