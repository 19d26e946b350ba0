/* SPDX-License-Identifier: Apache-2.0 */
/*
 * address/address.h — mail addresses: two forms, parts, header address lists.
 *
 * Internal form: unquoted local part, as queue files and lookups by unquoted key have it.
 * External form: local part quoted where RFC 5321/5322 asks for it.
 * Pure; thread-safe.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"

/** Split at the last '@' of an internal form; no '@': domain is empty and has_at false. */
struct address_parts {
	struct str local;
	struct str domain;
	bool has_at;
};
struct address_parts address_split(struct str internal);
/** Append the external form of an internal address (RFC 5322 dot-atom or quoted string). */
_must_use_ int address_quote(struct buf *b, struct str internal);
/** As address_quote with RFC 5321 rules (envelope commands). */
_must_use_ int address_quote_821(struct buf *b, struct str internal);
/** Append the internal form of an external address: 0 or -EINVAL when it is not one. */
_must_use_ int address_unquote(struct buf *b, struct str external);
/**
 * Split "user+ext" by recipient_delimiter.
 *
 * Not split: postmaster, mailer-daemon, double-bounce, owner-*, *-request and empty results, as documented.
 * @return true and both parts; false: no extension
 */
bool address_split_ext(struct str local, struct str delimiters, struct str *ret_user,
	struct str *ret_ext);

/** Kinds of tokens of an RFC 5322 header address list; comments and white space are kept. */
enum tok_type {
	TOK_ATOM = 'A',
	TOK_QSTRING = 'Q',
	TOK_DOMLIT = 'L',
	TOK_COMMENT = 'C',
	TOK_ADDR = 'D',   /* group of tokens that make one address (after parsing) */
	TOK_GROUP = 'G',  /* start of a named group, ends with ';' */
	TOK_SPECIAL = 'S' /* one character, see ch */
};

struct tok {
	struct tok *next;
	enum tok_type type;
	char ch;
	struct str text;    /* unquoted */
	struct tok *head;   /* children of TOK_ADDR */
};

/** A tree that spans a header body: tokens at top level, addresses as TOK_ADDR nodes. */
struct tok_tree {
	struct tok *head;
	size_t count;      /* tokens, bounded by `limit` at parsing */
};

/**
 * Parse a header body into tokens with addresses marked (RFC 822 grammar, lenient as documented:
 * missing <>, route addresses, groups, comments).
 *
 * @param limit   most tokens (header_address_token_limit); what follows is dropped
 */
void address_tokens(struct str body, size_t limit, struct arena *a, struct tok_tree *ret);
/** The internal form of one TOK_ADDR. */
struct str address_of_tok(const struct tok *addr, struct arena *a);
/** Replace the content of a TOK_ADDR by another internal address. */
void address_set_tok(struct tok *addr, struct str internal, struct arena *a);
/**
 * Append the tree as header text: addresses joined by ", ", folded with newline TAB near 70 columns.
 */
_must_use_ int address_tokens_format(struct buf *b, const struct tok_tree *t);

/** A list of internal addresses found in a text (sendmail arguments, -t, alias values). */
struct address_list {
	struct str *v;
	size_t n;
};
/** All addresses of a text such as "a@b, C <d@e>": internal forms, in the arena. */
void address_list_parse(struct str text, size_t limit, struct arena *a, struct address_list *ret);
