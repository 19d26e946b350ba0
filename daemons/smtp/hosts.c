/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hosts.c — from a destination to addresses: MX, A, AAAA, preference, shuffling, limits, loops.
 *
 * Only a definite "no" of the DNS is a permanent failure; whatever could not be found out is tried
 * again (threats D1).
 */
#include <errno.h>
#include <sys/random.h>

#include "client.h"
#include "log/log.h"
#include "net/socket.h"

#define SMTP_PORT 25

struct finder {
	const struct client *c;
	const struct destination *d;
	struct arena *a;
	struct host v[MAX_ADDRS];
	size_t n;
	uint16_t port;
	uint16_t best_pref; /* of all exchangers, with or without address */
	struct dsn dsn;     /* of the last lookup that failed */
	bool hard;
};

static void fail(struct finder *f, bool hard, const char *status, struct str reason)
{
	f->dsn = (struct dsn){ .status = str_of(status), .reason = arena_str(f->a, reason) };
	f->hard = hard;
}

static void add(struct finder *f, const struct net_addr *addr, struct str name, uint16_t pref)
{
	struct host h = { .addr = *addr, .name = name, .pref = pref };

	net_addr_set_port(&h.addr, f->port);
	for (size_t i = 0; i < f->n; i++)
		if (net_addr_eq(&f->v[i].addr, &h.addr, true) && f->v[i].pref == pref)
			return;
	if (f->n < MAX_ADDRS)
		f->v[f->n++] = h;
}

static void dns_failed(struct finder *f, enum dns_status st, struct str name, const char *type,
	const struct why *why)
{
	switch (st) {
	case DNS_NXDOMAIN:
	case DNS_NODATA:
		fail(f, true, "5.4.4", str_of(why->text));
		return;
	case DNS_NULLMX:
		fail(f, true, "5.1.0",
			arena_fmt(f->a, "Domain " STR_FMT " does not accept mail (nullMX)",
				STR_ARG(name)));
		return;
	case DNS_INVALID:
		/* A name that cannot exist is as good as one that does not. */
		fail(f, !net_hostname_ok(name), net_hostname_ok(name) ? "4.4.3" : "5.4.4",
			str_of(why->text));
		return;
	case DNS_POLICY:
		fail(f, false, "4.7.0", str_of(why->text));
		return;
	case DNS_OK:
	case DNS_TEMPFAIL:
	case DNS_FAIL:
		break;
	}
	if (why->text[0] == '\0')
		fail(f, false, "4.4.3",
			arena_fmt(f->a, "unable to look up host " STR_FMT ": %s", STR_ARG(name),
				type));
	else
		fail(f, false, "4.4.3", str_of(why->text));
}

/* Addresses by DNS: how many were found; f->dsn is set when there are none. */
static size_t by_dns(struct finder *f, struct str name, uint16_t pref)
{
	static const struct {
		unsigned family;
		enum dns_type type;
	} kinds[] = { { NET_IPV4, DNS_A }, { NET_IPV6, DNS_AAAA } };
	size_t before = f->n;
	bool have_soft = false;

	for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
		struct dns_answer ans;
		struct why why = { 0 };
		enum dns_status st;

		if ((f->c->families & kinds[k].family) == 0)
			continue;
		st = dns_lookup(f->c->dns, name, kinds[k].type, f->a, &ans, &why);
		if (st == DNS_OK) {
			struct str host = f->c->p.cname_overrides_servername && ans.cname.len > 0
						  ? ans.cname
						  : name;

			for (struct dns_rr *rr = ans.rr; rr != NULL; rr = rr->next)
				add(f, &rr->addr, host, pref);
			continue;
		}
		/* A temporary failure of either family is what counts. */
		if (have_soft)
			continue;
		dns_failed(f, st, name, dns_type_name(kinds[k].type), &why);
		have_soft = !f->hard;
	}
	return f->n - before;
}

