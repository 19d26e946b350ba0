/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table/combine.c — pipemap:{T1, T2}: the result of one is the key of the next; unionmap:{T1, T2}:
 * all results joined by commas. Whole keys only unless every member takes partial ones.
 */
#include <errno.h>

#include "base/mem.h"
#include "base/strv.h"
#include "table/table_priv.h"

struct members {
	struct table **v;
	size_t n;
};

static int combine_open(struct table *t, struct why *why)
{
	struct members *m = mem_new(struct members);
	_cleanup_strv_ struct strv specs = { 0 };

	t->impl = m;
	if (table_split_braces(str_of(t->name), &specs) < 0)
		return why_set(why, -EINVAL, "bad syntax: \"%s\"; need \"%s:{type:name...}\"",
			t->spec, t->type);
	m->v = mem_array(specs.n, sizeof(*m->v));
	t->pattern = false;
	for (size_t i = 0; i < specs.n; i++) {
		struct str spec = str_of(specs.v[i]);

		if (spec.ptr[0] == '{')
			(void)table_strip_braces(spec, &spec);

		int r = table_open_member(t, spec, &m->v[i], why);

		if (r < 0)
			return r;
		m->n++;
		t->pattern = t->pattern || table_is_pattern(m->v[i]);
	}
	return 0;
}

static void combine_close(struct table *t)
{
	struct members *m = t->impl;

	for (size_t i = 0; m != NULL && i < m->n; i++)
		table_unref(m->v[i]);
	if (m != NULL)
		free(m->v);
	free(m);
}

static bool combine_changed(const struct table *t)
{
	const struct members *m = t->impl;

	for (size_t i = 0; i < m->n; i++)
		if (table_changed(m->v[i]))
			return true;
	return false;
}

static enum lookup pipemap_get(const struct table *t, struct str key, struct buf *ret,
	struct why *why)
{
	const struct members *m = t->impl;
	_cleanup_buf_ struct buf now = BUF(BUF_MEDIUM);
	_cleanup_buf_ struct buf next = BUF(BUF_MEDIUM);

	if (buf_add(&now, key) < 0)
		return LOOKUP_NONE;
	for (size_t i = 0; i < m->n; i++) {
		buf_clear(&next);

		enum lookup r = table_get_member(m->v[i], buf_str(&now), &next, why);

		if (r != LOOKUP_FOUND)
			return r;

		struct buf swap = now;

		now = next;
		next = swap;
	}
	if (buf_add(ret, buf_str(&now)) < 0) {
		(void)why_set(why, -EMSGSIZE, "value is too long");
		return LOOKUP_TEMPFAIL;
	}
	return LOOKUP_FOUND;
}

static enum lookup unionmap_get(const struct table *t, struct str key, struct buf *ret,
	struct why *why)
{
	const struct members *m = t->impl;
	bool found = false;

	for (size_t i = 0; i < m->n; i++) {
		_cleanup_buf_ struct buf one = BUF(BUF_MEDIUM);
		enum lookup r = table_get_member(m->v[i], key, &one, why);

		if (r == LOOKUP_TEMPFAIL)
			return r;
		if (r == LOOKUP_NONE || one.len == 0)
			continue;
		if ((found && buf_addc(ret, ',') < 0) || buf_add(ret, buf_str(&one)) < 0) {
			(void)why_set(why, -EMSGSIZE, "value is too long");
			return LOOKUP_TEMPFAIL;
		}
		found = true;
	}
	return found ? LOOKUP_FOUND : LOOKUP_NONE;
}

const struct table_ops table_pipemap_ops = {
	.type = "pipemap",
	.open = combine_open,
	.close = combine_close,
	.get = pipemap_get,
	.changed = combine_changed,
};

const struct table_ops table_unionmap_ops = {
	.type = "unionmap",
	.open = combine_open,
	.close = combine_close,
	.get = unionmap_get,
	.changed = combine_changed,
};
