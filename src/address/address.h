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
/** Split an internal form; both parts are borrowed from it. */
struct address_parts address_split(struct str internal);
/**
 * Append the external form of an internal address (RFC 5322 dot-atom or quoted string): 0 or
 * -EMSGSIZE. The domain is taken as it is. An empty address stays empty.
 */
_must_use_ int address_quote(struct buf *b, struct str internal);
/** Append the external form of a local part alone: 0 or -EMSGSIZE. An empty one becomes "". */
_must_use_ int address_quote_local(struct buf *b, struct str local);
/** As address_quote with RFC 5321 rules (envelope commands): 0 or -EMSGSIZE. */
_must_use_ int address_quote_821(struct buf *b, struct str internal);
/**
 * Append the internal form of an external address: 0; -EINVAL when a quoted string or pair does not
 * end; -EMSGSIZE. Nothing is appended on failure.
 */
_must_use_ int address_unquote(struct buf *b, struct str external);

/**
 * Append the VERP form of a sender: "list+user=domain@origin" for recipient user@domain.
 *
 * @param sender       internal form
 * @param delimiters   two characters, as "+="
 * @param recipient    internal form
 * @return 0 or -EMSGSIZE
 * Source: VERP_README.
 */
_must_use_ int address_verp(struct buf *b, struct str sender, struct str delimiters,
	struct str recipient);

/** What decides whether a local part has an extension. */
struct ext_rules {
	struct str delimiters;           /* recipient_delimiter: any of these characters */
	struct str double_bounce_sender; /* never split; empty: double-bounce */
	bool owner_request_special;      /* do not split owner-x and x-request at '-' */
};
/**
 * Split "user+ext" at the first delimiter. The extension may be empty.
 *
 * Not split: postmaster, mailer-daemon, the double-bounce sender, and where the user would be
 * empty; owner-x and x-request at '-' with owner_request_special.
 * @return true and both parts, borrowed from local; false: no extension, outputs untouched
 * Source: postconf(5), recipient_delimiter, owner_request_special.
 */
bool address_split_ext_rules(struct str local, const struct ext_rules *rules, struct str *ret_user,
	struct str *ret_ext);
/** As address_split_ext_rules, with owner_request_special and the default double-bounce sender. */
bool address_split_ext(struct str local, struct str delimiters, struct str *ret_user,
	struct str *ret_ext);

/** Kinds of tokens of an RFC 5322 header address list. */
enum tok_type {
	TOK_ATOM = 'A',
	TOK_QSTRING = 'Q', /* text without quotes and backslashes */
	TOK_DOMLIT = 'L',  /* text without brackets */
	TOK_COMMENT = 'C', /* text as written, parentheses included */
	TOK_ADDR = 'D',    /* the tokens that make one address are its children */
	TOK_GROUP = 'G',   /* the ':' of a named group; the name stands before it, ';' ends it */
	TOK_SPECIAL = 'S'  /* one character, see ch */
};

struct tok {
	struct tok *next;
	enum tok_type type;
	char ch;          /* TOK_SPECIAL and TOK_GROUP */
	bool space;       /* white space stood before it */
	struct str text;  /* in the arena */
	struct tok *head; /* TOK_ADDR: its tokens, comments last; NULL for "<>" */
};

/** A header body: tokens at top level, addresses as TOK_ADDR nodes. */
struct tok_tree {
	struct tok *head;
	size_t count; /* tokens, at most the limit given at parsing */
};

/**
 * Parse a header body into tokens with addresses marked.
 *
 * RFC 5322 address lists, and what is found in the field: addresses without <>, several of them
 * without commas between (which are added), route addresses, quoted strings and comments that do not
 * end, ":include:/file" of alias files. A ':' starts a group only when a ';' follows. Comments within
 * an address move to its end.
 *
 * @param body    header body or other text; line breaks count as white space
 * @param limit   most tokens (header_address_token_limit); what follows is dropped
 * @param a       owns the tree; nothing borrows from body
 * Cost: O(len).   Source: RFC 5322 3.4, 4.4.
 */
void address_tokens(struct str body, size_t limit, struct arena *a, struct tok_tree *ret);
/** The internal form of one TOK_ADDR; empty for "<>". */
struct str address_of_tok(const struct tok *addr, struct arena *a);
/** The external form of one TOK_ADDR: as written, without comments. */
struct str address_of_tok_external(const struct tok *addr, struct arena *a);
/** Replace the content of a TOK_ADDR by another internal address; its comments stay. */
void address_set_tok(struct tok *addr, struct str internal, struct arena *a);
/** Replace the content of a TOK_ADDR by an address in external form; its comments stay. */
void address_set_tok_external(struct tok *addr, struct str external, struct arena *a);
/** The first TOK_ADDR at or after `t`, or NULL. For loops: t = address_next(tree.head), then t->next. */
struct tok *address_next(struct tok *t);
/**
 * Append the tree as header text: items joined by ", ", a line break and TAB instead of the blank
 * where a line would become longer than 69 columns without that TAB.
 *
 * The text already in b after its last line break ("To: ") counts as part of the first line.
 * @return 0 or -EMSGSIZE
 */
_must_use_ int address_tokens_format(struct buf *b, const struct tok_tree *t);

/** A list of internal addresses found in a text (sendmail arguments, -t, alias values). */
struct address_list {
	struct str *v;
	size_t n;
};
/**
 * All addresses of a text such as "a@b, C <d@e>": internal forms, in the arena. Empty ones ("<>")
 * are left out.
 *
 * @param limit   most tokens looked at
 */
void address_list_parse(struct str text, size_t limit, struct arena *a, struct address_list *ret);

/**
 * Split a line of an alias file, "name: value, value".
 *
 * @param a           scratch for tokens
 * @param ret_name    appended: the name in internal form
 * @param ret_value   appended: the values in external form, ", " between them
 * @return 0; -EINVAL not "name: value"; -EBADMSG the name has a domain ('@' or '%'); -EMSGSIZE
 * Source: aliases(5), postalias(1).
 */
_must_use_ int address_alias_line(struct str line, struct arena *a, struct buf *ret_name,
	struct buf *ret_value);
