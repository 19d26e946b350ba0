/* SPDX-License-Identifier: Apache-2.0 */
/* table/template.c — see template.h. */
#include "table/template.h"

#include "base/cursor.h"
#include "base/mem.h"
#include "base/num.h"

/* More groups than any pattern has; keeps sums small. */
#define GROUP_MAX 65535

static void add(struct template *t, struct template_part part)
{
	t->parts = mem_resize(t->parts, t->n + 1, sizeof(*t->parts));
	t->parts[t->n++] = part;
}

/* After '$': the name, with or without braces. */
static enum template_error read_name(struct cursor *c, struct str *ret)
{
	int open = cur_peek(c);

	if (open == '{' || open == '(') {
		char close = open == '{' ? '}' : ')';

		c->p++;
		if (!cur_until(c, close, SIZE_MAX, ret))
			return TEMPLATE_TRUNCATED;
		c->p++;
	} else {
		const char *from = c->p;

		while (!cur_at_end(c) && (is_alnum((unsigned char)*c->p) || *c->p == '_'))
			c->p++;
		*ret = str_from(from, (size_t)(c->p - from));
	}
	return ret->len == 0 ? TEMPLATE_EMPTY_NAME : TEMPLATE_OK;
}

static enum template_error parse_group(struct cursor *c, struct template *t, struct str *ret_what)
{
	struct str name = STR_EMPTY;
	enum template_error e = read_name(c, &name);
	uint64_t group = 0;

	if (e != TEMPLATE_OK)
		return e;
	*ret_what = name;
	if (num_u64(name, GROUP_MAX, &group) < 0)
		return TEMPLATE_NOT_NUMBER;
	if (group == 0)
		return TEMPLATE_ZERO;
	add(t, (struct template_part){ .group = (unsigned)group });
	t->max_group = MAX(t->max_group, (unsigned)group);
	return TEMPLATE_OK;
}

static enum template_error parse(struct template *t, struct str text, struct str *ret_what)
{
	struct cursor c = cur_of(text);

	while (!cur_at_end(&c)) {
		const char *from = c.p;

		while (!cur_at_end(&c) && *c.p != '$')
			c.p++;
		if (c.p > from)
			add(t, (struct template_part){
				       .text = str_from(from, (size_t)(c.p - from)) });
		if (cur_at_end(&c))
			break;
		c.p++;
		if (cur_char(&c, '$')) {
			add(t, (struct template_part){ .text = str_from(c.p - 1, 1) });
			continue;
		}

		enum template_error e = parse_group(&c, t, ret_what);

		if (e != TEMPLATE_OK)
			return e;
	}
	return TEMPLATE_OK;
}

enum template_error template_parse(struct str text, struct template *ret, struct str *ret_what)
{
	struct template t = { .source = str_dup(text) };

	*ret_what = text;

	enum template_error e = parse(&t, str_from(t.source, text.len), ret_what);

	if (e == TEMPLATE_OK) {
		*ret = t;
		return e;
	}
	/* Names were found in our copy: point to the same place in the caller's text. */
	if (ret_what->ptr != text.ptr)
		ret_what->ptr = text.ptr + (ret_what->ptr - t.source);
	template_done(&t);
	return e;
}

void template_done(struct template *t)
{
	free(t->parts);
	free(t->source);
	*t = (struct template){ 0 };
}
