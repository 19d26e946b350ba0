/* SPDX-License-Identifier: Apache-2.0 */
/*
 * address/tokens.c — find the addresses in a token list.
 *
 * The list is cut into items at commas, semicolons and the colon of a group; an item is either
 * "phrase <address> rest" or words that make one address.
 */
#include "address/tokens_priv.h"

struct parser {
	struct tok *in; /* tokens still to be taken */
	struct toks out;
	struct arena *arena;
};

static struct tok *take(struct parser *p)
{
	struct tok *t = p->in;

	p->in = t->next;
	return t;
}

static struct tok *new_addr(struct parser *p, bool space)
{
	struct tok *t = arena_obj(p->arena, struct tok);

	t->type = TOK_ADDR;
	t->space = space;
	t->text = STR_EMPTY;
	return t;
}

static struct tok *new_special(struct parser *p, char ch)
{
	struct tok *t = arena_obj(p->arena, struct tok);

	t->type = TOK_SPECIAL;
	t->ch = ch;
	t->text = STR_EMPTY;
	return t;
}

/* Put an address and the comments that stood in it, in this order. */
static void push_addr(struct parser *p, struct tok *addr, struct toks *body, struct toks *comments)
{
	addr->head = body->head;
	toks_push(&p->out, addr);
	for (struct tok *t = comments->head, *next; t != NULL; t = next) {
		next = t->next;
		toks_push(&p->out, t);
	}
}

/* "<...>", with source routes; p->in is at '<'. A missing '>' is added at the next comma. */
static void parse_angle(struct parser *p)
{
	struct toks body, comments;
	struct tok *addr, *close;
	struct toks *dest;
	bool route = false;

	toks_init(&body);
	toks_init(&comments);
	toks_push(&p->out, take(p));
	while (p->in != NULL && !tok_is(p->in, '>') && !tok_is(p->in, '<') && !tok_is(p->in, ';')) {
		if (body.count == 0)
			route = tok_is(p->in, '@');
		else if (tok_is(p->in, ':'))
			route = false;
		if (tok_is(p->in, ',') && !route)
			break;
		dest = p->in->type == TOK_COMMENT ? &comments : &body;
		toks_push(dest, take(p));
	}
	close = tok_is(p->in, '>') ? take(p) : new_special(p, '>');
	addr = new_addr(p, false);
	addr->head = body.head;
	toks_push(&p->out, addr);
	toks_push(&p->out, close);
	for (struct tok *t = comments.head, *next; t != NULL; t = next) {
		next = t->next;
		t->space = true;
		toks_push(&p->out, t);
	}
}

/* ":include:/file" as alias files have it. */
static bool at_include(const struct tok *t)
{
	return tok_is(t, ':') && t->next != NULL && t->next->type == TOK_ATOM &&
	       str_ieq(t->next->text, STR("include")) && tok_is(t->next->next, ':');
}

/* What ends the item that starts at p->in: ',', ';', '<', a group's ':', or '\0' at the end. */
static char item_end(const struct tok *t)
{
	bool route = tok_is(t, '@'), include = at_include(t), first = true;

	for (; t != NULL; t = t->next) {
		if (t->type != TOK_SPECIAL) {
			first = first && t->type == TOK_COMMENT;
			continue;
		}
		if (t->ch == '<' || t->ch == ';' || (t->ch == ',' && !route))
			return t->ch;
		if (t->ch == ':' && !include && !route && !first)
			return ':';
		if (t->ch == ':')
			route = false;
		first = false;
	}
	return '\0';
}

static bool ends_words(const struct tok *t, bool route)
{
	return tok_is(t, ';') || tok_is(t, '<') || (tok_is(t, ',') && !route);
}

/* Words without <>: one address. */
static void parse_bare(struct parser *p)
{
	struct toks body, comments, *dest;
	bool route = tok_is(p->in, '@'), space = p->in->space;

	toks_init(&body);
	toks_init(&comments);
	while (p->in != NULL && !ends_words(p->in, route)) {
		if (tok_is(p->in, ':'))
			route = false;
		dest = p->in->type != TOK_COMMENT ? &body : body.count > 0 ? &comments : &p->out;
		toks_push(dest, take(p));
	}
	if (body.count > 0)
		push_addr(p, new_addr(p, space), &body, &comments);
}

/* Tokens up to a character that item_end() has found, as they are. */
static void copy_until(struct parser *p, char ch)
{
	while (p->in != NULL && !tok_is(p->in, ch))
		toks_push(&p->out, take(p));
}

/* What follows "<...>" up to the end of the item: kept, without meaning. */
static void copy_rest(struct parser *p)
{
	while (p->in != NULL && !tok_is(p->in, ',') && !tok_is(p->in, ';') && !tok_is(p->in, '<'))
		toks_push(&p->out, take(p));
}

static void parse_item(struct parser *p)
{
	char end;

	if (tok_is(p->in, ',') || tok_is(p->in, ';')) {
		toks_push(&p->out, take(p));
		return;
	}
	end = item_end(p->in);
	if (end == '<') {
		copy_until(p, '<');
		parse_angle(p);
		copy_rest(p);
	} else if (end == ':') {
		copy_until(p, ':');
		p->in->type = TOK_GROUP;
		toks_push(&p->out, take(p));
	} else {
		parse_bare(p);
	}
}

void address_tokens(struct str body, size_t limit, struct arena *a, struct tok_tree *ret)
{
	struct parser p = { .arena = a };
	struct toks flat;

	tok_scan(body, limit, a, &flat);
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
	addr->head = flat.head;
}

void address_set_tok(struct tok *addr, struct str internal, struct arena *a)
{
	struct buf b = BUF(BUF_MEDIUM);

	if (address_quote(&b, internal) == 0)
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
