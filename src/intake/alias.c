/* SPDX-License-Identifier: Apache-2.0 */
/*
 * intake/alias.c — virtual alias expansion.
 *
 * A work list that starts with the recipient. An entry is replaced by the first address it maps to
 * and looked up again; further addresses are appended. An entry that maps to itself is
 * final; loops end at the limits.
 */
#include "intake/intake_priv.h"

static const struct str the_reason = { "4.6.0 Alias expansion error", 27 };

struct node {
	struct str addr;
	const struct node *parent;
	int64_t depth;
};

struct work {
	struct intake *it;
	struct arena *a;
	struct str rcpt;
	struct node **v;
	size_t n;
	size_t cap;
};

static void add(struct work *w, struct str addr, const struct node *parent)
{
	struct node *n = arena_obj(w->a, struct node);

	if (w->n == w->cap) {
		struct node **v = arena_array(w->a, w->cap * 2 + 8, sizeof(*v));

		if (w->n > 0)
			memcpy(v, w->v, w->n * sizeof(*v));
		w->v = v;
		w->cap = w->cap * 2 + 8;
	}
	*n = (struct node){ addr, parent, parent == NULL ? 0 : parent->depth + 1 };
	w->v[w->n++] = n;
}

/* Mail to x that goes to x and others: the x among them is not expanded again. */
static bool is_self(const struct node *parent, struct str addr)
{
	return parent != NULL && str_ieq(parent->addr, addr);
}

static bool give_up(struct work *w, const char *what, struct str addr, const char *dots)
{
	intake_warn(w->it,
		"unreasonable %s %s" STR_FMT "%s -- message not accepted, try again later",
		w->it->c->virtual_alias.title, what, STR_ARG(addr), dots);
	intake_fail(w->it, INTAKE_STAT_DEFER, the_reason);
	return false;
}

/* Put the results for entry `at` into the list. True: the entry is to be looked up again. */
static bool place(struct work *w, size_t at, const struct address_list *found)
{
	const struct node *origin = w->v[at];
	bool again = false;

	for (size_t i = 0; i < found->n; i++) {
		bool final = is_self(origin, found->v[i]);

		if (i == 0) {
			struct node *n = arena_obj(w->a, struct node);

			*n = (struct node){ found->v[i], origin, origin->depth + 1 };
			w->v[at] = n;
			again = !final;
		} else {
			add(w, found->v[i], origin);
		}
	}
	return again;
}

/* Look up one entry until it does not change any more: false when expansion failed. */
static bool expand_entry(struct work *w, size_t at)
{
	const struct intake_settings *s = w->it->s;
	const struct tables *t = &w->it->c->virtual_alias;
	bool again = !is_self(w->v[at]->parent, w->v[at]->addr);

	while (again) {
		struct address_list found;
		struct why why = { "" };
		enum lookup r;

		if (w->v[at]->depth > s->virtual_alias_recursion_limit ||
			(int64_t)w->n > s->virtual_alias_expansion_limit)
			return give_up(w,
				w->v[at]->depth > s->virtual_alias_recursion_limit
					? "map nesting for "
					: "map expansion size for ",
				w->rcpt, "");
		r = address_map(s->router, t, w->v[at]->addr,
			(w->it->c->propagate & PROPAGATE_VIRTUAL) != 0, w->a, &found, &why);
		if (r == LOOKUP_TEMPFAIL) {
			intake_lookup_failed(w->it, t->title, w->v[at]->addr, &why);
			intake_fail(w->it, INTAKE_STAT_WRITE, the_reason);
			return false;
		}
		if (r == LOOKUP_NONE || found.n == 0)
			return true;
		for (size_t i = 0; i < found.n; i++)
			if ((int64_t)found.v[i].len > s->virtual_alias_address_length_limit)
				return give_up(w, "result ", str_head(found.v[i], 200), "...");
		again = place(w, at, &found);
	}
	return true;
}

bool alias_expand(struct intake *it, struct str rcpt, struct arena *a, struct address_list *ret)
{
	struct work w = { .it = it, .a = a, .rcpt = rcpt };

	add(&w, rcpt, NULL);
	if (it->c->virtual_alias.n > 0)
		for (size_t i = 0; i < w.n; i++)
			if (!expand_entry(&w, i))
				return false;
	ret->v = arena_array(a, w.n, sizeof(*ret->v));
	ret->n = w.n;
	for (size_t i = 0; i < w.n; i++)
		ret->v[i] = w.v[i]->addr;
	return true;
}
