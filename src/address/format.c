/* SPDX-License-Identifier: Apache-2.0 */
/*
 * address/format.c — tokens back to text.
 */
#include <errno.h>

#include "address/tokens_priv.h"

/* Columns that a line should not exceed, the TAB of a continuation not counted. */
#define LINE_GOAL 69

static bool is_word(const struct tok *t)
{
	return t->type == TOK_ATOM || t->type == TOK_QSTRING || t->type == TOK_DOMLIT;
}

static int put_escaped(struct buf *b, struct str s, const char *set, char open, char close)
{
	int r = buf_addc(b, open);

	for (size_t i = 0; i < s.len && r == 0; i++) {
		if (s.ptr[i] != '\0' && strchr(set, s.ptr[i]) != NULL)
			r = buf_addc(b, '\\');
		if (r == 0)
			r = buf_addc(b, s.ptr[i]);
	}
	return r < 0 ? r : buf_addc(b, close);
}

static int put_addr(struct buf *b, const struct tok *addr);

static int put_tok(struct buf *b, const struct tok *t)
{
	switch (t->type) {
	case TOK_QSTRING:
		return put_escaped(b, t->text, "\"\\\r", '"', '"');
	case TOK_DOMLIT:
		return put_escaped(b, t->text, "[]\\\r", '[', ']');
	case TOK_SPECIAL:
	case TOK_GROUP:
		return buf_addc(b, t->ch);
	case TOK_ADDR:
		return put_addr(b, t);
	case TOK_ATOM:
	case TOK_COMMENT:
		break;
	}
	return buf_add(b, t->text);
}

int tok_format(struct buf *b, const struct tok *t)
{
	return put_tok(b, t);
}

/* A stray '<' keeps its distance from a word. */
static bool blank_before(const struct tok *prev, const struct tok *t)
{
	return prev != NULL && tok_is(t, '<') && t->space;
}

int tok_format_addr(struct buf *b, const struct tok *head)
{
	const struct tok *prev = NULL;
	int r = 0;

	for (const struct tok *t = head; t != NULL && r == 0; prev = t, t = t->next) {
		if (t->type == TOK_COMMENT)
			continue;
		if (blank_before(prev, t))
			r = buf_addc(b, ' ');
		if (r == 0)
			r = put_tok(b, t);
	}
	return r;
}

/* An address and the comments that belong to it. */
static int put_addr(struct buf *b, const struct tok *addr)
{
	int r = tok_format_addr(b, addr->head);

	for (const struct tok *t = addr->head; t != NULL && r == 0; t = t->next) {
		if (t->type != TOK_COMMENT)
			continue;
		r = buf_addc(b, ' ');
		if (r == 0)
			r = buf_add(b, t->text);
	}
	return r;
}

struct str address_of_tok_external(const struct tok *addr, struct arena *a)
{
	struct buf b = BUF_LOCAL(SIZE_MAX / 2);
	struct str s = STR_EMPTY;

	check(addr->type == TOK_ADDR);
	if (tok_format_addr(&b, addr->head) == 0)
		s = arena_str(a, buf_str(&b));
	buf_done(&b);
	return s;
}

struct str address_of_tok(const struct tok *addr, struct arena *a)
{
	struct buf b = BUF_LOCAL(SIZE_MAX / 2);
	const struct tok *prev = NULL;
	struct str s;

	check(addr->type == TOK_ADDR);
	for (const struct tok *t = addr->head; t != NULL; prev = t, t = t->next) {
		if (t->type == TOK_COMMENT)
			continue;
		if (blank_before(prev, t))
			buf_putc(&b, ' ');
		if (is_word(t) && t->type != TOK_DOMLIT)
			buf_put(&b, t->text);
		else
			check(put_tok(&b, t) == 0);
	}
	s = arena_str(a, buf_str(&b));
	buf_done(&b);
	return s;
}

/* Does a blank belong between two tokens of one item? */
static bool wants_space(const struct tok *prev, const struct tok *t)
{
	if (tok_is(prev, '<') || tok_is(t, '>') || tok_is(t, ';') || t->type == TOK_GROUP)
		return false;
	if (tok_is(t, '<') || tok_is(prev, '>') || prev->type == TOK_GROUP)
		return true;
	if (t->type == TOK_COMMENT || prev->type == TOK_COMMENT)
		return true;
	return t->space || (is_word(prev) && is_word(t));
}

/* One item, up to and with its comma; returns the token after it in *next. */
static int put_item(struct buf *b, const struct tok *t, const struct tok **next)
{
	const struct tok *prev = NULL;
	int r = 0;

	for (; t != NULL && r == 0; t = t->next) {
		if (prev != NULL && !tok_is(t, ',') && wants_space(prev, t))
			r = buf_addc(b, ' ');
		if (r == 0)
			r = put_tok(b, t);
		prev = t;
		if (tok_is(t, ',') || t->type == TOK_GROUP) {
			t = t->next;
			break;
		}
	}
	*next = t;
	return r;
}

/* Columns used on the last line of b. */
static size_t column(const struct buf *b)
{
	ptrdiff_t nl = str_rchr(buf_str(b), '\n');
	struct str line = str_skip(buf_str(b), (size_t)(nl + 1));

	return line.len - (line.len > 0 && line.ptr[0] == '\t' ? 1 : 0);
}

int address_tokens_format(struct buf *b, const struct tok_tree *tree)
{
	struct buf item = BUF_LOCAL(b->limit);
	const struct tok *t = tree->head;
	size_t start = b->len, col = column(b);
	bool first = true;
	int r = 0;

	while (t != NULL && r == 0) {
		buf_clear(&item);
		r = put_item(&item, t, &t);
		if (r == 0 && !first) {
			bool fold = col + 1 + item.len > LINE_GOAL;

			r = buf_adds(b, fold ? "\n\t" : " ");
			col = fold ? 0 : col + 1;
		}
		if (r == 0)
			r = buf_add(b, buf_str(&item));
		col += item.len;
		first = false;
	}
	buf_done(&item);
	if (r < 0)
		buf_truncate(b, start);
	return r;
}
