/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client.c — opens what the threads share.
 */
#include "client.h"

#include <errno.h>
#include <netdb.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/num.h"
#include "log/log.h"
#include "net/socket.h"
#include "service/derive.h"
#include "service/dns_filter.h"
#include "service/known_ports.h"

/* Idle connections for each client that the process serves at once. */
#define CACHE_PER_CLIENT 4

static bool has_word(const char *list, struct str word)
{
	struct str rest = str_of(list), w;

	while (str_word(&rest, ", \t\r\n", &w))
		if (str_ieq(w, word))
			return true;
	return false;
}

/* flags=DORX of master.cf. */
static int parse_args(struct client *c, char **args, struct why *why)
{
	for (; args != NULL && *args != NULL; args++) {
		struct str a = str_of(*args);

		if (!str_starts(a, STR("flags=")))
			return why_set(why, -EINVAL, "unknown attribute: %s", *args);
		for (size_t i = 6; i < a.len; i++) {
			switch (a.ptr[i]) {
			case 'D':
				c->flags |= CLIENT_DELIVERED_TO;
				break;
			case 'O':
				c->flags |= CLIENT_ORIGINAL_TO;
				break;
			case 'R':
				c->flags |= CLIENT_RETURN_PATH;
				break;
			case 'X':
				c->flags |= CLIENT_FINAL;
				break;
			default:
				return why_set(why, -EINVAL, "unknown flag: %c in %s", a.ptr[i],
					*args);
			}
		}
	}
	return 0;
}

static int parse_bind(const char *text, int family, struct net_addr *ret, const char *name,
	struct why *why)
{
	if (*text == '\0')
		return 0;
	if (net_addr_parse(str_of(text), 0, ret) < 0 || ret->sa.sa_family != family)
		return why_set(why, -EINVAL, "bad %s parameter: %s", name, text);
	return 0;
}

/* With one address of our own, mail comes from there (virtual hosting). */
static void derive_bind(struct client *c, size_t n_inet, int family, struct net_addr *ret)
{
	const struct net_addr *one = NULL;
	size_t n = 0;

	if (ret->len != 0 || c->hosts.own_loopback)
		return;
	for (size_t i = 0; i < n_inet; i++) {
		if (c->own[i].sa.sa_family != family)
			continue;
		one = &c->own[i];
		n++;
	}
	if (n != 1 || net_addr_is_loopback(one))
		return;
	*ret = *one;
	net_addr_set_port(ret, 0);
}

static int open_addresses(struct client *c, struct conf *conf, struct why *why)
{
	int n = derive_families(conf, why), k;

	if (n < 0)
		return n;
	c->hosts.families = (unsigned)n;
	/* On all interfaces, the whole of 127/8 is ours. */
	c->hosts.own_loopback = str_ieq(str_of(c->p.inet_interfaces), STR("all"));
	n = derive_own_addrs(conf, "inet_interfaces", c->own, MAX_ADDRS, why);
	if (n < 0)
		return n;
	k = derive_own_addrs(conf, "proxy_interfaces", c->own + n, MAX_ADDRS - (size_t)n, why);
	if (k < 0)
		return k;
	c->hosts.own = c->own;
	c->hosts.n_own = (size_t)(n + k);
	k = parse_bind(c->p.bind_address, AF_INET, &c->from4, "bind_address", why);
	if (k == 0)
		k = parse_bind(c->p.bind_address6, AF_INET6, &c->from6, "bind_address6", why);
	if (k < 0)
		return k;
	derive_bind(c, (size_t)n, AF_INET, &c->from4);
	derive_bind(c, (size_t)n, AF_INET6, &c->from6);
	return 0;
}

