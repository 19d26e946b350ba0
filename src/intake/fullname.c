/* SPDX-License-Identifier: Apache-2.0 */
/*
 * intake/fullname.c — the name of a local user in a From header.
 *
 * Source: RFC 5322 3.2, RFC 2047 (encoded words of at most 75 characters, whole UTF-8 characters).
 */
#include "base/encode.h"
#include "intake/intake_priv.h"
#include "mime/qp.h"

/* Bytes of text in one encoded word; three output characters each still fit 75 with "=?utf-8?Q?". */
#define WORD_BYTES     18
#define WORD_BYTES_B64 39

static bool is_phrase(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];

		if (!is_print(c) || strchr("()<>@,;:\\\".[]", c) != NULL)
			return false;
	}
	return true;
}

/* At most `max` bytes that do not end within a UTF-8 character. */
static struct str whole_chars(struct str s, size_t max)
{
	size_t n = s.len < max ? s.len : max;

	while (n > 1 && n < s.len && ((unsigned char)s.ptr[n] & 0xc0) == 0x80)
		n--;
	return str_head(s, n);
}

/* Whichever is shorter; "Q" when equal, for people who read the source. */
static bool prefers_q(struct str name)
{
	size_t q = name.len;

	for (size_t i = 0; i < name.len; i++)
		q += is_alnum((unsigned char)name.ptr[i]) || name.ptr[i] == ' ' ? 0 : 2;
	return q <= (name.len + 2) / 3 * 4;
}

static void encoded_words(struct buf *b, struct str name, const char *charset)
{
	bool q = prefers_q(name);
	bool first = true;

	while (name.len > 0) {
		struct str piece = whole_chars(name, q ? WORD_BYTES : WORD_BYTES_B64);

		buf_putf(b, "%s=?%s?%c?", first ? "" : "\n ", charset, q ? 'Q' : 'B');
		if ((q ? qp_encode_word(b, piece) : base64_encode(b, piece)) < 0)
			return;
		buf_puts(b, "?=");
		name = str_skip(name, piece.len);
		first = false;
	}
}

/* Control characters would break the header. */
static void put_clean(struct buf *b, struct str s, const char *escape)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];

		if (c != 0 && strchr(escape, c) != NULL)
			buf_putc(b, '\\');
		buf_putc(b, c < ' ' || c == 0x7f ? ' ' : (char)c);
	}
}

void fullname_format(struct buf *b, struct str name, const char *charset)
{
	name = str_head(name, 1000);
	if (str_has_8bit(name)) {
		encoded_words(b, name, charset);
	} else if (is_phrase(name)) {
		buf_put(b, name);
	} else {
		buf_putc(b, '"');
		put_clean(b, name, "\"\\");
		buf_putc(b, '"');
	}
}

void fullname_comment(struct buf *b, struct str name, const char *charset)
{
	name = str_head(name, 1000);
	if (str_has_8bit(name))
		encoded_words(b, name, charset);
	else
		put_clean(b, name, "()\\");
}
