/* SPDX-License-Identifier: Apache-2.0 */
/*
 * address/quote.c — internal form to external form and back.
 */
#include <errno.h>

#include "address/address.h"
#include "base/text.h"

/* Bytes that end an atom: RFC 5322 specials, blanks and controls. */
static bool breaks_atom(unsigned char c)
{
	switch (c) {
	case '(':
	case ')':
	case '<':
	case '>':
	case '[':
	case ']':
	case ':':
	case ';':
	case '@':
	case '\\':
	case ',':
	case '"':
	case 0x7f:
		return true;
	default:
		return c <= ' ';
	}
}

/* May the local part stand without quotes? */
static bool is_dot_atom(struct str s)
{
	bool dot = true;

	for (size_t i = 0; i < s.len; i++) {
		if (breaks_atom((unsigned char)s.ptr[i]) || (s.ptr[i] == '.' && dot))
			return false;
		dot = s.ptr[i] == '.';
	}
	return !dot && (!str_has_8bit(s) || utf8_is_valid(s));
}

static int quoted_string(struct buf *b, struct str s, bool smtp)
{
	int r = buf_addc(b, '"');

	for (size_t i = 0; i < s.len && r == 0; i++) {
		unsigned char c = (unsigned char)s.ptr[i];

		if (c == '"' || c == '\\' || c == '\r' || (smtp && c == '\n'))
			r = buf_addc(b, '\\');
		if (r == 0)
			r = buf_addc(b, (char)c);
	}
	return r < 0 ? r : buf_addc(b, '"');
}

/* Length of "@a,@b:" at the start, 0 when there is none; a domain in brackets must end before the colon. */
static size_t route_length(struct str s)
{
	ptrdiff_t colon = str_starts(s, STR("@")) ? str_chr(s, ':') : -1;
	bool literal = false;

	for (ptrdiff_t i = 0; i < colon; i++) {
		char c = s.ptr[i];

		if (c == '[' || c == ']') {
			if (literal == (c == '['))
				return 0;
			literal = c == '[';
		} else if (breaks_atom((unsigned char)c) && c != '@' && c != ',') {
			return 0;
		}
	}
	return literal ? 0 : (size_t)(colon + 1);
}

static int quote(struct buf *b, struct str internal, bool smtp)
{
	/* In a header a source route stays one; in a command it would be a route to us. */
	size_t route = smtp ? 0 : route_length(internal);
	struct address_parts p = address_split(str_skip(internal, route));
	size_t start = b->len;
	int r = 0;

	if (internal.len == 0)
		return 0;
	if (route > 0 && !p.has_at && !is_dot_atom(p.local)) {
		/* "@a,@b:c d": what is behind the last '@' is a domain, and is not quoted. */
		route = 0;
		p = address_split(internal);
	}
	if (route > 0)
		r = buf_add(b, str_head(internal, route));
	if (r == 0)
		r = is_dot_atom(p.local) ? buf_add(b, p.local) : quoted_string(b, p.local, smtp);
	if (r == 0 && p.has_at)
		r = buf_addc(b, '@');
	if (r == 0 && p.has_at)
		r = buf_add(b, p.domain);
	if (r < 0)
		buf_truncate(b, start);
	return r;
}

int address_quote_local(struct buf *b, struct str local)
{
	size_t start = b->len;
	int r = is_dot_atom(local) ? buf_add(b, local) : quoted_string(b, local, false);

	if (r < 0)
		buf_truncate(b, start);
	return r;
}

int address_quote(struct buf *b, struct str internal)
{
	return quote(b, internal, false);
}

int address_quote_821(struct buf *b, struct str internal)
{
	return quote(b, internal, true);
}

/*
 * Index of the last '@' outside quotes, or -1; -2 when a quote or pair does not end. What follows an
 * '@' and does not end is part of a domain, which is never quoted.
 */
static ptrdiff_t find_at(struct str s)
{
	ptrdiff_t at = -1;
	bool quoted = false;

	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] == '\\') {
			if (++i == s.len)
				return at < 0 ? -2 : at;
		} else if (s.ptr[i] == '"') {
			quoted = !quoted;
		} else if (s.ptr[i] == '@' && !quoted) {
			at = (ptrdiff_t)i;
		}
	}
	return quoted && at < 0 ? -2 : at;
}

int address_unquote(struct buf *b, struct str external)
{
	ptrdiff_t at = find_at(external);
	size_t n = at < 0 ? external.len : (size_t)at;
	size_t start = b->len;
	int r = 0;

	if (at == -2)
		return -EINVAL;
	for (size_t i = 0; i < n && r == 0; i++) {
		if (external.ptr[i] == '"')
			continue;
		if (external.ptr[i] == '\\')
			i++;
		r = buf_addc(b, external.ptr[i]);
	}
	if (r == 0)
		r = buf_add(b, str_skip(external, n));
	if (r < 0)
		buf_truncate(b, start);
	return r;
}