static int open_dns(struct client *c, struct why *why)
{
	struct str level = str_of(c->p.dns_support_level);
	struct dns_settings s = {
		.servers = c->p.dns_servers,
		.defnames = has_word(c->p.dns_resolver_options, STR("res_defnames")),
		.dnsrch = has_word(c->p.dns_resolver_options, STR("res_dnsrch")),
		.trust_ad = str_ieq(level, STR("dnssec")),
		.probe = c->p.dnssec_probe,
		.notes = &log_notes,
	};

	if (level.len > 0 && !str_ieq(level, STR("enabled")) && !s.trust_ad &&
		!str_ieq(level, STR("disabled")))
		return why_set(why, -EINVAL, "bad dns_support_level: %s", level.ptr);
	c->destinations.use_dns = level.len > 0 ? !str_ieq(level, STR("disabled"))
						: !c->p.disable_dns_lookups;
	/* Exchangers come from the DNS in any case. */
	c->hosts.use_dns = c->destinations.use_dns && has_word(c->p.host_lookup, STR("dns"));
	c->hosts.use_native = !c->destinations.use_dns || has_word(c->p.host_lookup, STR("native"));
	if (!c->hosts.use_dns && !c->hosts.use_native)
		return why_set(why, -EINVAL, "bad host_lookup: %s", c->p.host_lookup);
	dns_filter_use(&s, &c->dns_filter);
	return dns_new(&s, &c->hosts.dns, why);
}

/* How hosts are found and put in order. */
static void fill_hosts(struct client *c)
{
	const struct client_params *p = &c->p;
	struct dns_hosts_settings *h = &c->hosts;
	struct str pref = str_of(p->address_preference);

	h->ignore_mx_error = p->ignore_mx_lookup_error;
	h->defer_no_mx_address = p->defer_if_no_mx_address_found;
	h->srv_fallback = p->allow_srv_lookup_fallback;
	h->ignore_srv_error = p->ignore_srv_lookup_error;
	h->cname_is_name = p->cname_overrides_servername;
	h->randomize = p->randomize_addresses;
	h->balance = p->balance_inet_protocols;
	h->prefer = str_ieq(pref, STR("ipv4"))   ? DNS_PREFER_IPV4
		    : str_ieq(pref, STR("ipv6")) ? DNS_PREFER_IPV6
						 : DNS_PREFER_ANY;
	h->max = (size_t)p->mx_address_limit;
	h->notes = &log_notes;
}

/* Names of TCP services, for ports given by name; read before the jail. */
static void services_load(struct client *c)
{
	struct servent se, *found = NULL;
	char buf[4096];

	c->services = map_new(NULL);
	setservent(1);
	while (getservent_r(&se, buf, sizeof(buf), &found) == 0 && found != NULL) {
		void *port = (void *)(uintptr_t)ntohs((uint16_t)se.s_port);

		if (strcmp(se.s_proto, "tcp") != 0)
			continue;
		map_set(c->services, str_of(se.s_name), port);
		for (char **alias = se.s_aliases; *alias != NULL; alias++)
			map_set(c->services, str_of(*alias), port);
	}
	endservent();
}

static uint16_t service_port(void *ctx, struct str name)
{
	const struct client *c = ctx;
	struct str known = known_port(str_of(c->p.known_tcp_ports), name);
	uint64_t n;

	if (num_u64(known, 65535, &n) == 0)
		return (uint16_t)n;
	return (uint16_t)(uintptr_t)map_get(c->services, known);
}

static void fill_destinations(struct client *c)
{
	services_load(c);
	c->destinations = (struct smtp_destination_settings){
		.lmtp = c->lmtp,
		.use_dns = c->destinations.use_dns,
		.port = c->p.tcp_port,
		.srv_services = c->p.use_srv_lookup,
		.service = service_port,
		.ctx = c,
	};
}

struct table_row {
	const char *name, *list;
	unsigned flags;
	struct tables *ret;
};

