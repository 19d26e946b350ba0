/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service/router_settings.c — see router_settings.h.
 */
#include "service/router_settings.h"

#include "service/derive.h"
#include "service/table_settings.h"

/* Results of resolve that a process keeps. */
#define CACHE_SIZE 10000

static const struct conf_var vars[] = {
	CV_STR(struct router_settings, myhostname),
	CV_STR(struct router_settings, mydomain),
	CV_STR(struct router_settings, myorigin),
	CV_STR(struct router_settings, mydestination),
	CV_STR(struct router_settings, empty_address_recipient),
	CV_STR(struct router_settings, recipient_delimiter),
	CV_STR(struct router_settings, double_bounce_sender),
	CV_BOOL(struct router_settings, owner_request_special),
	CV_BOOL(struct router_settings, append_at_myorigin),
	CV_BOOL(struct router_settings, append_dot_mydomain),
	CV_BOOL(struct router_settings, swap_bangpath),
	CV_BOOL(struct router_settings, allow_percent_hack),
	CV_STR(struct router_settings, remote_header_rewrite_domain),
	CV_BOOL(struct router_settings, resolve_dequoted_address),
	CV_BOOL(struct router_settings, resolve_null_domain),
	CV_BOOL(struct router_settings, resolve_numeric_domain),
	CV_BOOL(struct router_settings, allow_min_user),
	CV_STR(struct router_settings, virtual_alias_domains),
	CV_STR(struct router_settings, virtual_mailbox_domains),
	CV_STR(struct router_settings, relay_domains),
	CV_STR(struct router_settings, local_transport),
	CV_STR(struct router_settings, virtual_transport),
	CV_STR(struct router_settings, relay_transport),
	CV_STR(struct router_settings, default_transport),
	CV_STR(struct router_settings, relayhost),
	CV_STR(struct router_settings, transport_maps),
	CV_STR(struct router_settings, relocated_maps),
	CV_STR(struct router_settings, sender_dependent_relayhost_maps),
	CV_STR(struct router_settings, sender_dependent_default_transport_maps),
	CV_STR(struct router_settings, empty_address_relayhost_maps_lookup_key),
	CV_STR(struct router_settings, empty_address_default_transport_maps_lookup_key),
	CV_BOOL(struct router_settings, relocated_prefix_enable),
	CV_BOOL(struct router_settings, show_user_unknown_table_name),
	CV_BOOL(struct router_settings, smtputf8_enable),
	CV_STR(struct router_settings, propagate_unmatched_extensions),
	CV_STR(struct router_settings, parent_domain_matches_subdomains),
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
