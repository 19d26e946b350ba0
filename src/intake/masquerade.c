/* SPDX-License-Identifier: Apache-2.0 */
/*
 * intake/masquerade.c — masquerade_domains: hide the hosts below a domain.
 */
#include "intake/intake_priv.h"

/* "x.b.c" is below "b.c". */
static bool is_below(struct str domain, struct str parent)
{
	return domain.len > parent.len + 1 && str_iends(domain, parent) &&
	       domain.ptr[domain.len - parent.len - 1] == '.';
}

static bool is_exception(const struct strv *exceptions, struct str local)
{
	for (size_t i = 0; i < exceptions->n; i++)
		if (str_ieq(local, str_of(exceptions->v[i])))
			return true;
	return false;
}

bool masquerade(const struct strv *domains, const struct strv *exceptions, struct str *addr,
	struct arena *a)
{
	struct address_parts p = address_split(*addr);

	if (!p.has_at || domains->n == 0 || is_exception(exceptions, p.local))
		return false;
	for (size_t i = 0; i < domains->n; i++) {
		struct str parent = str_of(domains->v[i]);
		bool keep = false;

		while (parent.len > 0 && parent.ptr[0] == '!') {
			keep = !keep;
			parent = str_skip(parent, 1);
		}
		if (str_ieq(p.domain, parent))
			return false;
		if (!is_below(p.domain, parent))
			continue;
		if (keep)
			return false;
		*addr = arena_fmt(a, STR_FMT "@" STR_FMT, STR_ARG(p.local), STR_ARG(parent));
		return true;
	}
	return false;
}
