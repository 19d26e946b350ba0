/* SPDX-License-Identifier: Apache-2.0 */
/*
 * intake/mapping.c — standard form, canonical mapping and masquerading of single addresses.
 */
#include <errno.h>

#include "intake/intake_priv.h"

/* A canonical result is mapped again, at most this often. */
#define CANONICAL_DEPTH 10

int mapping_classes(const char *title, const char *text, unsigned *ret, struct why *why)
{
	static const struct {
		const char *name;
		enum addr_class cls;
	} names[] = {
		{ "envelope_sender", CLASS_ENV_FROM },
		{ "envelope_recipient", CLASS_ENV_RCPT },
		{ "header_sender", CLASS_HDR_FROM },
		{ "header_recipient", CLASS_HDR_RCPT },
	};
	struct str rest = str_of(text);
	struct str word;
	unsigned classes = 0;

	while (str_word(&rest, ", \t\r\n", &word)) {
		size_t i = 0;

		while (i < ARRAY_LEN(names) && !str_ieq(word, str_of(names[i].name)))
			i++;
		if (i == ARRAY_LEN(names))
			return why_set(why, -EINVAL, "%s: unknown address class \"" STR_FMT "\"",
				title, STR_ARG(word));
		classes |= names[i].cls;
	}
	*ret = classes;
	return 0;
}

struct str mapping_rewrite(struct intake *it, struct str internal, struct arena *a)
{
	_cleanup_buf_ struct buf b = BUF_LOCAL(BUF_MEDIUM);
	ptrdiff_t colon = str_chr(internal, ':');

	/* A source route: "@a,@b:user@c". */
	if (internal.len > 0 && internal.ptr[0] == '@' && colon > 0)
		internal = str_skip(internal, (size_t)colon + 1);
	if (router_rewrite_internal(it->s->router, REWRITE_LOCAL, internal, &b) < 0)
		return internal;
	return arena_str(a, buf_str(&b));
}

static bool map_one(struct intake *it, const struct tables *t, struct str *addr, struct arena *a)
{
	bool changed = false;

	for (int depth = 0; depth < CANONICAL_DEPTH; depth++) {
		struct address_list found;
		struct why why = { "" };
		enum lookup r = address_map(it->s->router, t, *addr,
			(it->c->propagate & PROPAGATE_CANONICAL) != 0, a, &found, &why);

		if (r == LOOKUP_TEMPFAIL)
			intake_lookup_failed(it, t->title, *addr, &why);
		if (r != LOOKUP_FOUND || found.n == 0)
			return changed;
		if (found.n > 1)
			intake_warn(it, "multi-valued %s entry for " STR_FMT, t->title,
				STR_ARG(*addr));
		if (str_ieq(found.v[0], *addr)) {
			changed = changed || !str_eq(found.v[0], *addr);
			*addr = found.v[0];
			return changed;
		}
		*addr = found.v[0];
		changed = true;
	}
	intake_warn(it,
		"unreasonable %s map nesting for " STR_FMT
		" -- message not accepted, try again later",
		t->title, STR_ARG(*addr));
	intake_fail(it, INTAKE_STAT_WRITE, STR_EMPTY);
	return changed;
}

bool mapping_apply(struct intake *it, enum addr_class cls, struct str *addr, struct arena *a)
{
	const struct intake_conf *c = it->c;
	bool changed = false;

	if ((it->flags & INTAKE_MAP_OK) == 0 || addr->len == 0)
		return false;
	if (c->sender_canonical.n > 0 && (c->sender_canonical_classes & cls) != 0)
		changed |= map_one(it, &c->sender_canonical, addr, a);
	if (c->recipient_canonical.n > 0 && (c->recipient_canonical_classes & cls) != 0)
		changed |= map_one(it, &c->recipient_canonical, addr, a);
	if (c->canonical.n > 0 && (c->canonical_classes & cls) != 0)
		changed |= map_one(it, &c->canonical, addr, a);
	if ((c->masquerade_classes & cls) != 0)
		changed |= masquerade(&c->masquerade_domains, &c->masquerade_exceptions, addr, a);
	return changed;
}
