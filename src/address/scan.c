/* SPDX-License-Identifier: Apache-2.0 */
/*
 * address/scan.c — split a header body into RFC 5322 tokens.
 */
#include "address/tokens_priv.h"

struct scanner {
	const char *p, *end;
	struct arena *arena;
};

static bool is_special(char c)
{
	return c != '\0' && strchr("<>@,;:.", c) != NULL;
}

static bool ends_atom(char c)
{
	return is_space((unsigned char)c) || is_special(c) || c == '(' || c == '"' || c == '[';
}

/* Line breaks are folding or an attempt at a header of one's own: they are never part of a token. */
static bool is_break(char c)
{
	return c == '\n' || c == '\r';
}

/* Text up to `close`, without backslashes; leaves p behind the closing character. */
static struct str scan_quoted(struct scanner *s, char close)
{
	const char *q = s->p;
	char *out;
	size_t n = 0;

	while (q < s->end && *q != close)
		q += *q == '\\' && q + 1 < s->end ? 2 : 1;
	out = arena_alloc(s->arena, (size_t)(q - s->p) + 1);
	while (s->p < s->end && *s->p != close) {
		if (*s->p == '\\' && s->p + 1 < s->end)
			s->p++;
		if (!is_break(*s->p)) /* the blank of a folded line stays */
			out[n++] = *s->p;
		s->p++;
	}
	if (s->p < s->end)
		s->p++;
	return str_from(out, n);
}

/* A comment with its parentheses; those that are missing at the end are added. */
static struct str scan_comment(struct scanner *s)
{
	const char *start = s->p;
	struct str text;
	size_t depth = 0, n = 0;
	char *out;

	for (; s->p < s->end; s->p++) {
		if (*s->p == '\\' && s->p + 1 < s->end)
			s->p++;
		else if (*s->p == '(')
			depth++;
		else if (*s->p == ')' && --depth == 0)
			break;
	}
	if (s->p < s->end) {
		s->p++;
		depth = 0;
	}
	text = str_rtrim(str_from(start, (size_t)(s->p - start)));
	out = arena_alloc(s->arena, text.len + depth + 1);
	for (size_t i = 0; i < text.len; i++)
		if (!is_break(text.ptr[i]))
			out[n++] = text.ptr[i];
	memset(out + n, ')', depth);
	return str_from(out, n + depth);
}

static struct str scan_atom(struct scanner *s)
{
	const char *start = s->p;

	while (s->p < s->end && !ends_atom(*s->p))
		s->p += *s->p == '\\' && s->p + 1 < s->end ? 2 : 1;
	return arena_str(s->arena, str_from(start, (size_t)(s->p - start)));
}

/* An atom with quoted pairs stands for its text. */
static void unescape(struct str *s, struct arena *a)
{
	char *out;
	size_t n = 0;

	if (str_chr(*s, '\\') < 0)
		return;
	out = arena_alloc(a, s->len + 1);
	for (size_t i = 0; i < s->len; i++) {
		if (s->ptr[i] == '\\' && i + 1 < s->len)
			i++;
		if (!is_break(s->ptr[i]))
			out[n++] = s->ptr[i];
	}
	*s = str_from(out, n);
}

static void scan_one(struct scanner *s, struct tok *t)
{
	switch (*s->p) {
	case '(':
		t->type = TOK_COMMENT;
		t->text = scan_comment(s);
		return;
	case '"':
		s->p++;
		t->type = TOK_QSTRING;
		t->text = scan_quoted(s, '"');
		return;
	case '[':
		s->p++;
		t->type = TOK_DOMLIT;
		t->text = scan_quoted(s, ']');
		return;
	default:
		break;
	}
	if (is_special(*s->p)) {
		t->type = TOK_SPECIAL;
		t->ch = *s->p++;
		t->text = STR_EMPTY;
		return;
	}
	t->type = TOK_ATOM;
	t->text = scan_atom(s);
	if (str_chr(t->text, '\\') >= 0) {
		t->type = TOK_QSTRING;
		unescape(&t->text, s->arena);
	}
}

void tok_scan(struct str text, size_t limit, struct arena *a, struct toks *ret)
{
	struct scanner s = { text.ptr, text.ptr + text.len, a };

	toks_init(ret);
	while (ret->count < limit) {
		bool space = false;
		struct tok *t;

		for (; s.p < s.end && is_space((unsigned char)*s.p); s.p++)
			space = true;
		if (s.p == s.end)
			return;
		t = arena_obj(a, struct tok);
		t->space = space;
		scan_one(&s, t);
		toks_push(ret, t);
	}
}
