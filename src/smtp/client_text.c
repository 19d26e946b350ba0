/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtp/client_text.c — see client_text.h.
 */
#include "smtp/client_text.h"

void smtp_text_init(struct smtp_text *t, size_t limit)
{
	*t = (struct smtp_text){ .limit = limit };
}

/* How much of `s` fits into `room` bytes without cutting a character. */
static size_t cut(struct str s, size_t room)
{
	size_t n = room;

	if (s.len <= room)
		return s.len;
	for (size_t back = 0; back < 3 && n > 1; back++, n--)
		if (((unsigned char)s.ptr[n] & 0xc0) != 0x80)
			return n;
	/* Not UTF-8, or a character wider than the room. */
	return ((unsigned char)s.ptr[n] & 0xc0) != 0x80 ? n : room;
}

/* memchr looks at many bytes at once, and such bytes are rare. */
static void blank(char *p, size_t n, char c)
{
	char *end = p + n;

	while ((p = memchr(p, c, (size_t)(end - p))) != NULL)
		*p++ = ' ';
}

/* May one of them be there? Words are looked at whole, the last one overlaps the one before. */
static bool has_control(const char *p, size_t n)
{
	const uint64_t each = UINT64_MAX / 255;
	uint64_t found = 0, w;

	if (n < sizeof(w)) {
		for (size_t i = 0; i < n; i++)
			found |= (unsigned char)p[i] <= '\r';
		return found != 0;
	}
	for (size_t i = 0; i < n; i += sizeof(w)) {
		memcpy(&w, p + MIN(i, n - sizeof(w)), sizeof(w));
		/* The high bit of each byte that is not above CR. */
		found |= (w - each * ('\r' + 1)) & ~w & each * 0x80;
	}
	return found != 0;
}

static void copy(char *to, struct str s)
{
	if (s.len > 0)
		memcpy(to, s.ptr, s.len);
	if (!has_control(to, s.len))
		return;
	blank(to, s.len, '\r');
	blank(to, s.len, '\n');
	blank(to, s.len, '\0');
}

static int put(struct buf *b, struct str s)
{
	int e = buf_reserve(b, s.len);

	if (e < 0)
		return e;
	copy(b->ptr + b->len, s);
	b->len += s.len;
	b->ptr[b->len] = '\0';
	return 0;
}

/* A line as most are: whole, and not too long. */
static int put_whole(struct buf *b, struct str line)
{
	char *p;
	int e = buf_reserve(b, line.len + 3);

	if (e < 0)
		return e;
	p = b->ptr + b->len;
	if (line.len > 0 && line.ptr[0] == '.')
		*p++ = '.';
	copy(p, line);
	p += line.len;
	*p++ = '\r';
	*p++ = '\n';
	*p = '\0';
	b->len = (size_t)(p - b->ptr);
	return 0;
}

int smtp_text_line(struct smtp_text *t, struct buf *b, struct str piece, bool partial)
{
	int e = 0;

	if (t->column == 0 && !partial && (t->limit == 0 || piece.len <= t->limit)) {
		t->in_line = false;
		return put_whole(b, piece);
	}
	if (t->column == 0 && piece.len > 0 && piece.ptr[0] == '.')
		e = buf_addc(b, '.');
	while (e == 0 && piece.len > 0) {
		size_t n = piece.len;

		if (t->limit > 0 && t->column >= t->limit) {
			t->broke = true;
			t->column = 1;
			e = buf_add(b, STR("\r\n "));
			continue;
		}
		if (t->limit > 0)
			n = cut(piece, t->limit - t->column);
		e = put(b, str_head(piece, n));
		t->column += n;
		piece = str_skip(piece, n);
		/* A character that did not fit goes to the next line. */
		if (piece.len > 0)
			t->column = t->limit;
	}
	t->in_line = partial;
	if (e == 0 && !partial) {
		t->column = 0;
		e = buf_add(b, STR("\r\n"));
	}
	return e;
}

int smtp_text_end(struct smtp_text *t, struct buf *b)
{
	return t->in_line ? smtp_text_line(t, b, STR_EMPTY, false) : 0;
}