static int open_tables(struct client *c, const struct table_settings *ts, struct why *why)
{
	const struct client_params *p = &c->p;
	unsigned utf8 = p->smtputf8_enable ? TABLE_UTF8 : 0;
	const struct table_row rows[] = {
		{ "smtp_discard_ehlo_keyword_address_maps", p->discard_ehlo_keyword_address_maps,
			TABLE_FOLD_FIX, &c->ehlo_maps },
		{ "smtp_pix_workaround_maps", p->pix_workaround_maps, TABLE_FOLD_FIX,
			&c->pix_maps },
		{ "smtp_generic_maps", p->generic_maps, TABLE_FOLD_FIX | utf8, &c->generic },
		{ "smtp_header_checks", p->header_checks, TABLE_FOLD_FIX | utf8,
			&c->header_checks },
		{ "smtp_mime_header_checks", p->mime_header_checks, TABLE_FOLD_FIX | utf8,
			&c->mime_header_checks },
		{ "smtp_nested_header_checks", p->nested_header_checks, TABLE_FOLD_FIX | utf8,
			&c->nested_header_checks },
		{ "smtp_body_checks", p->body_checks, TABLE_FOLD_FIX | utf8, &c->body_checks },
		{ "smtp_reply_filter", p->reply_filter, 0, &c->reply_filter },
		{ "smtp_dns_reply_filter", p->dns_reply_filter, TABLE_FOLD_FIX, &c->dns_filter },
		{ "smtp_tls_policy_maps", p->tls_policy_maps, TABLE_FOLD_FIX | utf8,
			&c->tls_policy },
		{ "smtp_sasl_password_maps", p->sasl_auth_enable ? p->sasl_password_maps : "",
			TABLE_FOLD_FIX | utf8, &c->sasl_passwords },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		int e = tables_open(ts, rows[i].name, str_of(rows[i].list), rows[i].flags,
			rows[i].ret, why);

		if (e < 0)
			return e;
	}
	if (p->connection_cache_destinations[0] != '\0')
		c->cache_destinations = match_new(ts, "smtp_connection_cache_destinations",
			MATCH_STRING, false, str_of(p->connection_cache_destinations));
	return 0;
}

static int check_words(struct client *c, struct why *why)
{
	struct str target = str_of(c->p.address_verify_target);
	struct str pref = str_of(c->p.address_preference), bad;

	if (c->p.assume_final)
		log_warn(
			"lmtp_assume_final is obsolete; instead, specify \"flags=X\" in master.cf");
	c->notify_protocol = has_word(c->p.notify_classes, STR("protocol"));
	c->probe_data = str_ieq(target, STR("data"));
	if (!c->probe_data && !str_ieq(target, STR("rcpt")))
		return why_set(why, -EINVAL, "bad address_verify_target: %s", target.ptr);
	if (!str_ieq(pref, STR("any")) && !str_ieq(pref, STR("ipv4")) &&
		!str_ieq(pref, STR("ipv6")))
		return why_set(why, -EINVAL, "bad address_preference: %s", pref.ptr);
	c->discard_keywords = smtp_keyword_mask(str_of(c->p.discard_ehlo_keywords), &bad);
	if (bad.len > 0)
		return why_set(why, -EINVAL, "unknown EHLO keyword: " STR_FMT, STR_ARG(bad));
	return 0;
}

int client_setup(struct client *c, struct service_ctx *ctx, struct why *why)
{
	int e = parse_args(c, ctx->args, why);

	if (e == 0)
		e = agent_open(&c->agent, ctx->conf, c->lmtp ? "lmtp" : "smtp", why);
	if (e == 0)
		e = check_words(c, why);
	if (e == 0)
		e = open_addresses(c, ctx->conf, why);
	if (e == 0)
		e = open_tables(c, &c->agent.params.tables, why);
	if (e == 0)
		e = policy_open(c, &c->agent.params.tables, why);
	if (e == 0)
		e = open_dns(c, why);
	if (e == 0 && c->generic.n > 0) {
		e = router_settings_from_conf(ctx->conf, &log_notes, &c->router_conf, why);
		if (e == 0)
			e = router_new(&c->router_conf.s, &c->router, why);
	}
	fill_hosts(c);
	fill_destinations(c);
	c->best_mx = mem_new(struct pass_peer);
	if (e == 0)
		c->cache = cache_new((size_t)ctx->clients * CACHE_PER_CLIENT);
	return e;
}

const char *client_changed(const struct client *c)
{
	const struct tables *const all[] = { &c->ehlo_maps, &c->pix_maps, &c->generic,
		&c->header_checks, &c->mime_header_checks, &c->nested_header_checks,
		&c->body_checks, &c->reply_filter, &c->dns_filter, &c->tls_policy,
		&c->sasl_passwords };
	const char *name = agent_changed(&c->agent);

	for (size_t i = 0; name == NULL && i < ARRAY_LEN(all); i++)
		name = tables_changed(all[i]);
	for (size_t i = 0; name == NULL && i < c->n_requiretls; i++)
		if (c->requiretls[i].table != NULL && table_changed(c->requiretls[i].table))
			name = table_spec(c->requiretls[i].table);
	if (name == NULL && c->cache_destinations != NULL)
		name = match_changed(c->cache_destinations);
	if (name == NULL && c->router != NULL)
		name = router_changed(c->router);
	return name;
}
