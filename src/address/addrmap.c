/* SPDX-License-Identifier: Apache-2.0 */
/*
 * address/addrmap.c — an address mapped to addresses (canonical, virtual, generic, bcc).
 */
#include <errno.h>

#include "address/router_priv.h"

/* A table's result may hold this many tokens; virtual_alias_expansion_limit is the caller's. */
#define MAX_TOKENS 100000

/* Put "+ext" behind the user of an address, and bring it into standard form. */
static struct str finish(const struct router *r, struct str addr, struct str ext, struct arena *a)
{
	struct address_parts p = address_split(addr);
	struct buf b = BUF_LOCAL(BUF_MEDIUM);
	struct str out = addr;

	if (ext.len > 0)
		addr = arena_fmt(a, STR_FMT STR_FMT "%s" STR_FMT, STR_ARG(p.local), STR_ARG(ext),
			p.has_at ? "@" : "", STR_ARG(p.domain));
	if (router_rewrite_internal(r, REWRITE_LOCAL, addr, &b) == 0)
		out = arena_str(a, buf_str(&b));
	buf_done(&b);
	return out;
}

static void parse_result(const struct router *r, struct str internal, struct str value,
	struct str ext, struct arena *a, struct address_list *ret)
{
	bool keeps_user = str_starts(value, STR("@"));

	address_list_parse(value, MAX_TOKENS, a, ret);
	for (size_t i = 0; i < ret->n; i++) {
		if (i == 0 && keeps_user && str_starts(ret->v[0], STR("@")))
			ret->v[0] = finish(r,
				arena_fmt(a, STR_FMT STR_FMT,
					STR_ARG(address_split(internal).local), STR_ARG(ret->v[0])),
				STR_EMPTY, a);
		else
			ret->v[i] = finish(r, ret->v[i], ext, a);
	}
}

enum lookup address_map(const struct router *r, const struct tables *t, struct str internal,
	bool propagate, struct arena *a, struct address_list *ret, struct why *why)
{
	struct buf value = BUF_LOCAL(BUF_MEDIUM);
	struct str ext = STR_EMPTY;
	enum lookup found = address_lookup(r, t, internal, AL_LOCAL_PART | AL_DOMAIN, &value, &ext,
		why);

	if (found == LOOKUP_FOUND) {
		parse_result(r, internal, str_trim(buf_str(&value)), propagate ? ext : STR_EMPTY, a,
			ret);
		if (ret->n == 0) {
			(void)why_set(why, 0, "%s: lookup of \"" STR_FMT "\" yields no address",
				t->title, STR_ARG(internal));
			found = LOOKUP_TEMPFAIL;
		}
	}
	buf_done(&value);
	return found;
}
