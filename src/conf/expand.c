/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf/expand.c — $name in all its forms.
 *
 * $name, ${name}, $(name); ${name?text}, ${name:text}, ${name?{text}:{text}}; ${{a} OP {b}?...};
 * $$; ${domain_to_ascii{text}}. White space around names, operators and braced parts does not
 * count, inside braces it does. An undefined name is empty.
 *
 * Invariant: nesting (of values in values and of braces in text) ends at DEPTH_MAX, so that a loop
 * in main.cf is an error and not a crash. Source: postconf(5), tried against Debian's postconf.
 */
#include <errno.h>
#include <idn2.h>

#include "base/cursor.h"

#include "conf/conf_priv.h"
#include "conf/level.h"

#define DEPTH_MAX 200

struct expansion {
	const struct conf *conf;
	int depth;
	struct why *why;
};

static int expand(struct expansion *x, struct str text, struct buf *out);

static bool is_name(unsigned char c)
{
	return is_alnum(c) || c == '_';
}

static void skip_ws(struct cursor *c)
{
	(void)cur_skip_ws(c);
}

/** An error at a place in a text: "...before>>>after". */
static int error_at(struct expansion *x, const char *what, struct str all, const struct cursor *c)
{
	size_t done = (size_t)(c->p - all.ptr), from = done > 20 ? done - 20 : 0;

	return why_set(x->why, -EINVAL, "%s at: \"...%.*s>>>%.*s\"", what, (int)(done - from),
		all.ptr + from, (int)MIN((size_t)20, all.len - done), c->p);
}

/** Consume open ... close with nesting; `ret` is the inside. */
static bool balanced(struct cursor *c, char open, char close, struct str *ret)
{
	const char *p = c->p;
	size_t level = 0;

	for (; p < c->end; p++) {
		if (*p == open)
			level++;
		else if (*p == close && --level == 0) {
			*ret = str_from(c->p + 1, (size_t)(p - c->p - 1));
			c->p = p + 1;
			return true;
		}
	}
	return false;
}

/** Append the value of a name: 0 or -EINVAL. */
static int expand_name(struct expansion *x, struct str name, struct buf *out)
{
	_cleanup_buf_ struct buf tmp = BUF_LOCAL(BUF_MEDIUM);
	struct str text = STR_EMPTY;
	int r;

	if (x->depth >= DEPTH_MAX)
		return why_set(x->why, -EINVAL,
			"unreasonable macro call nesting: \"%.*s\" (does it refer to itself?)",
			STR_ARG(name));
	r = conf_text(x->conf, name, x->depth, &tmp, &text, x->why);
	if (r < 0)
		return r;
	x->depth++;
	r = expand(x, text, out);
	x->depth--;
	return r;
}

enum relation {
	REL_EQ,
	REL_NE,
	REL_LE,
	REL_GE,
	REL_LT,
	REL_GT,
};

static bool holds(enum relation rel, int cmp)
{
	switch (rel) {
	case REL_EQ:
		return cmp == 0;
	case REL_NE:
		return cmp != 0;
	case REL_LE:
		return cmp <= 0;
	case REL_GE:
		return cmp >= 0;
	case REL_LT:
		return cmp < 0;
	case REL_GT:
		return cmp > 0;
	}
	check(false);
}

static bool relation_parse(struct cursor *c, enum relation *ret, bool *ret_level)
{
	static const struct {
		struct str text;
		enum relation rel;
	} operators[] = {
		{ { "==", 2 }, REL_EQ },
		{ { "!=", 2 }, REL_NE },
		{ { "<=", 2 }, REL_LE },
		{ { ">=", 2 }, REL_GE },
		{ { "<", 1 }, REL_LT },
		{ { ">", 1 }, REL_GT },
	};

	for (size_t i = 0; i < ARRAY_LEN(operators); i++) {
		if (cur_lit(c, operators[i].text)) {
			*ret = operators[i].rel;
			*ret_level = cur_lit(c, STR("level"));
			return true;
		}
	}
	return false;
}

int conf_compare_digits(struct str a, struct str b)
{
	while (a.len > 1 && a.ptr[0] == '0')
		a = str_skip(a, 1);
	while (b.len > 1 && b.ptr[0] == '0')
		b = str_skip(b, 1);
	return a.len != b.len ? (a.len < b.len ? -1 : 1) : str_cmp(a, b);
}

