/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/encode.c — base64, xtext, uxtext and hexadecimal; see encode.h.
 *
 * A function that fails leaves the buffer as it was.
 */
#include "base/encode.h"

#include <errno.h>

#include "base/text.h"

static const char the_base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char the_hex[] = "0123456789ABCDEF";

int base64_encode(struct buf *b, struct str s)
{
	char *p;
	int r;

	if (s.len > SIZE_MAX / 2)
		return -EMSGSIZE;
	r = buf_reserve(b, (s.len + 2) / 3 * 4);
	if (r < 0)
		return r;
	p = b->ptr + b->len;
	for (; s.len > 0; s = str_skip(s, 3)) {
		uint32_t w = (uint32_t)(unsigned char)s.ptr[0] << 16;

		if (s.len > 1)
			w |= (uint32_t)(unsigned char)s.ptr[1] << 8;
		if (s.len > 2)
			w |= (unsigned char)s.ptr[2];
		*p++ = the_base64[w >> 18];
		*p++ = the_base64[w >> 12 & 63];
		*p++ = s.len > 1 ? the_base64[w >> 6 & 63] : '=';
		*p++ = s.len > 2 ? the_base64[w & 63] : '=';
	}
	*p = '\0';
	b->len = (size_t)(p - b->ptr);
	return 0;
}

static int base64_value(char ch)
{
	unsigned char c = (unsigned char)ch;

	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (is_digit(c))
		return c - '0' + 52;
	return c == '+' ? 62 : (c == '/' ? 63 : -1);
}

int base64_decode(struct buf *b, struct str s)
{
	size_t pad = 0;
	uint32_t w = 0;
	char *p;
	int r;

	if (s.len % 4 != 0)
		return -EINVAL;
	while (pad < 2 && s.len > pad && s.ptr[s.len - 1 - pad] == '=')
		pad++;
	r = buf_reserve(b, s.len / 4 * 3 - pad);
	if (r < 0)
		return r;
	p = b->ptr + b->len;
	for (size_t i = 0; i < s.len; i++) {
		int v = i >= s.len - pad ? 0 : base64_value(s.ptr[i]);

		if (v < 0) {
			b->ptr[b->len] = '\0';
			return -EINVAL;
		}
		w = w << 6 | (uint32_t)v;
		if (i % 4 != 3)
			continue;
		*p++ = (char)(w >> 16 & 0xff);
		if (i < s.len - 1 || pad < 2)
			*p++ = (char)(w >> 8 & 0xff);
		if (i < s.len - 1 || pad < 1)
			*p++ = (char)(w & 0xff);
	}
	*p = '\0';
	b->len = (size_t)(p - b->ptr);
	return 0;
}

static int hex_value(char ch)
{
	unsigned char c = (unsigned char)ch;

	if (is_digit(c))
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int xtext_encode(struct buf *b, struct str s)
{
	size_t old = b->len;

	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];
		bool plain = c > ' ' && c < 0x7f && c != '+' && c != '=';
		int r = plain ? buf_addc(b, (char)c) : buf_addf(b, "+%02X", (unsigned)c);

		if (r < 0) {
			buf_truncate(b, old);
			return r;
		}
	}
	return 0;
}

int xtext_decode(struct buf *b, struct str s)
{
	size_t old = b->len;
	int r = 0;

	for (size_t i = 0; i < s.len && r == 0; i++) {
		int hi = -1;
		int lo = -1;

		if (s.ptr[i] != '+') {
			r = buf_addc(b, s.ptr[i]);
			continue;
		}
		if (s.len - i > 2) {
			hi = hex_value(s.ptr[i + 1]);
			lo = hex_value(s.ptr[i + 2]);
		}
		r = hi < 0 || lo < 0 ? -EINVAL : buf_addc(b, (char)(hi << 4 | lo));
		i += 2;
	}
	if (r < 0)
		buf_truncate(b, old);
	return r;
}

/* May a byte stand for itself in utf-8-addr-unitext? Bytes above ASCII: checked as UTF-8 elsewhere. */
static bool is_quchar(unsigned char c)
{
	return c > ' ' && c != 0x7f && c != '+' && c != '=' && c != '\\';
}

int uxtext_encode(struct buf *b, struct str s)
{
	size_t old = b->len;

	if (!utf8_is_valid(s))
		return -EILSEQ;
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];
		int r = is_quchar(c) ? buf_addc(b, (char)c) : buf_addf(b, "\\x{%02X}", (unsigned)c);

		if (r < 0) {
			buf_truncate(b, old);
			return r;
		}
	}
	return 0;
}

/* Append one code point as UTF-8. */
static int add_code_point(struct buf *b, uint32_t cp)
{
	char out[4];
	size_t n;

	if (cp > 0x10ffff || (cp >= 0xd800 && cp <= 0xdfff))
		return -EINVAL;
	if (cp < 0x80) {
		out[0] = (char)cp;
		n = 1;
	} else if (cp < 0x800) {
		out[0] = (char)(0xc0 | cp >> 6);
		n = 2;
	} else if (cp < 0x10000) {
		out[0] = (char)(0xe0 | cp >> 12);
		n = 3;
	} else {
		out[0] = (char)(0xf0 | cp >> 18);
		n = 4;
	}
	for (size_t i = 1; i < n; i++)
		out[i] = (char)(0x80 | (cp >> (6 * (n - 1 - i)) & 0x3f));
	return buf_add(b, str_from(out, n));
}

/* Decode "\x{HEX}" at the start of s; returns its length or a negative errno. */
static int embedded_char(struct buf *b, struct str s)
{
	uint32_t cp = 0;
	int n = 3;
	int r;

	if (!str_starts(s, STR("\\x{")))
		return -EINVAL;
	for (; (size_t)n < s.len && hex_value(s.ptr[n]) >= 0; n++) {
		if (n == 3 + 6)
			return -EINVAL;
		cp = cp << 4 | (uint32_t)hex_value(s.ptr[n]);
	}
	if (n < 3 + 2 || (size_t)n == s.len || s.ptr[n] != '}')
		return -EINVAL;
	r = add_code_point(b, cp);
	return r < 0 ? r : n + 1;
}

int uxtext_decode(struct buf *b, struct str s)
{
	size_t old = b->len;
	int r = 0;

	if (!utf8_is_valid(s))
		return -EINVAL;
	while (s.len > 0 && r >= 0) {
		if (s.ptr[0] == '\\')
			r = embedded_char(b, s);
		else if (!is_quchar((unsigned char)s.ptr[0]))
			r = -EINVAL;
		else {
			r = buf_addc(b, s.ptr[0]);
			r = r < 0 ? r : 1;
		}
		if (r > 0)
			s = str_skip(s, (size_t)r);
	}
	if (r >= 0)
		return 0;
	buf_truncate(b, old);
	return r;
}

int hex_encode(struct buf *b, struct str s)
{
	int r;

	if (s.len > SIZE_MAX / 2)
		return -EMSGSIZE;
	r = buf_reserve(b, s.len * 2);
	if (r < 0)
		return r;
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];

		buf_putc(b, the_hex[c >> 4]);
		buf_putc(b, the_hex[c & 15]);
	}
	return 0;
}
