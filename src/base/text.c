/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/text.c — UTF-8 checks and text made fit to show; see text.h.
 */
#include "base/text.h"

/* The length of the well-formed UTF-8 character at the start of s, or 0. Source: RFC 3629 4. */
static size_t utf8_length(struct str s)
{
	unsigned char c = s.len == 0 ? 0xff : (unsigned char)s.ptr[0];
	unsigned char low = 0x80;
	unsigned char high = 0xbf;
	size_t n;

	if (c < 0x80)
		return 1;
	if (c < 0xc2 || c > 0xf4)
		return 0;
	if (c < 0xe0)
		n = 2;
	else if (c < 0xf0)
		n = 3;
	else
		n = 4;
	if (s.len < n)
		return 0;
	if (c == 0xe0)
		low = 0xa0;
	else if (c == 0xed)
		high = 0x9f;
	else if (c == 0xf0)
		low = 0x90;
	else if (c == 0xf4)
		high = 0x8f;
	for (size_t i = 1; i < n; i++) {
		unsigned char d = (unsigned char)s.ptr[i];

		if (d < low || d > high)
			return 0;
		low = 0x80;
		high = 0xbf;
	}
	return n;
}

bool utf8_is_valid(struct str s)
{
	while (s.len > 0) {
		size_t n = utf8_length(s);

		if (n == 0)
			return false;
		s = str_skip(s, n);
	}
	return true;
}

/* How many bytes at the start of s may be shown; 0 when the first may not. */
static size_t shown_length(struct str s, bool utf8)
{
	unsigned char c = (unsigned char)s.ptr[0];
	size_t n;

	if (c < 0x80)
		return is_print(c) ? 1 : 0;
	n = utf8 ? utf8_length(s) : 0;
	/* U+0080 to U+009F are control characters. */
	return n == 2 && c == 0xc2 && (unsigned char)s.ptr[1] < 0xa0 ? 0 : n;
}

/* How many printable ASCII bytes s begins with. */
static size_t plain_length(struct str s)
{
	size_t n = 0;

	while (n < s.len && is_print((unsigned char)s.ptr[n]))
		n++;
	return n;
}

void text_printable(struct buf *b, struct str s, bool utf8)
{
	while (s.len > 0) {
		struct str plain = str_head(s, MIN(plain_length(s), b->limit - b->len));
		size_t n;

		buf_put(b, plain);
		s = str_skip(s, plain.len);
		if (s.len == 0)
			return;
		n = shown_length(s, utf8);
		if (buf_add(b, n == 0 ? STR("?") : str_head(s, n)) < 0)
			return;
		s = str_skip(s, n == 0 ? 1 : n);
	}
}

void text_printable_cstr(char *s, bool utf8)
{
	size_t len = strlen(s);

	while (len > 0) {
		size_t n = shown_length(str_from(s, len), utf8);

		if (n == 0)
			*s = '?';
		n = MAX(n, (size_t)1);
		s += n;
		len -= n;
	}
}

void text_escape(struct buf *b, struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];
		int r;

		if (c == '\\')
			r = buf_adds(b, "\\\\");
		else if (is_print(c))
			r = buf_addc(b, (char)c);
		else if (c == '\r')
			r = buf_adds(b, "\\r");
		else if (c == '\n')
			r = buf_adds(b, "\\n");
		else if (c == '\t')
			r = buf_adds(b, "\\t");
		else
			r = buf_addf(b, "\\%03o", (unsigned)c);
		if (r < 0)
			return;
	}
}

int text_lower(struct buf *b, struct str s)
{
	size_t old = b->len;
	int r = buf_add(b, s);

	if (r < 0)
		return r;
	for (size_t i = old; i < b->len; i++)
		b->ptr[i] = (char)ascii_lower((unsigned char)b->ptr[i]);
	return 0;
}
