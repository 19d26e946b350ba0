/* SPDX-License-Identifier: Apache-2.0 */
/*
 * address/resolve.c — the address class and the final form of a recipient.
 *
 * Local domains are taken off until something remains that is not local, or no domain at all; what
 * remains decides the class. Where the mail goes is left to route.c.
 */
#include "address/router_priv.h"

/* The recipient while local domains are taken off. */
struct peel {
	const struct router *r;
	struct arena *arena;
	struct str local;
	struct str domain; /* empty with null_domain */
	bool is_local;
	bool null_domain; /* "user@" */
	bool failed;
};

static struct str strip_dot(struct str domain)
{
	if (domain.len > 1 && str_ends(domain, STR(".")) && domain.ptr[domain.len - 2] != '.')
		domain.len--;
	return domain;
}

/* "[1.2.3.4" and, when that is wanted, "1.2.3.4" stand for "[1.2.3.4]". */
static struct str complete_literal(const struct peel *p, struct str domain)
{
	struct net_addr addr;

	if (str_starts(domain, STR("[")))
		return str_ends(domain, STR("]"))
			       ? domain
			       : arena_fmt(p->arena, STR_FMT "]", STR_ARG(domain));
	if (p->r->s.resolve_numeric_domain && domain.len > 0 &&
		is_digit((unsigned char)domain.ptr[0]) && str_chr(domain, ':') < 0 &&
		net_addr_parse(domain, 0, &addr) == 0)
		return arena_fmt(p->arena, "[" STR_FMT "]", STR_ARG(domain));
	return domain;
}

/* May routing operators in this local part be heeded? */
static bool may_look_inside(const struct peel *p, struct str local)
{
	struct buf b = BUF_LOCAL(2 * local.len + 3);
	bool plain;

	if (p->r->s.resolve_dequoted_address)
		return true;
	plain = address_quote_local(&b, local) == 0 && str_eq(buf_str(&b), local);
	buf_done(&b);
	return plain;
}

/* An address inside a local part: true with it in *ret. */
static bool inner_address(const struct peel *p, struct str local, struct str *ret)
{
	ptrdiff_t pos;

	if (!may_look_inside(p, local))
		return false;
	if (str_chr(local, '@') >= 0) {
		*ret = local;
		return true;
	}
	pos = p->r->s.swap_bangpath ? str_chr(local, '!') : -1;
	if (pos >= 0) {
		*ret = arena_fmt(p->arena, STR_FMT "@" STR_FMT,
			STR_ARG(str_skip(local, (size_t)pos + 1)),
			STR_ARG(str_head(local, (size_t)pos)));
		return true;
	}
	pos = p->r->s.allow_percent_hack ? str_rchr(local, '%') : -1;
	if (pos < 0)
		return false;
	*ret = arena_fmt(p->arena, STR_FMT "@" STR_FMT, STR_ARG(str_head(local, (size_t)pos)),
		STR_ARG(str_skip(local, (size_t)pos + 1)));
	return true;
}

/* Look at one layer: true when it is the last. */
static bool peel_one(struct peel *p, struct str addr, struct str *ret_inner)
{
	struct address_parts parts = address_split(addr);
	enum lookup local = LOOKUP_FOUND;

	p->local = parts.local;
	if (parts.has_at) {
		struct str domain = complete_literal(p, strip_dot(parts.domain));

		p->null_domain = domain.len == 0 && !p->r->s.resolve_null_domain;
		if (p->null_domain) {
			p->is_local = false;
			p->domain = STR_EMPTY;
			return true;
		}
		if (domain.len > 0) {
			local = router_is_local_domain(p->r, domain, NULL);
			p->domain = domain;
		}
		p->failed = local == LOOKUP_TEMPFAIL;
		p->is_local = local == LOOKUP_FOUND;
		if (!p->is_local)
			return true;
	}
	return !inner_address(p, p->local, ret_inner);
}

/* Each step makes the address shorter. */
static void peel(struct peel *p, struct str addr)
{
	p->domain = str_of(p->r->s.myhostname);
	p->is_local = true;
	while (!peel_one(p, addr, &addr))
		;
	if (!p->null_domain && p->domain.ptr == p->r->s.myhostname) {
		/* No domain was given: myhostname, which need not be local. */
		enum lookup local = router_is_local_domain(p->r, p->domain, NULL);

		p->failed = local == LOOKUP_TEMPFAIL;
		p->is_local = local == LOOKUP_FOUND;
	}
}

static bool is_numeric(struct str domain)
{
	for (size_t i = 0; i < domain.len; i++)
		if (!is_digit((unsigned char)domain.ptr[i]) && domain.ptr[i] != '.')
			return false;
	return true;
}

static bool domain_ok(const struct peel *p)
{
	struct net_addr addr;
	struct str ascii;

	if (str_starts(p->domain, STR("[")))
		return router_literal(p->domain, &addr);
	if (!str_has_8bit(p->domain))
		return net_hostname_ok(p->domain) && !is_numeric(p->domain);
	return p->r->s.smtputf8_enable && dns_to_ascii(p->domain, p->arena, &ascii) == 0 &&
	       net_hostname_ok(ascii);
}

