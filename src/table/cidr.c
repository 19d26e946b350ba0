/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table/cidr.c — cidr: tables: "network/prefix text", "!network text", if ... endif.
 *
 * First match wins. A key that is not an address matches nothing. Addresses are kept as bytes and
 * compared under a mask: lists with 100,000 lines are in use.
 */
#include <errno.h>

#include "base/mem.h"
#include "net/addr.h"
#include "table/pairs.h"
#include "table/rulefile.h"

/* More nesting than anybody writes; bounds the parser's stack of IFs. */
#define IF_DEPTH_MAX 100

struct cidr_rule {
	unsigned char net[16];
	unsigned char prefix;
	bool v6;
	bool negate;
	bool is_if;
	int line;
	char *text;  /* NULL for IF */
	size_t jump; /* IF: where to go on when it does not match */
};

struct cidr {
	struct cidr_rule *v;
	size_t n;
};

struct loader {
	struct table *t;
	struct cidr *c;
	size_t open_if[IF_DEPTH_MAX];
	size_t depth;
	int err;
	struct why why;
};

static const unsigned char *addr_bytes(const struct net_addr *a, bool *ret_v6)
{
	*ret_v6 = a->sa.sa_family == AF_INET6;
	return *ret_v6 ? (const unsigned char *)&a->in6.sin6_addr
		       : (const unsigned char *)&a->in.sin_addr;
}

static bool covers(const struct cidr_rule *r, const unsigned char *addr, bool v6)
{
	size_t whole = r->prefix / 8u;
	unsigned rest = r->prefix % 8u;

	if (r->v6 != v6 || memcmp(r->net, addr, whole) != 0)
		return false;
	return rest == 0 || ((r->net[whole] ^ addr[whole]) >> (8u - rest)) == 0;
}

/* Parse "[!]network" into a rule; notes what is wrong. */
static bool read_pattern(struct loader *l, struct str pattern, int line, struct cidr_rule *ret)
{
	struct net_cidr block;
	struct why why = { "" };

	while (pattern.len > 0 &&
		(pattern.ptr[0] == '!' || is_space((unsigned char)*pattern.ptr))) {
		if (pattern.ptr[0] == '!')
			ret->negate = !ret->negate;
		pattern = str_skip(pattern, 1);
	}
	if (pattern.len == 0) {
		rule_note(l->t, line, "no address pattern: skipping this rule");
		return false;
	}
	if (net_cidr_parse(pattern, &block, &why) < 0) {
		rule_note(l->t, line, "%s: skipping this rule", why.text);
		return false;
	}

	const unsigned char *bytes = addr_bytes(&block.addr, &ret->v6);

	memcpy(ret->net, bytes, ret->v6 ? 16 : 4);
	ret->prefix = (unsigned char)block.prefix;
	ret->line = line;
	return true;
}

static void push(struct loader *l, struct cidr_rule rule)
{
	struct cidr *c = l->c;

	/* Double the room at powers of two. */
	if ((c->n & (c->n - 1)) == 0)
		c->v = mem_resize(c->v, c->n == 0 ? 1 : c->n * 2, sizeof(*c->v));
	c->v[c->n++] = rule;
}

static void add_if(struct loader *l, struct str pattern, int line)
{
	struct cidr_rule rule = { .is_if = true };

	if (!read_pattern(l, pattern, line, &rule))
		return;
	if (l->depth == IF_DEPTH_MAX) {
		rule_note(l->t, line, "too many nested IF statements: skipping this rule");
		return;
	}
	l->open_if[l->depth++] = l->c->n;
	push(l, rule);
}

static void add_endif(struct loader *l, struct str rest, int line)
{
	if (rest.len > 0)
		rule_note(l->t, line, "garbage after ENDIF: skipping this rule");
	else if (l->depth == 0)
		rule_note(l->t, line, "ENDIF without IF: skipping this rule");
	else
		l->c->v[l->open_if[--l->depth]].jump = l->c->n;
}

static void add_match(struct loader *l, struct str text, int line)
{
	struct cidr_rule rule = { 0 };
	size_t end = 0;

	/* "! network" may have blanks after the mark. */
	while (end < text.len && (text.ptr[end] == '!' || is_space((unsigned char)text.ptr[end])))
		end++;
	while (end < text.len && !is_space((unsigned char)text.ptr[end]))
		end++;

	struct str value = str_trim(str_skip(text, end));

	if (value.len == 0) {
		rule_note(l->t, line, "no lookup result: skipping this rule");
		return;
	}
	if (!read_pattern(l, str_head(text, end), line, &rule))
		return;

	_cleanup_buf_ struct buf stored = BUF_LOCAL(PAIRS_VALUE_MAX);
	int r = pairs_value(l->t, value, &stored, &l->why);

	if (r < 0) {
		l->err = r;
		return;
	}
	rule.text = buf_take(&stored);
	push(l, rule);
}

static void add_line(void *ctx, struct str text, int line)
{
	struct loader *l = ctx;
	size_t word = 0;

	while (word < text.len && is_alpha((unsigned char)text.ptr[word]))
		word++;

	struct str keyword = str_head(text, word), rest = str_skip(text, word);
	bool alone = rest.len == 0 || is_space((unsigned char)rest.ptr[0]) || rest.ptr[0] == '!';

	if (alone && str_ieq(keyword, STR("if")))
		add_if(l, str_trim(rest), line);
	else if (alone && str_ieq(keyword, STR("endif")))
		add_endif(l, str_trim(rest), line);
	else
		add_match(l, text, line);
}

static int cidr_open(struct table *t, struct why *why)
{
	struct cidr *c = mem_new(struct cidr);

	t->impl = c;

	struct loader l = { .t = t, .c = c };
	int r = rulefile_each(t, add_line, &l, why);

	if (r < 0)
		return r;
	while (l.depth > 0) {
		struct cidr_rule *open_if = &c->v[l.open_if[--l.depth]];

		rule_note(t, open_if->line, "IF has no matching ENDIF");
		open_if->jump = c->n;
	}
	return l.err < 0 ? why_set(why, l.err, "%s", l.why.text) : 0;
}

static void cidr_close(struct table *t)
{
	struct cidr *c = t->impl;

	for (size_t i = 0; c != NULL && i < c->n; i++)
		free(c->v[i].text);
	if (c != NULL)
		free(c->v);
	free(c);
}

static enum lookup cidr_get(const struct table *t, struct str key, struct buf *ret, struct why *why)
{
	const struct cidr *c = t->impl;
	struct net_addr a;
	bool v6;

	if (net_addr_parse(key, 0, &a) < 0)
		return LOOKUP_NONE;

	const unsigned char *addr = addr_bytes(&a, &v6);

	for (size_t i = 0; i < c->n;) {
		const struct cidr_rule *r = &c->v[i];
		bool hit = covers(r, addr, v6) != r->negate;

		if (r->is_if) {
			i = hit ? i + 1 : r->jump;
			continue;
		}
		if (!hit) {
			i++;
			continue;
		}
		if (buf_adds(ret, r->text) < 0) {
			(void)why_set(why, -EMSGSIZE, "value is too long");
			return LOOKUP_TEMPFAIL;
		}
		return LOOKUP_FOUND;
	}
	return LOOKUP_NONE;
}

const struct table_ops table_cidr_ops = {
	.type = "cidr",
	.pattern = true,
	.open = cidr_open,
	.close = cidr_close,
	.get = cidr_get,
};
