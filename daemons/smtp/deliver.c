/* SPDX-License-Identifier: Apache-2.0 */
/*
 * deliver.c — one request: destinations, hosts, sessions, until every recipient has an outcome.
 *
 * A destination gives a list of addresses. Failures to connect or to greet count against the length
 * of the list only; sessions that got further count against mx_session_limit. The next destination
 * (of the next hop, then of fallback_relay) comes when a list is used up.
 */
#include <errno.h>

#include "base/mem.h"
#include "client.h"
#include "log/log.h"
#include "net/socket.h"

/* Destinations of one next hop, fallback relays included. */
#define MAX_DESTS 50
/* Where servers of our own would be met. */
#define SMTP_PORT 25

struct route {
	struct delivery *d;
	struct smtp_destination v[MAX_DESTS];
	size_t n, i;
	size_t sessions;       /* for the current destination */
	bool more_dests;       /* another destination follows */
	const char *label;     /* of the current destination */
	bool listed;           /* in connection_cache_destinations */
	bool often;            /* asked for often just now */
	struct net_addr tried; /* by a cached connection to the destination; len 0: none */
	bool refused;          /* a host said no for good: no other one is asked */
};

static bool session_limit_reached(const struct route *r)
{
	int64_t max = r->d->c->p.mx_session_limit;

	return max > 0 && r->sessions >= (size_t)max;
}

/* "domain:port" in lower case; sessions to any of its best hosts may serve it. */
static const char *label_of(const struct delivery *d, const struct smtp_destination *to)
{
	char *name = arena_cstr(d->a, str_head(to->name, 1024));

	for (char *p = name; *p != '\0'; p++)
		*p = (char)ascii_lower((unsigned char)*p);
	return arena_fmt(d->a, "%s:%u%s", name, (unsigned)to->port, to->mx ? "" : "!").ptr;
}

static bool in_list(const struct client *c, const struct smtp_destination *to)
{
	struct why why = { 0 };
	struct str name = to->name;

	if (c->cache_destinations == NULL)
		return false;
	switch (match_str(c->cache_destinations, name, &why)) {
	case LOOKUP_FOUND:
		return true;
	case LOOKUP_TEMPFAIL:
		log_warn("%s", why.text);
		return false;
	case LOOKUP_NONE:
		break;
	}
	return false;
}

/* Is much mail under way to the destination, as the queue manager or our own count says? */
static bool may_cache(const struct route *r, int flag)
{
	const struct delivery *d = r->d;

	if (d->rq->flags & (REQUEST_MTA_VRFY | REQUEST_USR_VRFY))
		return false;
	return r->listed ||
	       (d->c->p.connection_cache_on_demand && (r->often || (d->rq->flags & flag) != 0));
}

static bool may_keep(const struct route *r, const struct session *s)
{
	int64_t max = r->d->c->p.connection_reuse_count_limit;

	return may_cache(r, REQUEST_CONN_STORE) && clock_now() < s->expires &&
	       (max == 0 || s->reuse_count < max);
}

/* Use a session for what is left; it is cached or closed afterwards. false: it was stale. */
static bool use_session(struct route *r, struct session *s)
{
	struct delivery *d = r->d;
	int64_t max = d->c->p.mx_session_limit;
	bool keep = may_keep(r, s);

	/* The last session that may be had is as final as the last host. */
	if (!r->more_dests && max > 0 && r->sessions + 1 >= (size_t)max)
		d->last = true;
	d->relay = arena_str(d->a, str_of(s->where_port));
	d->reuse_count = s->reuse_count;
	d->setup_done = msg_stats_now();
	if (transfer(d, s, keep) == TRANSFER_STALE) {
		session_free(s);
		return false;
	}
	r->sessions++;
	d->talked = d->talked || d->said;
	d->said = false;
	notice_send(d->c, s);
	if (keep && !s->broken)
		cache_put(d->c->cache, s, d->c->p.connection_cache_time_limit);
	else
		session_free(s);
	return true;
}

/* Idle connections first; false when there is none that works. */
static bool try_cached(struct route *r, const struct dns_host *h)
{
	struct delivery *d = r->d;

	if (!may_cache(r, REQUEST_CONN_LOAD))
		return false;
	for (;;) {
		struct session *s = cache_take(d->c->cache, h == NULL ? r->label : NULL,
			h == NULL ? NULL : &h->addr);

		if (s == NULL)
			return false;
		struct net_addr addr = s->addr;

		s->reuse_count++;
		if (use_session(r, s)) {
			if (h == NULL)
				r->tried = addr;
			return true;
		}
	}
}

/* One address. */
static void try_host(struct route *r, const struct smtp_destination *to, const struct dns_host *h)
{
	struct delivery *d = r->d;
	struct session *s;

	d->relay = STR("none");
	d->reuse_count = 0;
	d->setup_done = msg_stats_now();
	if (!policy_allows(d, to, h->name))
		return;
	if (try_cached(r, h))
		return;
	s = session_open(d, h, to);
	if (s == NULL)
		return;
	if (h->best)
		s->dest = str_dup(str_of(r->label));
	(void)use_session(r, s);
}

/* The host that a cached connection led to has had its say. */
static void drop_tried(const struct route *r, struct dns_hosts *l)
{
	size_t out = 0;

	for (size_t i = 0; i < l->n; i++)
		if (r->tried.len == 0 || !net_addr_eq(&l->v[i].addr, &r->tried, true))
			l->v[out++] = l->v[i];
	l->n = out;
}