/** Compare two expanded operands: 0 with *ret, or -EINVAL. */
static int compare(struct expansion *x, struct str a, struct str b, bool as_level, int *ret)
{
	uint64_t la = 0, lb = 0;

	if (as_level) {
		if (conf_level_parse(a, &la) < 0)
			return why_set(x->why, -EINVAL,
				"malformed compatibility level syntax: \"%.*s\"", STR_ARG(a));
		if (conf_level_parse(b, &lb) < 0)
			return why_set(x->why, -EINVAL,
				"malformed compatibility level syntax: \"%.*s\"", STR_ARG(b));
		*ret = la < lb ? -1 : la > lb;
	} else if (str_all_digits(a) && str_all_digits(b)) {
		*ret = conf_compare_digits(a, b);
	} else {
		*ret = str_cmp(a, b);
	}
	return 0;
}

/** {a} OP {b}: 1 true, 0 false, -EINVAL. */
static int condition(struct expansion *x, struct str all, struct cursor *c)
{
	_cleanup_buf_ struct buf a = BUF_LOCAL(BUF_MEDIUM);
	_cleanup_buf_ struct buf b = BUF_LOCAL(BUF_MEDIUM);
	struct str left, right;
	enum relation rel = REL_EQ;
	bool as_level = false;
	int cmp = 0, r;

	if (!balanced(c, '{', '}', &left))
		return error_at(x, "\"}\" expected", all, c);
	skip_ws(c);
	if (!relation_parse(c, &rel, &as_level))
		return error_at(x,
			"\"==\" or \"!=\" or \"<\" or \"<=\" or \">=\" or \">\" expected", all, c);
	skip_ws(c);
	if (cur_peek(c) != '{')
		return error_at(x, "\"{\" expected", all, c);
	if (!balanced(c, '{', '}', &right))
		return error_at(x, "\"}\" expected", all, c);
	skip_ws(c);
	r = expand(x, left, &a);
	if (r == 0)
		r = expand(x, right, &b);
	if (r == 0)
		r = compare(x, buf_str(&a), buf_str(&b), as_level, &cmp);
	return r < 0 ? r : holds(rel, cmp);
}

/** White space and then '{': true, the cursor is at the brace; else it stays. */
static bool at_brace(struct cursor *c)
{
	struct cursor ahead = *c;

	skip_ws(&ahead);
	if (cur_peek(&ahead) != '{')
		return false;
	*c = ahead;
	return true;
}

/**
 * The texts after '?' and ':': 0 or -EINVAL; a text that is not there is empty.
 *
 * A text without braces runs to the end and keeps its white space.
 */
static int branches(struct expansion *x, struct str all, struct cursor *c, struct str *ret_yes,
	struct str *ret_no)
{
	if (cur_char(c, '?')) {
		if (!at_brace(c)) {
			*ret_yes = cur_rest(c);
			return 0;
		}
		if (!balanced(c, '{', '}', ret_yes))
			return error_at(x, "\"}\" expected", all, c);
		skip_ws(c);
		if (cur_at_end(c))
			return 0;
		if (cur_peek(c) != ':')
			return error_at(x, "\":\" expected", all, c);
	}
	(void)cur_char(c, ':');
	if (!at_brace(c)) {
		*ret_no = cur_rest(c);
		return 0;
	}
	if (!balanced(c, '{', '}', ret_no))
		return error_at(x, "\"}\" expected", all, c);
	skip_ws(c);
	return cur_at_end(c) ? 0 : error_at(x, "unexpected input", all, c);
}

/** name{text}: a function of the expanded text. */
static int function(struct expansion *x, struct str name, struct str arg, struct buf *out)
{
	_cleanup_buf_ struct buf text = BUF_LOCAL(BUF_SMALL);
	char *ascii = NULL;
	int r;

	if (!str_eq(name, STR("domain_to_ascii")))
		return why_set(x->why, -EINVAL, "unknown macro function: \"%.*s\"", STR_ARG(name));
	r = expand(x, arg, &text);
	if (r < 0)
		return r;
	if (!str_has_8bit(buf_str(&text)))
		return buf_add(out, buf_str(&text));
	r = idn2_to_ascii_8z(buf_cstr(&text), &ascii, IDN2_NONTRANSITIONAL | IDN2_NFC_INPUT);
	if (r != IDN2_OK)
		return why_set(x->why, -EINVAL, "domain_to_ascii{%s}: %s", buf_cstr(&text),
			idn2_strerror(r));
	r = buf_adds(out, ascii);
	idn2_free(ascii);
	return r;
}

/** True in a condition: the text of a name is not empty, before expansion (as documented tools do). */
static int is_set(struct expansion *x, struct str name)
{
	_cleanup_buf_ struct buf tmp = BUF_LOCAL(BUF_MEDIUM);
	struct str text = STR_EMPTY;
	int r = conf_text(x->conf, name, x->depth, &tmp, &text, x->why);

	return r < 0 ? r : text.len > 0;
}

