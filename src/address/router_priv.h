/* SPDX-License-Identifier: Apache-2.0 */
/*
 * address/router_priv.h — what the parts of the router share.
 */
#pragma once

#include "address/rewrite.h"
#include "base/clock.h"

struct resolve_cache;

/** Immutable but for the cache, which has a lock. */
struct router {
	struct router_settings s;
	struct match_list *mydestination, *alias_domains, *mailbox_domains, *relay_domains;
	struct tables transport, relocated, sender_relayhost, sender_transport;
	bool transport_parents; /* transport_maps in parent_domain_matches_subdomains */
	struct resolve_cache *cache;
	bool quick; /* see router_is_quick() */
};

/** The address in "[1.2.3.4]" or "[IPv6:::1]": true with it in *ret. */
bool router_literal(struct str domain, struct net_addr *ret);

/** A cache of at most `size` results (0: none, NULL is returned). */
struct resolve_cache *resolve_cache_new(size_t size);
void resolve_cache_free(struct resolve_cache *c);
/** A result that is still valid: true with a copy of it in the arena. */
bool resolve_cache_get(struct resolve_cache *c, struct str sender, struct str recipient,
	struct arena *a, struct resolve_reply *ret);
/** Keep a result for a while. */
void resolve_cache_put(struct resolve_cache *c, struct str sender, struct str recipient,
	const struct resolve_reply *reply);

/** Resolve without the cache. */
void resolve_now(const struct router *r, struct str sender, struct str recipient, struct arena *a,
	struct resolve_reply *ret);

/** A destination under construction. */
struct route {
	const struct router *r;
	struct arena *arena;
	struct str sender;
	struct str domain; /* of the recipient */
	struct resolve_reply *reply;
};

/** Take transport and nexthop from the recipient's class; reply->flags has the class. */
void route_by_class(struct route *rt);
/** Let transport_maps and relocated_maps change them. */
void route_by_tables(struct route *rt);
