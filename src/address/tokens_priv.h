/* SPDX-License-Identifier: Apache-2.0 */
/*
 * address/tokens_priv.h — the flat token list between the scanner and the parser.
 */
#pragma once

#include "address/address.h"

/** A token list under construction. */
struct toks {
	struct tok *head;
	struct tok **tail;
	size_t count;
};

/** Append a token; its next pointer is overwritten. */
static inline void toks_push(struct toks *l, struct tok *t)
{
	t->next = NULL;
	*l->tail = t;
	l->tail = &t->next;
	l->count++;
}

/** Start an empty list. */
static inline void toks_init(struct toks *l)
{
	*l = (struct toks){ .head = NULL };
	l->tail = &l->head;
}

static inline bool tok_is(const struct tok *t, char ch)
{
	return t != NULL && t->type == TOK_SPECIAL && t->ch == ch;
}

/** Split text into tokens, without structure; at most `limit`. */
void tok_scan(struct str text, size_t limit, struct arena *a, struct toks *ret);
/** Append tokens of one address in external form; comments are left out. */
_must_use_ int tok_format_addr(struct buf *b, const struct tok *head);
/** Append one token, quoted as it needs to be: 0 or -EMSGSIZE. */
_must_use_ int tok_format(struct buf *b, const struct tok *t);
