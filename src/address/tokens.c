/* SPDX-License-Identifier: Apache-2.0 */
/*
 * address/tokens.c — find the addresses in a token list.
 *
 * First the pairs "<" ">" and the colons of groups are found, from the right: a ':' starts a group
 * only when a ';' follows. Then the list is cut into items at commas and semicolons; an item is
 * "phrase <address>", "name:" of a group, or words, where each run without a blank between two
 * words is an address. Commas that are missing are added.
 */
#include "address/tokens_priv.h"

struct parser {
	struct tok *in; /* tokens still to be taken */
	struct toks out;
	struct arena *arena;
	bool needs_comma; /* an address stands before, without a comma */
};

static bool is_word(const struct tok *t)
{
	return t->type == TOK_ATOM || t->type == TOK_QSTRING || t->type == TOK_DOMLIT;
}

/* A '<' that has its '>' keeps it in `head` until it is put out. */
static bool is_angle(const struct tok *t)
{
	return tok_is(t, '<') && t->head != NULL;
}

static struct tok *take(struct parser *p)
{
	struct tok *t = p->in;

	p->in = t->next;
	return t;
}

static struct tok *new_tok(struct parser *p, enum tok_type type, char ch)
{
	struct tok *t = arena_obj(p->arena, struct tok);

	t->type = type;
	t->ch = ch;
	t->text = STR_EMPTY;
	return t;
}

static void mark_pairs(const struct toks *flat, struct arena *a)
{
	struct tok **v = arena_array(a, flat->count + 1, sizeof(struct tok *));
	struct tok *close = NULL;
	bool group = false;
	size_t n = 0;

	for (struct tok *t = flat->head; t != NULL; t = t->next)
		v[n++] = t;
	while (n-- > 0) {
		struct tok *t = v[n];

		if (close == NULL && tok_is(t, '>')) {
			close = t;
		} else if (close != NULL && tok_is(t, '<')) {
			t->head = close;
			close = NULL;
		} else if (close == NULL && tok_is(t, ';')) {
			group = true;
		} else if (close == NULL && group && tok_is(t, ':')) {
			t->type = TOK_GROUP;
			group = false;
		}
	}
}

/* Join two lists; the second is not used any more. */
static void append(struct toks *to, struct tok *list)
{
	for (struct tok *next; list != NULL; list = next) {
		next = list->next;
		toks_push(to, list);
	}
}

/* Collect up to `end`; comments go last. Several words without <> end at a blank between two. */
static struct tok *collect(struct parser *p, const struct tok *end, bool bare)
{
	struct toks body, comments;
	const struct tok *prev = NULL;
	struct tok *t;

	toks_init(&body);
	toks_init(&comments);
	while (p->in != end) {
		if (p->in->type == TOK_COMMENT) {
			toks_push(&comments, take(p));
			continue;
		}
		if (bare && prev != NULL && is_word(prev) && is_word(p->in))
			break;
		t = take(p);
		toks_push(&body, t);
		prev = t;
	}
	append(&body, comments.head);
	return body.head;
}

static void push_comma(struct parser *p)
{
	if (p->needs_comma)
		toks_push(&p->out, new_tok(p, TOK_SPECIAL, ','));
	p->needs_comma = false;
}

static void push_addr(struct parser *p, struct tok *children, bool space)
{
	struct tok *t = new_tok(p, TOK_ADDR, '\0');

	t->space = space;
	t->head = children;
	toks_push(&p->out, t);
}

/* "<...>"; p->in is at '<'. */
static void parse_angle(struct parser *p)
{
	struct tok *open = take(p), *close = open->head;

	open->head = NULL;
	toks_push(&p->out, open);
	push_addr(p, collect(p, close, false), false);
	toks_push(&p->out, take(p));
	while (p->in != NULL && p->in->type == TOK_COMMENT)
		toks_push(&p->out, take(p));
	p->needs_comma = true;
}

/* Words up to `end`: one address or more. */
static void parse_bare(struct parser *p, const struct tok *end)
{
	while (p->in != end) {
		bool space = p->in->space;
		struct tok *children = collect(p, end, true);

		if (children->type == TOK_COMMENT) { /* nothing but comments */
			append(&p->out, children);
			continue;
		}
		push_comma(p);
		push_addr(p, children, space);
		p->needs_comma = true;
	}
}

static void parse_item(struct parser *p)
{
	struct tok *end = p->in;

	if (tok_is(end, ',') || tok_is(end, ';')) {
		p->needs_comma = end->ch == ';';
		toks_push(&p->out, take(p));
		return;
	}
	while (end != NULL && !tok_is(end, ',') && !tok_is(end, ';') && !is_angle(end) &&
		end->type != TOK_GROUP)
		end = end->next;
	if (end == NULL || (end->type == TOK_SPECIAL && end->ch != '<')) {
		parse_bare(p, end);
		return;
	}
	push_comma(p);
	while (p->in != end)
		toks_push(&p->out, take(p));
	if (end->type == TOK_GROUP)
		toks_push(&p->out, take(p));
	else
		parse_angle(p);
}

void address_tokens(struct str body, size_t limit, struct arena *a, struct tok_tree *ret)
{
	struct parser p = { .arena = a };
	struct toks flat;

	tok_scan(body, limit, a, &flat);
	mark_pairs(&flat, a);
	toks_init(&p.out);
	p.in = flat.head;
	while (p.in != NULL)
		parse_item(&p);
	*ret = (struct tok_tree){ p.out.head, flat.count };
}

struct tok *address_next(struct tok *t)
{
	while (t != NULL && t->type != TOK_ADDR)
		t = t->next;
	return t;
}

void address_set_tok_external(struct tok *addr, struct str external, struct arena *a)
{
	struct toks flat;

	check(addr->type == TOK_ADDR);
	tok_scan(external, SIZE_MAX, a, &flat);
	for (struct tok *t = addr->head, *next; t != NULL; t = next) {
		next = t->next;
		if (t->type == TOK_COMMENT)
			toks_push(&flat, t);
	}
	addr->head = flat.head;
}

void address_set_tok(struct tok *addr, struct str internal, struct arena *a)
{
	struct buf b = BUF_LOCAL(2 * internal.len + 3);

	check(address_quote(&b, internal) == 0);
	address_set_tok_external(addr, buf_str(&b), a);
	buf_done(&b);
}

void address_list_parse(struct str text, size_t limit, struct arena *a, struct address_list *ret)
{
	struct tok_tree tree;
	size_t n = 0;

	address_tokens(text, limit, a, &tree);
	for (struct tok *t = address_next(tree.head); t != NULL; t = address_next(t->next))
		n++;
	*ret = (struct address_list){ .v = NULL };
	if (n == 0)
		return;
	ret->v = arena_array(a, n, sizeof(*ret->v));
	for (struct tok *t = address_next(tree.head); t != NULL; t = address_next(t->next)) {
		struct str s = address_of_tok(t, a);

		if (s.len > 0)
			ret->v[ret->n++] = s;
	}
}