/** ${name...}: the cursor is behind the name. */
static int by_name(struct expansion *x, struct str inside, struct str name, struct cursor *c,
	struct buf *out)
{
	struct str yes = STR_EMPTY, no = STR_EMPTY, arg;
	int r, q;

	if (cur_peek(c) == '{' && balanced(c, '{', '}', &arg))
		return function(x, name, arg, out);
	skip_ws(c);
	if (cur_at_end(c))
		return expand_name(x, name, out);
	if (cur_peek(c) != '?' && cur_peek(c) != ':')
		return error_at(x, "attribute name syntax error", inside, c);
	r = is_set(x, name);
	q = r < 0 ? r : branches(x, inside, c, &yes, &no);
	return q < 0 ? q : expand(x, r > 0 ? yes : no, out);
}

/** The inside of ${...} or $(...). */
static int reference(struct expansion *x, struct str inside, struct buf *out)
{
	struct cursor c = cur_of(inside);
	struct str name, yes = STR_EMPTY, no = STR_EMPTY;
	int r, q;

	skip_ws(&c);
	if (cur_peek(&c) != '{') {
		if (!cur_token(&c, is_name, inside.len, &name))
			return error_at(x, "attribute name syntax error", inside, &c);
		return by_name(x, inside, name, &c, out);
	}
	r = condition(x, inside, &c);
	if (r < 0)
		return r;
	if (cur_at_end(&c))
		return buf_add(out, r > 0 ? STR("true") : STR_EMPTY);
	if (cur_peek(&c) != '?' && cur_peek(&c) != ':')
		return error_at(x, "\"?\" or \":\" expected", inside, &c);
	q = branches(x, inside, &c, &yes, &no);
	return q < 0 ? q : expand(x, r > 0 ? yes : no, out);
}

/** One $ and what belongs to it. */
static int dollar(struct expansion *x, struct cursor *c, struct buf *out)
{
	struct str rest = cur_rest(c), inside, name;
	int open;

	(void)cur_char(c, '$');
	if (cur_char(c, '$'))
		return buf_addc(out, '$');
	open = cur_peek(c);
	if (open == '{' || open == '(') {
		if (!balanced(c, (char)open, open == '{' ? '}' : ')', &inside))
			return why_set(x->why, -EINVAL, "truncated macro reference: \"%.*s\"",
				STR_ARG(rest));
		if (str_trim(inside).len == 0)
			return why_set(x->why, -EINVAL, "empty macro name: \"%.*s\"",
				STR_ARG(rest));
		return reference(x, inside, out);
	}
	if (!cur_token(c, is_name, rest.len, &name))
		return why_set(x->why, -EINVAL, "empty macro name: \"%.*s\"", STR_ARG(rest));
	return expand_name(x, name, out);
}

static int expand(struct expansion *x, struct str text, struct buf *out)
{
	struct cursor c = cur_of(text);
	struct str plain;
	int r = 0;

	if (x->depth >= DEPTH_MAX)
		return why_set(x->why, -EINVAL, "unreasonable macro call nesting: \"%.*s\"",
			(int)MIN(text.len, (size_t)40), text.ptr);
	x->depth++;
	while (r == 0 && !cur_at_end(&c)) {
		if (cur_peek(&c) == '$') {
			r = dollar(x, &c, out);
			continue;
		}
		if (!cur_until(&c, '$', text.len, &plain)) {
			plain = cur_rest(&c);
			c.p = c.end;
		}
		r = buf_add(out, plain);
	}
	x->depth--;
	if (r == -EMSGSIZE)
		return why_set(x->why, -EINVAL, "the expanded text is too long");
	return r;
}

int conf_expand_text(const struct conf *c, struct str text, struct buf *ret, struct why *why)
{
	return conf_expand_at(c, text, 0, ret, why);
}

int conf_expand_at(const struct conf *c, struct str text, int depth, struct buf *ret,
	struct why *why)
{
	struct expansion x = { .conf = c, .depth = depth, .why = why };
	size_t before = ret->len;
	int r = expand(&x, text, ret);

	if (r < 0)
		buf_truncate(ret, before);
	return r;
}

int conf_expand(const struct conf *c, const char *name, struct buf *ret, struct why *why)
{
	struct expansion x = { .conf = c, .why = why };
	size_t before = ret->len;
	int r = expand_name(&x, str_of(name), ret);

	if (r < 0)
		buf_truncate(ret, before);
	return r;
}