static size_t by_native(struct finder *f, struct str name, uint16_t pref)
{
	struct net_addr *v = arena_array(f->a, MAX_ADDRS, sizeof(*v));
	struct why why = { 0 };
	size_t before = f->n;
	int n = net_resolve(name, STR("0"), f->c->families, v, MAX_ADDRS, &why);
	struct str text = str_of(why.text);

	for (int i = 0; i < n; i++)
		add(f, &v[i], name, pref);
	/* The name stands in our text already. */
	if (str_starts(text, name))
		text = str_skip(text, name.len + 2);
	if (n <= 0)
		fail(f, n == -ENOENT, n == -ENOENT ? "5.4.4" : "4.4.3",
			arena_fmt(f->a, "unable to look up host " STR_FMT ": " STR_FMT,
				STR_ARG(name), STR_ARG(text)));
	return f->n - before;
}

static size_t add_host(struct finder *f, struct str name, uint16_t pref)
{
	struct net_addr lit;
	size_t n = 0;

	if (net_addr_parse(name, f->port, &lit) == 0) {
		char text[NET_ADDR_TEXT];

		net_addr_text(&lit, text);
		add(f, &lit, arena_str(f->a, str_of(text)), pref);
		return 1;
	}
	if (f->c->use_dns)
		n = by_dns(f, name, pref);
	if (n == 0 && f->c->use_native && (!f->c->use_dns || f->hard))
		n = by_native(f, name, pref);
	return n;
}

/* Mail exchangers; their absence falls back to the domain itself. */
static void by_mx(struct finder *f)
{
	struct dns_answer ans;
	struct why why = { 0 };
	struct str domain = f->d->name;
	bool some_soft = false;
	enum dns_status st = dns_lookup(f->c->dns, domain, DNS_MX, f->a, &ans, &why);

	if (st == DNS_NODATA || st == DNS_NXDOMAIN ||
		(st != DNS_OK && st != DNS_NULLMX && f->c->p.ignore_mx_lookup_error)) {
		(void)add_host(f, domain, 0);
		return;
	}
	if (st != DNS_OK) {
		dns_failed(f, st, domain, "MX", &why);
		return;
	}
	f->best_pref = UINT16_MAX;
	for (struct dns_rr *rr = ans.rr; rr != NULL; rr = rr->next) {
		f->best_pref = rr->pref < f->best_pref ? rr->pref : f->best_pref;
		if (add_host(f, rr->target, rr->pref) == 0 && !f->hard)
			some_soft = true;
	}
	if (f->n > 0)
		return;
	log_warn("no MX host for " STR_FMT " has a valid address record", STR_ARG(domain));
	/* One host that might have an address is reason enough to try again. */
	if (f->hard && (some_soft || f->c->p.defer_if_no_mx_address_found)) {
		f->hard = false;
		f->dsn.status = STR("4.4.4");
	}
}

static uint32_t random_below(uint32_t n)
{
	uint32_t r = 0;

	if (n == 0 || getrandom(&r, sizeof(r), 0) != (ssize_t)sizeof(r))
		return 0;
	return r % n;
}

/*
 * Take the next record out of v: of the lowest priority, by chance in proportion to weight.
 * Source: RFC 2782. Weight 0 counts as a very small one.
 */
static struct dns_rr *pick_srv(struct dns_rr **v, size_t n)
{
	uint32_t sum = 0, at;
	uint16_t best = UINT16_MAX;
	struct dns_rr *rr = NULL;
	size_t i, last = 0;

	for (i = 0; i < n; i++)
		if (v[i] != NULL)
			best = v[i]->pref < best ? v[i]->pref : best;
	for (i = 0; i < n; i++)
		if (v[i] != NULL && v[i]->pref == best)
			sum += v[i]->weight * 100U + 1;
	at = random_below(sum);
	for (i = 0; i < n; i++) {
		uint32_t w;

		if (v[i] == NULL || v[i]->pref != best)
			continue;
		last = i;
		w = v[i]->weight * 100U + 1;
		if (at < w)
			break;
		at -= w;
	}
	rr = v[last];
	v[last] = NULL;
	return rr;
}

