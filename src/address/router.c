/* SPDX-License-Identifier: Apache-2.0 */
/*
 * address/router.c — the router's lists and tables.
 */
#include "address/router_priv.h"
#include "base/mem.h"

static struct match_list *domain_list(const struct router_settings *s, const char *title,
	const char *text)
{
	struct strv parents = { .v = NULL };
	struct match_list *m;

	strv_split(&parents, str_of(s->parent_domain_matches_subdomains), ", \t\r\n");
	m = match_new(s->tables, title, MATCH_DOMAIN, strv_has(&parents, str_of(title)),
		str_of(text));
	strv_done(&parents);
	return m;
}

static bool has_word(const char *list, struct str word)
{
	struct strv v = { .v = NULL };
	bool has;

	strv_split(&v, str_of(list), ", \t\r\n");
	has = strv_has(&v, word);
	strv_done(&v);
	return has;
}

static bool is_quick_type(struct str type)
{
	static const char *const quick[] = { "btree", "cdb", "cidr", "environ", "fail", "hash",
		"inline", "internal", "lmdb", "pcre", "randmap", "regexp", "static", "texthash" };

	for (size_t i = 0; i < ARRAY_LEN(quick); i++)
		if (str_eq(type, str_of(quick[i])))
			return true;
	return false;
}

/* Words that are neither files nor tables are compared as they are. */
static bool is_quick_list(const char *list)
{
	struct strv v = { .v = NULL };
	bool quick = true;

	strv_split(&v, str_of(list), ", \t\r\n");
	for (size_t i = 0; i < v.n; i++) {
		struct str word = str_of(v.v[i]);
		ptrdiff_t colon;

		while (str_starts(word, STR("!")))
			word = str_skip(word, 1);
		colon = str_chr(word, ':');
		if (str_starts(word, STR("/")) ||
			(colon >= 0 && !is_quick_type(str_head(word, (size_t)colon))))
			quick = false;
	}
	strv_done(&v);
	return quick;
}

static bool is_quick(const struct router_settings *s)
{
	const char *const lists[] = { s->mydestination, s->virtual_alias_domains,
		s->virtual_mailbox_domains, s->relay_domains, s->transport_maps, s->relocated_maps,
		s->sender_dependent_relayhost_maps, s->sender_dependent_default_transport_maps };

	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		if (!is_quick_list(lists[i]))
			return false;
	return true;
}

bool router_is_quick(const struct router *r)
{
	return r->quick;
}

static int open_tables(struct router *r, struct why *why)
{
	const struct router_settings *s = &r->s;
	unsigned flags = TABLE_FOLD_FIX | (s->smtputf8_enable ? TABLE_UTF8 : 0);
	int e;

	e = tables_open(s->tables, "transport_maps", str_of(s->transport_maps),
		flags | TABLE_NO_REGSUB, &r->transport, why);
	if (e == 0)
		e = tables_open(s->tables, "relocated_maps", str_of(s->relocated_maps), flags,
			&r->relocated, why);
	if (e == 0)
		e = tables_open(s->tables, "sender_dependent_relayhost_maps",
			str_of(s->sender_dependent_relayhost_maps), flags, &r->sender_relayhost,
			why);
	if (e == 0)
		e = tables_open(s->tables, "sender_dependent_default_transport_maps",
			str_of(s->sender_dependent_default_transport_maps), flags,
			&r->sender_transport, why);
	return e;
}

int router_new(const struct router_settings *s, struct router **ret, struct why *why)
{
	struct router *r = mem_new(struct router);
	int e;

	r->s = *s;
	r->mydestination = domain_list(s, "mydestination", s->mydestination);
	r->alias_domains = domain_list(s, "virtual_alias_domains", s->virtual_alias_domains);
	r->mailbox_domains = domain_list(s, "virtual_mailbox_domains", s->virtual_mailbox_domains);
	r->relay_domains = domain_list(s, "relay_domains", s->relay_domains);
	r->transport_parents = has_word(s->parent_domain_matches_subdomains, STR("transport_maps"));
	r->cache = resolve_cache_new(s->cache_size);
	r->quick = is_quick(s);
	e = open_tables(r, why);
	if (e < 0) {
		router_free(r);
		return e;
	}
	*ret = r;
	return 0;
}

void router_free(struct router *r)
{
	if (r == NULL)
		return;
	match_free(r->mydestination);
	match_free(r->alias_domains);
	match_free(r->mailbox_domains);
	match_free(r->relay_domains);
	tables_done(&r->transport);
	tables_done(&r->relocated);
	tables_done(&r->sender_relayhost);
	tables_done(&r->sender_transport);
	resolve_cache_free(r->cache);
	free(r);
}

const char *router_changed(const struct router *r)
{
	const struct match_list *lists[] = { r->mydestination, r->alias_domains, r->mailbox_domains,
		r->relay_domains };
	const struct tables *tables[] = { &r->transport, &r->relocated, &r->sender_relayhost,
		&r->sender_transport };

	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		if (match_changed(lists[i]) != NULL)
			return match_changed(lists[i]);
	for (size_t i = 0; i < ARRAY_LEN(tables); i++)
		if (tables_changed(tables[i]) != NULL)
			return tables_changed(tables[i]);
	return NULL;
}

static bool has_addr(const struct net_addr *v, size_t n, const struct net_addr *addr)
{
	for (size_t i = 0; i < n; i++)
		if (net_addr_eq(&v[i], addr, false))
			return true;
	return false;
}

bool router_literal(struct str domain, struct net_addr *ret)
{
	struct str inner;

	if (domain.len < 3 || !str_starts(domain, STR("[")) || !str_ends(domain, STR("]")))
		return false;
	inner = str_from(domain.ptr + 1, domain.len - 2);
	if (str_starts(inner, STR("[")) || net_addr_parse(inner, 0, ret) < 0)
		return false;
	return ret->sa.sa_family == AF_INET || str_istarts(inner, STR("ipv6:"));
}

enum lookup router_is_local_domain(const struct router *r, struct str domain, struct why *why)
{
	enum lookup found = match_str(r->mydestination, domain, why);
	struct net_addr addr;

	if (found != LOOKUP_NONE || !router_literal(domain, &addr))
		return found;
	net_addr_unmap(&addr);
	return has_addr(r->s.own_addrs, r->s.n_own_addrs, &addr) ||
			       has_addr(r->s.proxy_addrs, r->s.n_proxy_addrs, &addr)
		       ? LOOKUP_FOUND
		       : LOOKUP_NONE;
}
