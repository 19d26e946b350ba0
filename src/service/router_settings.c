/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service/router_settings.c — see router_settings.h.
 */
#include "service/router_settings.h"

#include "service/derive.h"
#include "service/table_settings.h"

/* Results of resolve that a process keeps. */
#define CACHE_SIZE 10000

#define R struct router_settings

static const struct conf_var vars[] = {
	CV_STR(R, myhostname),
	CV_STR(R, mydomain),
	CV_STR(R, myorigin),
	CV_STR(R, mydestination),
	CV_STR(R, empty_address_recipient),
	CV_STR(R, recipient_delimiter),
	CV_STR(R, double_bounce_sender),
	CV_BOOL(R, owner_request_special),
	CV_BOOL(R, append_at_myorigin),
	CV_BOOL(R, append_dot_mydomain),
	CV_BOOL(R, swap_bangpath),
	CV_BOOL(R, allow_percent_hack),
	CV_STR(R, remote_header_rewrite_domain),
	CV_BOOL(R, resolve_dequoted_address),
	CV_BOOL(R, resolve_null_domain),
	CV_BOOL(R, resolve_numeric_domain),
	CV_BOOL(R, allow_min_user),
	CV_STR(R, virtual_alias_domains),
	CV_STR(R, virtual_alias_maps),
	CV_STR(R, virtual_mailbox_domains),
	CV_STR(R, virtual_mailbox_maps),
	CV_STR(R, relay_domains),
	CV_STR(R, local_transport),
	CV_STR(R, virtual_transport),
	CV_STR(R, relay_transport),
	CV_STR(R, default_transport),
	CV_STR(R, relayhost),
	CV_STR(R, transport_maps),
	CV_STR(R, relocated_maps),
	CV_STR(R, sender_dependent_relayhost_maps),
	CV_STR(R, sender_dependent_default_transport_maps),
	CV_STR(R, empty_address_relayhost_maps_lookup_key),
	CV_STR(R, empty_address_default_transport_maps_lookup_key),
	CV_BOOL(R, relocated_prefix_enable),
	CV_BOOL(R, show_user_unknown_table_name),
	CV_BOOL(R, smtputf8_enable),
	CV_STR(R, propagate_unmatched_extensions),
	CV_STR(R, parent_domain_matches_subdomains),
	CV_END,
};

/* error_service_name fills the field error_transport. */
struct names {
	const char *error_service_name;
};

static const struct conf_var name_vars[] = {
	CV_STR(struct names, error_service_name),
	CV_END,
};

int router_settings_from_conf(struct conf *c, const struct notes *n, struct router_conf *ret,
	struct why *why)
{
	struct names names = { NULL };
	int r;

	memset(ret, 0, sizeof(*ret));
	ret->s.cache_size = CACHE_SIZE;
	r = conf_fill(c, vars, &ret->s, why);
	if (r == 0)
		r = conf_fill(c, name_vars, &names, why);
	if (r == 0)
		r = table_settings_from_conf(c, n, &ret->tables, why);
	if (r < 0)
		return r;
	ret->s.error_transport = names.error_service_name;
	ret->s.tables = &ret->tables;
	r = derive_own_addrs(c, "inet_interfaces", ret->own, ROUTER_MAX_ADDRS, why);
	if (r < 0)
		return r;
	ret->s.own_addrs = ret->own;
	ret->s.n_own_addrs = (size_t)r;
	r = derive_own_addrs(c, "proxy_interfaces", ret->proxy, ROUTER_MAX_ADDRS, why);
	if (r < 0)
		return r;
	ret->s.proxy_addrs = ret->proxy;
	ret->s.n_proxy_addrs = (size_t)r;
	return 0;
}
