/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table/match.h — list parameters: hosts, domains, addresses, strings, !negation, /file, type:table.
 *
 * First match wins. A table that fails, or a file that cannot be read, is LOOKUP_TEMPFAIL.
 * Immutable and thread-safe. Source: postconf(5), "mynetworks", "mydestination"; documented list rules.
 */
#pragma once

#include "net/addr.h"
#include "table/table.h"

enum match_kind {
	MATCH_STRING,  /* exact string */
	MATCH_DOMAIN,  /* domain, .domain; see parent */
	MATCH_NAMADR,  /* host name rules, then address, [v6], net/prefix, cidr: table */
	MATCH_ADDRESS, /* mail address: user@domain, domain, user@ */
};

struct match_list;

/**
 * Parse a list.
 *
 * @param title    parameter name, for messages
 * @param kind     what the items are
 * @param text     the list
 * @param parent   "domain" also matches its subdomains (parent_domain_matches_subdomains)
 * @return a list, always; parse errors (a lone "!") make it fail every match, see match_failed()
 */
_alloc_ struct match_list *match_new(const struct table_settings *s, const char *title,
	enum match_kind kind, bool parent, struct str text);
void match_free(struct match_list *m);
/** NULL, or why the list cannot be used. */
const char *match_failed(const struct match_list *m);
/** Match a string, domain or mail address. */
_must_use_ enum lookup match_str(const struct match_list *m, struct str s, struct why *why);
/** Match a client by name ("unknown" never matches a pattern of names) and numeric address. */
_must_use_ enum lookup match_client(const struct match_list *m, struct str name, struct str addr,
	struct why *why);
/** Name of the first table in the list whose file has changed, or NULL. */
const char *match_changed(const struct match_list *m);