/* The class of a domain; a failing list ends the search. */
static unsigned find_class(const struct peel *p)
{
	const struct router *r = p->r;
	const struct {
		const char *title;
		const struct match_list *list;
		unsigned flag;
	} classes[] = {
		{ "mydestination", NULL, RESOLVE_LOCAL },
		{ "virtual_alias_domains", r->alias_domains, RESOLVE_ALIAS },
		{ "virtual_mailbox_domains", r->mailbox_domains, RESOLVE_VIRTUAL },
		{ "relay_domains", r->relay_domains, RESOLVE_RELAY },
	};
	size_t first = ARRAY_LEN(classes);

	for (size_t i = 0; i < ARRAY_LEN(classes); i++) {
		enum lookup found;

		/* Relaying to oneself is the business of mydestination's admin. */
		if (first == 0 && classes[i].flag == RESOLVE_RELAY)
			break;
		found = classes[i].list == NULL ? (p->is_local ? LOOKUP_FOUND : LOOKUP_NONE)
						: match_str(classes[i].list, p->domain, NULL);
		if (found == LOOKUP_FOUND && first == ARRAY_LEN(classes))
			first = i;
		else if (found == LOOKUP_FOUND)
			note(r->s.tables->notes, NOTE_WARN,
				"do not list domain " STR_FMT " in BOTH %s and %s",
				STR_ARG(p->domain), classes[first].title, classes[i].title);
		else if (found == LOOKUP_TEMPFAIL && first == ARRAY_LEN(classes))
			return RESOLVE_FAIL;
	}
	return first < ARRAY_LEN(classes) ? classes[first].flag : RESOLVE_DEFAULT;
}

static bool has_operator(struct str local)
{
	return str_chr(local, '@') >= 0 || str_chr(local, '!') >= 0 || str_chr(local, '%') >= 0;
}

static void error_reply(const struct router *r, struct resolve_reply *ret, unsigned flags,
	struct str text)
{
	ret->flags |= flags;
	ret->transport = str_of(r->s.error_transport);
	ret->nexthop = text;
}

void resolve_now(const struct router *r, struct str sender, struct str recipient, struct arena *a,
	struct resolve_reply *ret)
{
	struct peel p = { .r = r, .arena = a };
	struct route rt;

	*ret = (struct resolve_reply){ .flags = 0 };
	if (recipient.len == 0)
		recipient = str_of(r->s.empty_address_recipient);
	peel(&p, recipient);
	if (p.is_local && p.local.len == 0)
		p.local = str_of(r->s.empty_address_recipient);
	ret->recipient = arena_fmt(a, STR_FMT "@" STR_FMT, STR_ARG(p.local), STR_ARG(p.domain));
	if (has_operator(p.local))
		ret->flags |= RESOLVE_ROUTED;
	if (str_starts(p.local, STR("-")) && !r->s.allow_min_user)
		ret->flags |= RESOLVE_ERROR;
	if (p.failed) {
		error_reply(r, ret, RESOLVE_FAIL, STR("4.3.0 address resolver failure"));
		return;
	}
	if (!p.is_local && !domain_ok(&p)) {
		error_reply(r, ret, RESOLVE_ERROR | RESOLVE_DEFAULT,
			STR("5.1.3 bad address syntax"));
		return;
	}
	ret->flags |= find_class(&p);
	if (ret->flags & RESOLVE_FAIL) {
		error_reply(r, ret, 0, STR("4.3.0 address resolver failure"));
		return;
	}
	rt = (struct route){ r, a, sender, p.domain, ret };
	route_by_class(&rt);
	if (!(ret->flags & RESOLVE_FAIL))
		route_by_tables(&rt);
}

bool router_resolve_cached(const struct router *r, struct str sender, struct str recipient,
	struct arena *a, struct resolve_reply *ret)
{
	if (r->sender_relayhost.n == 0 && r->sender_transport.n == 0)
		sender = STR_EMPTY;
	return r->cache != NULL && resolve_cache_get(r->cache, sender, recipient, a, ret);
}

void router_resolve(const struct router *r, struct str sender, struct str recipient,
	struct arena *a, struct resolve_reply *ret)
{
	if (r->sender_relayhost.n == 0 && r->sender_transport.n == 0)
		sender = STR_EMPTY;
	if (r->cache != NULL && resolve_cache_get(r->cache, sender, recipient, a, ret))
		return;
	resolve_now(r, sender, recipient, a, ret);
	if (r->cache != NULL && !(ret->flags & RESOLVE_FAIL) && router_changed(r) == NULL)
		resolve_cache_put(r->cache, sender, recipient, ret);
}

void router_resolve_raw(const struct router *r, struct str sender, struct str recipient,
	struct arena *a, struct resolve_reply *ret)
{
	struct buf b = BUF_LOCAL(2 * recipient.len + BUF_SMALL);

	if (router_rewrite_internal(r, REWRITE_LOCAL, recipient, &b) == 0)
		router_resolve(r, sender, buf_str(&b), a, ret);
	else
		router_resolve(r, sender, recipient, a, ret);
	buf_done(&b);
}