/* The hosts of an answer, in the order in which they are to be tried. */
static void add_srv(struct finder *f, const struct dns_answer *ans)
{
	struct dns_rr **v = arena_array(f->a, ans->n + 1, sizeof(*v));
	size_t n = 0;
	bool some_soft = false;

	for (struct dns_rr *rr = ans->rr; rr != NULL && n < ans->n; rr = rr->next)
		v[n++] = rr;
	for (size_t i = 0; i < n; i++) {
		struct dns_rr *rr = pick_srv(v, n);

		f->port = rr->port;
		if (add_host(f, rr->target, (uint16_t)i) == 0 && !f->hard)
			some_soft = true;
	}
	if (some_soft)
		f->hard = false;
}

/* SRV records of the service; false: go on with MX as if there were none. */
static bool by_srv(struct finder *f)
{
	struct dns_answer ans;
	struct why why = { 0 };
	struct str name = arena_fmt(f->a, "_" STR_FMT "._tcp." STR_FMT, STR_ARG(f->d->srv),
		STR_ARG(f->d->name));
	enum dns_status st = dns_lookup(f->c->dns, name, DNS_SRV, f->a, &ans, &why);

	if ((st == DNS_NXDOMAIN || st == DNS_NODATA) && f->c->p.allow_srv_lookup_fallback)
		return false;
	if (st != DNS_OK && st != DNS_NXDOMAIN && st != DNS_NODATA &&
		f->c->p.ignore_srv_lookup_error)
		return false;
	if (st != DNS_OK) {
		dns_failed(f, st, name, "SRV", &why);
		return true;
	}
	/* A lone "." says that the service is not there (RFC 2782). */
	if (ans.n == 1 && (ans.rr->target.len == 0 || str_eq(ans.rr->target, STR(".")))) {
		fail(f, true, "5.4.4",
			arena_fmt(f->a, "Service " STR_FMT " is not available", STR_ARG(name)));
		return true;
	}
	add_srv(f, &ans);
	if (f->n == 0)
		log_warn("no SRV host for " STR_FMT " has a valid address record", STR_ARG(name));
	return true;
}

/* 0.0.0.0 and :: connect to this host. */
static bool is_unspecified(const struct net_addr *a)
{
	if (a->sa.sa_family == AF_INET)
		return a->in.sin_addr.s_addr == 0;
	return a->sa.sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&a->in6.sin6_addr);
}

/* Would a connection to this address reach our own server? (threats D3) */
static bool is_own(const struct client *c, const struct net_addr *a)
{
	if (is_unspecified(a) || (c->on_all && net_addr_is_loopback(a)))
		return true;
	for (size_t i = 0; i < c->n_own; i++)
		if (net_addr_eq(&c->own[i], a, false))
			return true;
	return false;
}

static void shuffle(struct host *v, size_t n)
{
	for (size_t i = n; i > 1; i--) {
		uint32_t r = 0;
		size_t j;
		struct host t;

		if (getrandom(&r, sizeof(r), 0) != (ssize_t)sizeof(r))
			return;
		j = r % i;
		t = v[i - 1];
		v[i - 1] = v[j];
		v[j] = t;
	}
}

/* Lower comes first. */
static int rank(const struct client *c, const struct host *h)
{
	struct str pref = str_of(c->p.address_preference);
	int family = h->addr.sa.sa_family;

	if (str_ieq(pref, STR("ipv6")))
		return family == AF_INET6 ? 0 : 1;
	if (str_ieq(pref, STR("ipv4")))
		return family == AF_INET ? 0 : 1;
	return 0;
}

