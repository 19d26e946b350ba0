/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtp/reply.c — replies of servers, and enhanced status codes.
 *
 * Only the last line decides on the code and the enhanced code, so that nothing of an earlier line
 * or reply can linger (threats P5).
 */
#include "smtp/reply.h"

#include <errno.h>

#include "base/cursor.h"

static bool part(struct cursor *c, unsigned short *ret)
{
	unsigned n = 0;
	int digits = 0;

	while (digits < 3 && is_digit((unsigned char)cur_peek(c))) {
		n = n * 10 + (unsigned)(*c->p++ - '0');
		digits++;
	}
	*ret = (unsigned short)n;
	return digits > 0;
}

size_t dsn_code_parse(struct str s, struct dsn_code *ret)
{
	struct cursor c = cur_of(s);
	struct dsn_code d;
	int next;

	if (s.len < 5 || (s.ptr[0] != '2' && s.ptr[0] != '4' && s.ptr[0] != '5'))
		return 0;
	d.class = (unsigned short)(*c.p++ - '0');
	if (!cur_char(&c, '.') || !part(&c, &d.subject) || !cur_char(&c, '.') ||
		!part(&c, &d.detail))
		return 0;
	next = cur_peek(&c);
	if (next >= 0 && !is_space((unsigned char)next))
		return 0;
	*ret = d;
	return (size_t)(c.p - s.ptr);
}

void dsn_code_format(struct buf *b, struct dsn_code c)
{
	buf_putf(b, "%u.%u.%u", (unsigned)c.class, (unsigned)c.subject, (unsigned)c.detail);
}

void smtp_reply_init(struct smtp_reply *r)
{
	*r = (struct smtp_reply){ .text = BUF(SMTP_REPLY_MAX) };
}

void smtp_reply_done(struct smtp_reply *r)
{
	buf_done(&r->text);
	*r = (struct smtp_reply){ .text = BUF(SMTP_REPLY_MAX) };
}

void smtp_reply_clear(struct smtp_reply *r)
{
	buf_clear(&r->text);
	r->code = 0;
	r->dsn = (struct dsn_code){ 0 };
	r->lines = 0;
}

/* Keep what fits. */
static void keep(struct smtp_reply *r, struct str line)
{
	size_t room = r->text.limit - r->text.len;

	if (r->lines >= SMTP_REPLY_LINES || room < 2)
		return;
	if (r->text.len > 0) {
		buf_putc(&r->text, '\n');
		room--;
	}
	buf_put(&r->text, str_head(line, room));
}

int smtp_reply_line(struct smtp_reply *r, struct str line)
{
	struct str rest;
	int code;

	while (line.len > 0 && (line.ptr[line.len - 1] == '\r' || line.ptr[line.len - 1] == '\n'))
		line.len--;
	keep(r, line);
	r->lines++;
	if (line.len < 3 || !is_digit((unsigned char)line.ptr[0]) ||
		!is_digit((unsigned char)line.ptr[1]) || !is_digit((unsigned char)line.ptr[2]))
		return -EBADMSG;
	if (line.len > 3 && line.ptr[3] != ' ' && line.ptr[3] != '-')
		return -EBADMSG;
	if (line.len > 3 && line.ptr[3] == '-')
		return 0;
	code = (line.ptr[0] - '0') * 100 + (line.ptr[1] - '0') * 10 + (line.ptr[2] - '0');
	rest = str_skip(line, 4);
	while (rest.len > 0 && rest.ptr[0] == ' ')
		rest = str_skip(rest, 1);
	r->dsn = (struct dsn_code){ .class = (unsigned short)(code / 100) };
	if (dsn_code_parse(rest, &r->dsn) > 0 && r->dsn.class != code / 100)
		r->dsn = (struct dsn_code){ .class = (unsigned short)(code / 100) };
	r->code = code;
	return 1;
}
