/* SPDX-License-Identifier: Apache-2.0 */
/*
 * intake/text.c — sets of bytes for message_reject_characters and its kin.
 */
#include "intake/intake_priv.h"

static unsigned octal(struct str text, size_t *pos)
{
	unsigned value = 0;
	size_t end = *pos + 3;

	while (*pos < end && *pos < text.len && text.ptr[*pos] >= '0' && text.ptr[*pos] <= '7')
		value = value * 8 + (unsigned)(text.ptr[(*pos)++] - '0');
	return value & 255;
}

static unsigned escape(struct str text, size_t *pos)
{
	static const char letters[] = "abfnrtv";
	static const char values[] = "\a\b\f\n\r\t\v";
	const char *at;
	char c = text.ptr[*pos];

	if (c >= '0' && c <= '7')
		return octal(text, pos);
	(*pos)++;
	at = c == 0 ? NULL : strchr(letters, c);
	return (unsigned char)(at == NULL ? c : values[at - letters]);
}

void byteset_parse(struct byteset *b, struct str text)
{
	size_t pos = 0;

	*b = (struct byteset){ .n = 0 };
	while (pos < text.len) {
		unsigned c = (unsigned char)text.ptr[pos++];

		if (c == '\\' && pos < text.len)
			c = escape(text, &pos);
		if (!b->has[c] && b->n < sizeof(b->few))
			b->few[b->n] = (char)c;
		b->n += !b->has[c];
		b->has[c] = true;
	}
}

/* Each line of each message comes by here: memchr beats looking at byte after byte. */
static bool hits_few(const struct byteset *b, struct str s)
{
	for (unsigned i = 0; i < b->n; i++)
		if (str_chr(s, b->few[i]) >= 0)
			return true;
	return false;
}

bool byteset_hits(const struct byteset *b, struct str s)
{
	if (b->n <= sizeof(b->few))
		return hits_few(b, s);
	for (size_t i = 0; i < s.len; i++)
		if (b->has[(unsigned char)s.ptr[i]])
			return true;
	return false;
}