/* Stable, and short lists only. */
static void sort(const struct client *c, struct host *v, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		struct host h = v[i];
		size_t j = i;

		while (j > 0 &&
			(v[j - 1].pref > h.pref ||
				(v[j - 1].pref == h.pref && rank(c, &v[j - 1]) > rank(c, &h)))) {
			v[j] = v[j - 1];
			j--;
		}
		v[j] = h;
	}
}

static size_t count_family(const struct host *v, size_t n, int family)
{
	size_t k = 0;

	for (size_t i = 0; i < n; i++)
		if (v[i].addr.sa.sa_family == family)
			k++;
	return k;
}

/* Cut the list to the limit; with balance, neither family is cut away. */
static size_t limit(const struct client *c, struct host *v, size_t n)
{
	size_t max = (size_t)c->p.mx_address_limit;
	size_t n6 = count_family(v, n, AF_INET6), n4 = n - n6, out = 0;
	size_t room6, room4;

	if (max == 0 || n <= max)
		return n;
	if (!c->p.balance_inet_protocols || n6 == 0 || n4 == 0 || max < 2)
		return max;
	/* The family that comes first has the odd one. */
	room6 = MIN(n6, (max + (v[0].addr.sa.sa_family == AF_INET6 ? 1 : 0)) / 2);
	room4 = MIN(n4, max - room6);
	room6 = MIN(n6, max - room4);
	for (size_t i = 0; i < n; i++) {
		size_t *room = v[i].addr.sa.sa_family == AF_INET6 ? &room6 : &room4;

		if (*room == 0)
			continue;
		(*room)--;
		v[out++] = v[i];
	}
	return out;
}

/* Mail exchangers that are no better than ourselves must not be used. */
static enum hosts_status drop_own(struct finder *f, struct host_list *ret, struct dsn *ret_dsn)
{
	struct str name = f->d->name;

	if (f->c->lmtp || f->d->port != SMTP_PORT)
		return HOSTS_OK;
	for (size_t i = 0; i < f->n; i++) {
		uint16_t pref = f->v[i].pref;
		size_t keep = 0;

		if (!is_own(f->c, &f->v[i].addr))
			continue;
		ret->is_own = true;
		while (keep < f->n && f->v[keep].pref < pref)
			keep++;
		f->n = keep;
		if (keep > 0)
			return HOSTS_OK;
		if (pref != f->best_pref) {
			/* Better exchangers exist, but have no address just now. */
			*ret_dsn = (struct dsn){ .status = STR("4.4.4"),
				.reason = arena_fmt(f->a,
					"unable to find primary relay for " STR_FMT,
					STR_ARG(name)) };
			return HOSTS_SOFT;
		}
		*ret_dsn = (struct dsn){ .status = STR("5.4.6"),
			.reason = arena_fmt(f->a, "mail for " STR_FMT " loops back to myself",
				STR_ARG(name)) };
		return HOSTS_LOOP;
	}
	return HOSTS_OK;
}

enum hosts_status hosts_find(const struct client *c, const struct destination *d, struct arena *a,
	struct host_list *ret, struct dsn *ret_dsn)
{
	struct finder *f = arena_obj(a, struct finder);
	enum hosts_status st;
	bool sorted = false;

	f->c = c;
	f->d = d;
	f->a = a;
	f->port = d->port;
	if (d->srv.len > 0 && by_srv(f))
		sorted = true;
	else if (d->mx)
		by_mx(f);
	else
		(void)add_host(f, d->name, 0);
	if (f->n == 0) {
		*ret_dsn = f->dsn;
		return f->hard ? HOSTS_HARD : HOSTS_SOFT;
	}
	if (c->p.randomize_addresses && !sorted)
		shuffle(f->v, f->n);
	sort(c, f->v, f->n);
	st = drop_own(f, ret, ret_dsn);
	if (st != HOSTS_OK)
		return st;
	for (size_t i = 0; i < f->n; i++)
		f->v[i].best = f->v[i].pref == f->v[0].pref;
	ret->n = limit(c, f->v, f->n);
	ret->v = f->v;
	return HOSTS_OK;
}
