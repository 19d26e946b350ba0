/* SPDX-License-Identifier: Apache-2.0 */
/*
 * address/lookup.c — tables asked by address, in the documented order of keys.
 */
#include <errno.h>

#include "address/router_priv.h"

struct query {
	const struct tables *t;
	struct buf *ret;
	struct why *why;
	bool partial; /* the whole address was asked already */
};

/* One address: quoted as it must be, then as it is. */
static enum lookup ask(struct query *q, struct str internal)
{
	struct buf external = BUF_LOCAL(2 * internal.len + 3);
	enum lookup found;

	check(address_quote(&external, internal) == 0);
	found = tables_get(q->t, buf_str(&external), q->partial, q->ret, q->why);
	if (found == LOOKUP_NONE && !str_eq(buf_str(&external), internal))
		found = tables_get(q->t, internal, q->partial, q->ret, q->why);
	buf_done(&external);
	q->partial = true;
	return found;
}

/* A local part alone. One that holds '@' is never asked for as if it were an address. */
static enum lookup ask_local(struct query *q, struct str local)
{
	struct buf external = BUF_LOCAL(2 * local.len + 3);
	enum lookup found;

	check(address_quote_local(&external, local) == 0);
	found = tables_get(q->t, buf_str(&external), q->partial, q->ret, q->why);
	if (found == LOOKUP_NONE && str_chr(local, '@') < 0 && !str_eq(buf_str(&external), local))
		found = tables_get(q->t, local, q->partial, q->ret, q->why);
	buf_done(&external);
	return found;
}

/* "user@domain" put together from parts. */
static enum lookup ask_at(struct query *q, struct str user, struct str domain)
{
	struct buf key = BUF_LOCAL(user.len + domain.len + 1);
	enum lookup found;

	buf_put(&key, user);
	buf_putc(&key, '@');
	buf_put(&key, domain);
	found = ask(q, buf_str(&key));
	buf_done(&key);
	return found;
}

/* "@domain" is no address and not to be quoted as one. */
static enum lookup ask_domain(struct query *q, struct str domain)
{
	struct buf key = BUF_LOCAL(domain.len + 1);
	enum lookup found;

	buf_putc(&key, '@');
	buf_put(&key, domain);
	found = tables_get(q->t, buf_str(&key), q->partial, q->ret, q->why);
	buf_done(&key);
	return found;
}

static enum lookup is_local(const struct router *r, const struct address_parts *p, struct why *why)
{
	if (!p->has_at || str_ieq(p->domain, str_of(r->s.myorigin)))
		return LOOKUP_FOUND;
	return router_is_local_domain(r, p->domain, why);
}

static bool split_ext(const struct router *r, struct str local, struct str *ret_user,
	struct str *ret_ext)
{
	struct ext_rules rules = {
		.delimiters = str_of(r->s.recipient_delimiter),
		.double_bounce_sender = str_of(r->s.double_bounce_sender),
		.owner_request_special = r->s.owner_request_special,
	};

	return address_split_ext_rules(local, &rules, ret_user, ret_ext);
}

/* Keys without a domain, when the domain is local. */
static enum lookup ask_users(struct query *q, const struct router *r, const struct address_parts *p,
	struct str user, struct str ext, struct str *unmatched)
{
	enum lookup found = is_local(r, p, q->why);

	if (found != LOOKUP_FOUND)
		return found;
	found = LOOKUP_NONE;
	if (p->has_at) { /* else the whole address was that key */
		*unmatched = STR_EMPTY;
		found = ask_local(q, p->local);
	}
	if (found == LOOKUP_NONE && ext.len > 0) { /* with its delimiter */
		*unmatched = ext;
		found = ask_local(q, user);
	}
	return found;
}

enum lookup address_lookup(const struct router *r, const struct tables *t, struct str internal,
	unsigned flags, struct buf *ret, struct str *ret_ext, struct why *why)
{
	struct address_parts p = address_split(internal);
	struct str user = STR_EMPTY, ext = STR_EMPTY, unmatched = STR_EMPTY;
	bool has_ext = split_ext(r, p.local, &user, &ext);
	struct query q = { t, ret, why, false };
	enum lookup found;

	if (t->n == 0)
		return LOOKUP_NONE;
	if (has_ext)
		ext = str_skip(p.local, user.len);
	found = ask(&q, internal);
	if (found == LOOKUP_NONE && has_ext && p.has_at) {
		unmatched = ext;
		found = ask_at(&q, user, p.domain);
	}
	if (found == LOOKUP_NONE && (flags & AL_LOCAL_PART))
		found = ask_users(&q, r, &p, user, ext, &unmatched);
	if (found == LOOKUP_NONE && (flags & AL_DOMAIN) && p.has_at) {
		/* Observed: what a whole domain maps to gets no extension. */
		unmatched = STR_EMPTY;
		found = ask_domain(&q, p.domain);
	}
	if (found == LOOKUP_FOUND && ret_ext != NULL)
		*ret_ext = unmatched;
	return found;
}