static void try_hosts(struct route *r, const struct smtp_destination *to, const struct dns_hosts *l)
{
	struct delivery *d = r->d;
	r->more_dests = r->i + 1 < r->n && !l->is_own;
	for (size_t i = 0; i < l->n && d->left > 0 && !session_limit_reached(r); i++) {
		d->last = !r->more_dests && i + 1 == l->n;
		try_host(r, to, &l->v[i]);
		if (d->left > 0 && d->why_hard && !str_eq(d->why.status, STR("5.6.7"))) {
			r->refused = true;
			return;
		}
	}
}

static void try_unix(struct route *r, const struct smtp_destination *to)
{
	struct delivery *d = r->d;
	struct dns_host h = { .name = str_of(d->c->p.myhostname), .best = true };

	h.addr.un.sun_family = AF_UNIX;
	h.addr.len = sizeof(h.addr.un);
	if (to->name.len < sizeof(h.addr.un.sun_path))
		memcpy(h.addr.un.sun_path, to->name.ptr, to->name.len);
	r->more_dests = r->i + 1 < r->n;
	d->last = !r->more_dests;
	try_host(r, to, &h);
}

/* A relay that does not exist is our own mistake, not the sender's: true when it is one. */
static bool blame(const struct delivery *d, const struct smtp_destination *to)
{
	const struct client *c = d->c;

	if (to->is_fallback)
		log_warn("%s_fallback_relay configuration problem", c->lmtp ? "lmtp" : "smtp");
	else if (str_ieq(d->rq->nexthop, str_of(c->p.relayhost)))
		log_warn("relayhost configuration problem");
	else
		return false;
	return true;
}

/* false: no further destination is to be tried. */
static bool try_destination(struct route *r, const struct smtp_destination *to)
{
	struct delivery *d = r->d;
	const struct client *c = d->c;
	struct dns_target target = { .name = to->name,
		.srv = to->srv,
		.port = to->port,
		.mx = to->mx,
		.loops = !c->lmtp && to->port == SMTP_PORT };
	struct dns_hosts_error error;
	enum dns_hosts_status st;
	struct dns_hosts l;

	r->sessions = 0;
	r->label = label_of(d, to);
	r->listed = in_list(c, to);
	r->often = cache_count(c->cache, str_of(r->label));
	r->tried.len = 0;
	r->more_dests = true; /* its hosts have not been looked up yet */
	d->last = false;
	if (try_cached(r, NULL) && d->left == 0)
		return false;
	if (to->is_unix) {
		if (r->tried.len == 0)
			try_unix(r, to);
		return d->left > 0;
	}
	st = dns_hosts_find(&c->hosts, &target, d->a, &l, &error);
	if (st == DNS_HOSTS_OK) {
		drop_tried(r, &l);
		try_hosts(r, to, &l);
		return d->left > 0 && !l.is_own && !r->refused;
	}
	d->relay = STR("none");
	d->reuse_count = 0;
	d->setup_done = msg_stats_now();
	if (st == DNS_HOSTS_LOOP && c->p.best_mx_transport[0] != '\0') {
		pass_all(d, str_of(c->p.best_mx_transport));
		return false;
	}
	d->why = (struct dsn){ .status = error.status, .reason = error.reason };
	d->why_hard = st != DNS_HOSTS_SOFT;
	d->why_host = true;
	if (d->why_hard && blame(d, to)) {
		d->why.status = STR("4.3.5");
		d->why_hard = false;
	}
	return st != DNS_HOSTS_LOOP && !l.is_own;
}

static int plan_route(struct route *r, struct why *why)
{
	const struct client *c = r->d->c;
	int n = smtp_destinations_parse(&c->destinations, r->d->rq->nexthop, r->v, MAX_DESTS, why);
	int k;

	if (n < 0)
		return n;
	if (n == 0)
		return why_set(why, -EINVAL, "empty destination");
	r->n = (size_t)n;
	k = smtp_destinations_parse(&c->destinations, str_of(c->p.fallback_relay), r->v + n,
		MAX_DESTS - (size_t)n, why);
	if (k < 0)
		return k;
	for (int i = 0; i < k; i++)
		r->v[n + i].is_fallback = true;
	/* A relay on this machine is for network destinations. */
	if (!r->v[0].is_unix)
		r->n += (size_t)k;
	return 0;
}

static bool flags_fit(struct delivery *d)
{
	if ((d->c->flags & (CLIENT_DELIVERED_TO | CLIENT_ORIGINAL_TO)) == 0 || d->left == 1)
		return true;
	set_why(d, "4.3.5",
		"mail system configuration error: flags=D and flags=O need "
		"<transport>_destination_recipient_limit = 1");
	return false;
}

int client_deliver(const struct client *c, struct delivery_request *rq, struct arena *a)
{
	struct delivery d = { .c = c, .rq = rq, .a = a, .relay = STR("none") };
	struct route *r = arena_obj(a, struct route);
	struct why why = { 0 };

	r->d = &d;
	for (size_t i = 0; i < rq->n_rcpt; i++)
		rq->rcpt[i].status = 0;
	d.left = rq->n_rcpt;
	if (c->hosts.families == 0) {
		set_why(&d, "4.3.5", "all network protocols are disabled");
	} else if (plan_route(r, &why) < 0) {
		log_warn(STR_FMT ": %s", STR_ARG(rq->queue_id), why.text);
		set_why(&d, "4.3.5", "mail system configuration error: %s", why.text);
	} else if (flags_fit(&d)) {
		for (r->i = 0; r->i < r->n; r->i++)
			if (!try_destination(r, &r->v[r->i]))
				break;
	}
	finish(&d);
	return d.status;
}
