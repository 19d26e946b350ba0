/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dns/hosts.c — see hosts.h: the look-ups, and what their failure means.
 */
#include "dns/hosts.h"

#include <errno.h>

#include "net/socket.h"

struct finder {
	const struct dns_hosts_settings *s;
	const struct dns_target *t;
	struct arena *a;
	struct dns_host *v;
	size_t n, room;
	uint16_t port;
	uint16_t best_pref;           /* of all exchangers, with or without address */
	struct dns_hosts_error error; /* of the last lookup that failed */
	bool hard;
};

static void fail(struct finder *f, bool hard, const char *status, struct str reason)
{
	f->error.status = str_of(status);
	f->error.reason = arena_str(f->a, reason);
	f->hard = hard;
}

/* Room for one more; lists are short, so most of them never grow. */
static void grow(struct finder *f)
{
	size_t room = f->room == 0 ? 8 : f->room * 4;
	struct dns_host *v = arena_array(f->a, room, sizeof(*v));

	if (f->n > 0)
		memcpy(v, f->v, f->n * sizeof(*v));
	f->v = v;
	f->room = room;
}

static void add(struct finder *f, const struct net_addr *addr, struct str name, uint16_t pref)
{
	struct dns_host h = { .addr = *addr, .name = name, .pref = pref };

	net_addr_set_port(&h.addr, f->port);
	for (size_t i = 0; i < f->n; i++)
		if (net_addr_eq(&f->v[i].addr, &h.addr, true) && f->v[i].pref == pref)
			return;
	if (f->n == f->room)
		grow(f);
	if (f->n < DNS_HOSTS_MAX)
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

		if ((f->s->families & kinds[k].family) == 0)
			continue;
		st = dns_lookup(f->s->dns, name, kinds[k].type, f->a, &ans, &why);
		if (st == DNS_OK) {
			struct str host = f->s->cname_is_name && ans.cname.len > 0 ? ans.cname
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
	struct net_addr *v = arena_array(f->a, DNS_HOSTS_MAX, sizeof(*v));
	struct why why = { 0 };
	size_t before = f->n;
	int n = net_resolve(name, STR("0"), f->s->families, v, DNS_HOSTS_MAX, &why);
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
	if (f->s->use_dns)
		n = by_dns(f, name, pref);
	if (n == 0 && f->s->use_native && (!f->s->use_dns || f->hard))
		n = by_native(f, name, pref);
	return n;
}

/* The same records, best first: what is looked up last says why when there is no address at all. */
static struct dns_rr *by_preference(struct dns_rr *list)
{
	struct dns_rr *out = NULL;

	while (list != NULL) {
		struct dns_rr *rr = list, **p = &out;

		list = rr->next;
		while (*p != NULL && (*p)->pref <= rr->pref)
			p = &(*p)->next;
		rr->next = *p;
		*p = rr;
	}
	return out;
}

/* Mail exchangers; their absence falls back to the domain itself. */
static void by_mx(struct finder *f)
{
	struct dns_answer ans;
	struct why why = { 0 };
	struct str domain = f->t->name;
	bool some_soft = false;
	enum dns_status st = dns_lookup(f->s->dns, domain, DNS_MX, f->a, &ans, &why);

	if (st == DNS_NODATA || st == DNS_NXDOMAIN ||
		(st != DNS_OK && st != DNS_NULLMX && f->s->ignore_mx_error)) {
		(void)add_host(f, domain, 0);
		return;
	}
	if (st != DNS_OK) {
		dns_failed(f, st, domain, "MX", &why);
		return;
	}
	ans.rr = by_preference(ans.rr);
	f->best_pref = ans.rr->pref;
	for (struct dns_rr *rr = ans.rr; rr != NULL; rr = rr->next) {
		if (add_host(f, rr->target, rr->pref) == 0 && !f->hard)
			some_soft = true;
	}
	if (f->n > 0)
		return;
	note(f->s->notes, NOTE_WARN, "no MX host for " STR_FMT " has a valid address record",
		STR_ARG(domain));
	/* One host that might have an address is reason enough to try again. */
	if (f->hard && (some_soft || f->s->defer_no_mx_address)) {
		f->hard = false;
		f->error.status = STR("4.4.4");
	}
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
	at = dns_random_below(sum);
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
	struct str name = arena_fmt(f->a, "_" STR_FMT "._tcp." STR_FMT, STR_ARG(f->t->srv),
		STR_ARG(f->t->name));
	enum dns_status st = dns_lookup(f->s->dns, name, DNS_SRV, f->a, &ans, &why);

	if ((st == DNS_NXDOMAIN || st == DNS_NODATA) && f->s->srv_fallback)
		return false;
	if (st != DNS_OK && st != DNS_NXDOMAIN && st != DNS_NODATA && f->s->ignore_srv_error)
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
		note(f->s->notes, NOTE_WARN,
			"no SRV host for " STR_FMT " has a valid address record", STR_ARG(name));
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
static bool is_own(const struct dns_hosts_settings *s, const struct net_addr *a)
{
	if (is_unspecified(a) || (s->own_loopback && net_addr_is_loopback(a)))
		return true;
	for (size_t i = 0; i < s->n_own; i++)
		if (net_addr_eq(&s->own[i], a, false))
			return true;
	return false;
}

/* Mail exchangers that are no better than ourselves must not be used. */
static enum dns_hosts_status drop_own(struct finder *f, struct dns_hosts *ret)
{
	struct str name = f->t->name;

	for (size_t i = 0; f->t->loops && i < f->n; i++) {
		uint16_t pref = f->v[i].pref;
		size_t keep = 0;

		if (!is_own(f->s, &f->v[i].addr))
			continue;
		ret->is_own = true;
		while (keep < f->n && f->v[keep].pref < pref)
			keep++;
		f->n = keep;
		if (keep > 0)
			return DNS_HOSTS_OK;
		if (pref != f->best_pref) {
			/* Better exchangers exist, but have no address just now. */
			fail(f, false, "4.4.4",
				arena_fmt(f->a, "unable to find primary relay for " STR_FMT,
					STR_ARG(name)));
			return DNS_HOSTS_SOFT;
		}
		fail(f, true, "5.4.6",
			arena_fmt(f->a, "mail for " STR_FMT " loops back to myself",
				STR_ARG(name)));
		return DNS_HOSTS_LOOP;
	}
	return DNS_HOSTS_OK;
}

enum dns_hosts_status dns_hosts_find(const struct dns_hosts_settings *s, const struct dns_target *t,
	struct arena *a, struct dns_hosts *ret, struct dns_hosts_error *ret_error)
{
	struct finder f = { .s = s, .t = t, .a = a, .port = t->port };
	enum dns_hosts_status st;
	bool sorted = false;

	*ret = (struct dns_hosts){ 0 };
	if (t->srv.len > 0 && by_srv(&f))
		sorted = true;
	else if (t->mx)
		by_mx(&f);
	else
		(void)add_host(&f, t->name, 0);
	if (f.n == 0) {
		*ret_error = f.error;
		return f.hard ? DNS_HOSTS_HARD : DNS_HOSTS_SOFT;
	}
	if (!sorted)
		dns_hosts_shuffle(s, f.v, f.n);
	dns_hosts_sort(s, f.v, f.n);
	st = drop_own(&f, ret);
	if (st != DNS_HOSTS_OK) {
		*ret_error = f.error;
		return st;
	}
	for (size_t i = 0; i < f.n; i++)
		f.v[i].best = f.v[i].pref == f.v[0].pref;
	ret->n = dns_hosts_limit(s, f.v, f.n);
	ret->v = f.v;
	return DNS_HOSTS_OK;
}
