/* SPDX-License-Identifier: Apache-2.0 */
/*
 * address/alias.c — lines of alias files.
 */
#include <errno.h>

#include "address/tokens_priv.h"

/* A line is bounded by its reader; this only bounds the work. */
#define TOKEN_LIMIT ((size_t)10 * 1000 * 1000)

static bool is_text(const struct tok *t)
{
	return t->type == TOK_ATOM || t->type == TOK_QSTRING || t->type == TOK_DOMLIT ||
	       t->type == TOK_COMMENT;
}

/* These stick to what is beside them: |"command", user%host. */
static bool is_sticky(char c)
{
	return c == '|' || c == '%' || c == '!';
}

static bool sticks(const struct tok *prev, const struct tok *t)
{
	return (prev->type == TOK_ATOM && prev->text.len > 0 &&
		       is_sticky(prev->text.ptr[prev->text.len - 1])) ||
	       (t->type == TOK_ATOM && t->text.len > 0 && is_sticky(t->text.ptr[0]));
}

/* Blanks are between words and before '<', and after commas, wherever they were. */
static int put_space(struct buf *b, const struct tok *prev, const struct tok *t)
{
	bool blank = prev != NULL && is_text(prev) && (is_text(t) || tok_is(t, '<')) &&
		     !sticks(prev, t);

	return blank ? buf_addc(b, ' ') : 0;
}

static int put_external(struct buf *b, const struct tok *t)
{
	int r = 0;

	for (const struct tok *prev = NULL; t != NULL && r == 0; prev = t, t = t->next) {
		r = put_space(b, prev, t);
		if (r == 0)
			r = tok_format(b, t);
		if (r == 0 && tok_is(t, ','))
			r = buf_addc(b, ' ');
	}
	return r;
}

static int put_internal(struct buf *b, const struct tok *t, const struct tok *end)
{
	int r = 0;

	for (const struct tok *prev = NULL; t != end && r == 0; prev = t, t = t->next) {
		r = put_space(b, prev, t);
		if (r == 0)
			r = t->type == TOK_QSTRING ? buf_add(b, t->text) : tok_format(b, t);
	}
	return r;
}

static bool has_domain(const struct tok *t, const struct tok *end)
{
	for (; t != end; t = t->next)
		if (tok_is(t, '@') || (t->type == TOK_ATOM && str_chr(t->text, '%') >= 0))
			return true;
	return false;
}

int address_alias_line(struct str line, struct arena *a, struct buf *ret_name,
	struct buf *ret_value)
{
	struct toks l;
	const struct tok *colon;

	tok_scan(line, TOKEN_LIMIT, a, &l);
	colon = l.head;
	while (colon != NULL && !tok_is(colon, ':'))
		colon = colon->next;
	if (colon == NULL || colon->next == NULL)
		return -EINVAL;
	if (has_domain(l.head, colon))
		return -EBADMSG;

	int r = put_internal(ret_name, l.head, colon);

	return r < 0 ? r : put_external(ret_value, colon->next);
}
