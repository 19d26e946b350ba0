/* SPDX-License-Identifier: Apache-2.0 */
/*
 * address/rewrite.h — put an address into standard form, and find where its mail goes.
 *
 * The work of trivial-rewrite(8) as a library: linked into whoever asks often (smtpd, cleanup, qmgr)
 * and served by the trivial-rewrite daemon to the rest. Immutable after creation, thread-safe;
 * results of resolve are cached per process with a bound until a table changes.
 */
#pragma once

#include "address/address.h"
#include "base/why.h"
#include "dns/dns.h"
#include "table/match.h"
#include "table/table.h"

/** Settings, named after the parameters. Strings live as long as the router. */
struct router_settings {
	const char *myhostname, *mydomain, *myorigin, *mydestination;
	const char *empty_address_recipient, *recipient_delimiter, *double_bounce_sender;
	bool owner_request_special;
	bool append_at_myorigin, append_dot_mydomain, swap_bangpath, allow_percent_hack;
	const char *remote_header_rewrite_domain;
	bool resolve_dequoted_address, resolve_null_domain, resolve_numeric_domain, allow_min_user;
	const char *virtual_alias_domains;
	const char *virtual_mailbox_domains;
	const char *relay_domains;
	const char *local_transport, *virtual_transport, *relay_transport, *default_transport,
		*error_transport;
	const char *relayhost, *transport_maps, *relocated_maps;
	const char *sender_dependent_relayhost_maps, *sender_dependent_default_transport_maps;
	const char *empty_address_relayhost_maps_lookup_key;
	const char *empty_address_default_transport_maps_lookup_key;
	bool relocated_prefix_enable, show_user_unknown_table_name, smtputf8_enable;
	const char *propagate_unmatched_extensions;
	const char *parent_domain_matches_subdomains;
	const struct net_addr *own_addrs; /* inet_interfaces, resolved */
	size_t n_own_addrs;
	const struct net_addr *proxy_addrs; /* proxy_interfaces */
	size_t n_proxy_addrs;
	size_t cache_size; /* resolves kept; 0 none */
	const struct table_settings *tables;
};

struct router;
/** Open tables and lists; failing ones become temporary errors at lookup. */
_must_use_ int router_new(const struct router_settings *s, struct router **ret, struct why *why);
void router_free(struct router *r);
/**
 * True when no table or list can keep a lookup waiting for another process or a host; lists in files are
 * not looked into and count as slow.
 */
bool router_is_quick(const struct router *r);
/** Name of a table that has changed since, or NULL. */
const char *router_changed(const struct router *r);

enum rewrite_rule {
	REWRITE_LOCAL,
	REWRITE_REMOTE,
};
/**
 * Rewrite to standard form: source routes, site!user, user%domain, missing domains, final dots.
 *
 * What stands in quotes is not looked into. The result is quoted anew.
 *
 * @param rule       which domain completes incomplete addresses (enum rewrite_rule)
 * @param external   address in external form
 * @param ret        external form, appended; empty input stays empty
 * @return 0 or -EMSGSIZE, nothing appended
 * Source: postconf(5), swap_bangpath, allow_percent_hack, append_at_myorigin, append_dot_mydomain.
 */
_must_use_ int router_rewrite(const struct router *r, enum rewrite_rule rule, struct str external,
	struct buf *ret);
/** As router_rewrite, on internal forms. */
_must_use_ int router_rewrite_internal(const struct router *r, enum rewrite_rule rule,
	struct str internal, struct buf *ret);

/** Reply flags of the resolve protocol. */
enum resolve_flags {
	RESOLVE_FINAL = 1,
	RESOLVE_ROUTED = 2,
	RESOLVE_ERROR = 4, /* bad address syntax; transport and nexthop say so */
	RESOLVE_FAIL = 8,  /* a lookup failed: try again later */
	RESOLVE_LOCAL = 256,
	RESOLVE_ALIAS = 512,
	RESOLVE_VIRTUAL = 1024,
	RESOLVE_RELAY = 2048,
	RESOLVE_DEFAULT = 4096,
};
#define RESOLVE_CLASS_MASK (256 | 512 | 1024 | 2048 | 4096)

struct resolve_reply {
	struct str transport;
	struct str nexthop;
	struct str recipient; /* internal form, after stripping of local domains */
	unsigned flags;       /* enum resolve_flags */
};

/**
 * Resolve one recipient.
 *
 * Never fails: errors are flags. Blocks on tables.
 * @param sender      internal form, for sender-dependent routing
 * @param recipient   internal form
 * @param a           owns *ret
 */
void router_resolve(const struct router *r, struct str sender, struct str recipient,
	struct arena *a, struct resolve_reply *ret);
/** A result that was kept: true with it in *ret; never blocks on a table. */
_must_use_ bool router_resolve_cached(const struct router *r, struct str sender,
	struct str recipient, struct arena *a, struct resolve_reply *ret);
/**
 * As router_resolve, for a recipient as a client gave it: it is brought into standard form first
 * (local context), as it will be when the message is stored.
 *
 * @param sender      internal form, for sender-dependent routing
 * @param recipient   internal form
 * @param a           owns *ret
 * @param ret         as for router_resolve
 */
void router_resolve_raw(const struct router *r, struct str sender, struct str recipient,
	struct arena *a, struct resolve_reply *ret);
/**
 * Is a domain, or address literal in brackets, this host's (mydestination, inet_interfaces,
 * proxy_interfaces)? TEMPFAIL when a table of mydestination fails.
 */
_must_use_ enum lookup router_is_local_domain(const struct router *r, struct str domain,
	struct why *why);

/* ---- lookups by address ---- */

enum address_lookup_flags {
	AL_LOCAL_PART = 1 << 0, /* ask user+ext and user too when the domain is local */
	AL_DOMAIN = 1 << 1,     /* ask @domain */
};
/**
 * Ask tables for an address in the documented key order: user+ext@domain, user@domain, user+ext,
 * user, @domain; each in external form first, then internal when different. Pattern tables are
 * asked for the whole address only.
 *
 * A domain is local here when it is myorigin, or router_is_local_domain(); an address without domain
 * is local.
 *
 * @param t         tables of one parameter
 * @param internal  not empty
 * @param flags     enum address_lookup_flags
 * @param ret       value, appended when found
 * @param ret_ext   extension that the key did not contain, with the delimiter before it, borrowed from
 *                  `internal`; empty when there is none (may be NULL)
 * @return FOUND, NONE, or TEMPFAIL with why
 * Blocks: on tables.   Source: canonical(5), virtual(5), "table search order".
 */
_must_use_ enum lookup address_lookup(const struct router *r, const struct tables *t,
	struct str internal, unsigned flags, struct buf *ret, struct str *ret_ext, struct why *why);
/**
 * Map one address to a list: look up (AL_LOCAL_PART | AL_DOMAIN), parse the result as addresses,
 * rewrite each in local context, propagate the unmatched extension. A result that begins with
 * "@domain" keeps the user, and its extension.
 *
 * @param t           tables of one parameter
 * @param internal    not empty
 * @param propagate   add the extension that the key did not contain to each result
 * @return FOUND with *ret in the arena; NONE; TEMPFAIL, also for a result without addresses
 */
_must_use_ enum lookup address_map(const struct router *r, const struct tables *t,
	struct str internal, bool propagate, struct arena *a, struct address_list *ret,
	struct why *why);
