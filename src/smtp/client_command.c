/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtp/client_command.c — see client_command.h.
 */
#include "smtp/client_command.h"

#include <errno.h>

#include "base/encode.h"
#include "base/text.h"

/* Values of queue/record.h, which is above this library. */
#define NOTIFY_NEVER   1
#define NOTIFY_SUCCESS 2
#define NOTIFY_FAILURE 4
#define NOTIFY_DELAY   8
#define RET_FULL       1
#define RET_HDRS       2

/* Control characters; a TAB may stand between quotes. */
static bool breaks_line(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (((unsigned char)s.ptr[i] < 0x20 && s.ptr[i] != '\t') || s.ptr[i] == 0x7f)
			return true;
	return false;
}

static int put_xtext(struct buf *b, const char *name, struct str value)
{
	int e = buf_addf(b, " %s=", name);

	return e == 0 ? xtext_encode(b, value) : e;
}

static int put_mail(struct buf *b, const struct smtp_mail_command *m)
{
	int e = buf_addf(b, "MAIL FROM:<" STR_FMT ">", STR_ARG(m->sender));

	if (e == 0 && m->size >= 0)
		e = buf_addf(b, " SIZE=%lld", (long long)m->size);
	if (e == 0 && m->body != NULL)
		e = buf_addf(b, " BODY=%s", m->body);
	if (e == 0 && m->dsn && m->envid.len > 0)
		e = put_xtext(b, "ENVID", m->envid);
	if (e == 0 && m->dsn && m->ret == RET_FULL)
		e = buf_adds(b, " RET=FULL");
	if (e == 0 && m->dsn && m->ret == RET_HDRS)
		e = buf_adds(b, " RET=HDRS");
	if (e == 0 && m->smtputf8)
		e = buf_adds(b, " SMTPUTF8");
	if (e == 0 && m->requiretls)
		e = buf_adds(b, " REQUIRETLS");
	if (e == 0 && m->auth_null)
		e = buf_adds(b, " AUTH=<>");
	return e;
}

int smtp_format_mail(struct buf *b, const struct smtp_mail_command *m)
{
	size_t start = b->len;
	int e = breaks_line(m->sender) ? -EINVAL : put_mail(b, m);

	if (e < 0)
		buf_truncate(b, start);
	return e;
}

/* utf-8-addr-xtext: nothing but ASCII, for servers without SMTPUTF8 (RFC 6533 3). */
static int put_uxtext_7bit(struct buf *b, struct str s)
{
	int e = 0;

	for (size_t i = 0; e == 0 && i < s.len;) {
		unsigned char c = (unsigned char)s.ptr[i];
		size_t n = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
		unsigned cp = n == 1 ? c : c & (0x7fu >> n);

		for (size_t k = 1; k < n; k++)
			cp = cp << 6 | (s.ptr[i + k] & 0x3f);
		if (c > 0x20 && c < 0x7f && c != '+' && c != '=' && c != '\\')
			e = buf_addc(b, (char)c);
		else
			e = buf_addf(b, "\\x{%02X}", cp);
		i += n;
	}
	return e;
}

/*
 * "type;address": an address with UTF-8 has a type and encodings of its own (RFC 6533). One that came
 * without a type, and goes to a server that knows nothing of all this, is plain xtext.
 */
static int put_orcpt(struct buf *b, const struct smtp_rcpt_command *r)
{
	ptrdiff_t semi = str_chr(r->orcpt, ';');
	struct str type = semi < 0 ? STR("rfc822") : str_head(r->orcpt, (size_t)semi);
	struct str addr = semi < 0 ? r->original : str_skip(r->orcpt, (size_t)semi + 1);
	bool utf8 = utf8_is_valid(addr) &&
		    (str_ieq(type, STR("utf-8")) || (r->smtputf8 && str_has_8bit(addr)));
	int e;

	if (addr.len == 0)
		return 0;
	if (utf8)
		type = STR("utf-8");
	e = buf_addf(b, " ORCPT=" STR_FMT ";", STR_ARG(type));
	if (e < 0)
		return e;
	if (!utf8)
		return xtext_encode(b, addr);
	return r->smtputf8 ? uxtext_encode(b, addr) : put_uxtext_7bit(b, addr);
}

static int put_notify(struct buf *b, int notify)
{
	const char *sep = "";
	static const struct {
		int bit;
		const char *word;
	} words[] = { { NOTIFY_SUCCESS, "SUCCESS" }, { NOTIFY_FAILURE, "FAILURE" },
		{ NOTIFY_DELAY, "DELAY" } };
	int e;

	if (notify == 0)
		return 0;
	if (notify & NOTIFY_NEVER)
		return buf_adds(b, " NOTIFY=NEVER");
	e = buf_adds(b, " NOTIFY=");
	for (size_t i = 0; e == 0 && i < ARRAY_LEN(words); i++) {
		if ((notify & words[i].bit) == 0)
			continue;
		e = buf_addf(b, "%s%s", sep, words[i].word);
		sep = ",";
	}
	return e;
}

int smtp_format_rcpt(struct buf *b, const struct smtp_rcpt_command *r)
{
	size_t start = b->len;
	int e;

	if (breaks_line(r->recipient))
		return -EINVAL;
	e = buf_addf(b, "RCPT TO:<" STR_FMT ">", STR_ARG(r->recipient));
	if (e == 0 && r->dsn)
		e = put_orcpt(b, r);
	if (e == 0 && r->dsn)
		e = put_notify(b, r->notify);
	if (e < 0)
		buf_truncate(b, start);
	return e;
}

/* " NAME=xtext", but "=" needs no escape in a value that ends at a blank. */
static int put_attr(struct buf *b, const char *name, struct str value)
{
	int e = buf_addf(b, " %s=", name);

	while (e == 0) {
		ptrdiff_t eq = str_chr(value, '=');

		e = xtext_encode(b, eq < 0 ? value : str_head(value, (size_t)eq));
		if (e < 0 || eq < 0)
			return e;
		value = str_skip(value, (size_t)eq + 1);
		e = buf_addc(b, '=');
	}
	return e;
}

/* The words for "not known" are not worth telling; a client may have said "HELO unknown", though. */
static bool is_known(struct str v, bool is_word)
{
	return v.len > 0 && !(is_word && str_ieq(v, STR("unknown"))) &&
	       !str_ieq(v, STR("[UNAVAILABLE]"));
}

int smtp_format_xforward(struct buf *b, unsigned which, const struct smtp_xforward_values *v)
{
	const struct {
		unsigned bit;
		const char *name;
		struct str value;
	} row[] = {
		{ SMTP_XF_NAME, "NAME", v->name },
		{ SMTP_XF_ADDR, "ADDR", v->addr },
		{ SMTP_XF_PORT, "PORT", v->port },
		{ SMTP_XF_PROTO, "PROTO", v->proto },
		{ SMTP_XF_HELO, "HELO", v->helo },
		{ SMTP_XF_IDENT, "IDENT", v->ident },
		{ SMTP_XF_SOURCE, "SOURCE", v->local ? STR("LOCAL") : STR("REMOTE") },
	};
	size_t start = b->len;
	bool any = false;
	int e = buf_adds(b, "XFORWARD");

	for (size_t i = 0; e == 0 && i < ARRAY_LEN(row); i++) {
		if ((which & row[i].bit) == 0 ||
			!is_known(row[i].value, row[i].bit != SMTP_XF_HELO))
			continue;
		e = put_attr(b, row[i].name, row[i].value);
		any = true;
	}
	if (e < 0 || !any)
		buf_truncate(b, start);
	return e;
}
