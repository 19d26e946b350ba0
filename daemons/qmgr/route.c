/* SPDX-License-Identifier: Apache-2.0 */
/*
 * qmgr/route.c — transport and next hop of each recipient.
 */
#include "qmgr.h"

#define BAD_SYNTAX    "5.1.3 bad address syntax"
#define RESOLVER_FAIL "4.3.0 address resolver failure"
#define FORCED_EXPIRY "4.7.0 message is administratively expired"

static struct str domain_of(struct str address)
{
	ptrdiff_t at = str_rchr(address, '@');

	return at < 0 ? STR_EMPTY : str_skip(address, (size_t)at + 1);
}

/* "transport:nexthop"; without a next hop, the configured one or the recipient's domain. */
static void filter_route(const struct qmgr *q, struct str filter, struct route *r)
{
	ptrdiff_t colon = str_chr(filter, ':');
	struct str hop = colon < 0 ? STR_EMPTY : str_skip(filter, (size_t)colon + 1);

	if (hop.len == 0)
		hop = str_of(q->conf.default_filter_nexthop);
	if (hop.len == 0)
		hop = domain_of(r->address);
	r->transport = colon < 0 ? filter : str_head(filter, (size_t)colon);
	r->nexthop = hop;
}

/* Mail to the sender of postmaster notifications goes no further. */
static bool is_double_bounce(const struct qmgr *q, const struct resolve_reply *reply)
{
	struct str name = str_of(q->conf.double_bounce_sender);
	ptrdiff_t at = str_rchr(reply->recipient, '@');
	struct str local = at < 0 ? reply->recipient : str_head(reply->recipient, (size_t)at);

	return (reply->flags & RESOLVE_LOCAL) != 0 && str_ieq(local, name);
}

static void route_by(const struct qmgr *q, const struct message *m, struct str address,
	const struct resolve_reply *resolved, struct route *r)
{
	const struct envelope *e = &m->env;
	bool probe = (e->trace_flags & (REQUEST_MTA_VRFY | REQUEST_USR_VRFY)) != 0;
	struct str filter = e->filter.len > 0 ? e->filter : e->inspector;
	const struct resolve_reply reply = *resolved;

	r->address = reply.recipient.len > 0 ? reply.recipient : address;
	if (m->force_expired) {
		r->transport = STR(RETRY_TRANSPORT);
		r->nexthop = STR(FORCED_EXPIRY);
	} else if ((reply.flags & RESOLVE_FAIL) != 0) {
		r->transport = STR(RETRY_TRANSPORT);
		r->nexthop = STR(RESOLVER_FAIL);
	} else if ((reply.flags & RESOLVE_ERROR) != 0) {
		r->transport = str_of(q->conf.error_service_name);
		r->nexthop = STR(BAD_SYNTAX);
	} else if (is_double_bounce(q, &reply)) {
		r->discard = true;
	} else if (filter.len > 0 && !probe) {
		filter_route(q, filter, r);
	} else {
		r->transport = reply.transport;
		r->nexthop = reply.nexthop;
	}
}

static void route_one(const struct qmgr *q, const struct router *router, const struct message *m,
	struct str address, struct arena *a, struct route *r)
{
	struct resolve_reply reply = { 0 };

	router_resolve(router, m->env.sender, address, a, &reply);
	route_by(q, m, address, &reply, r);
}

/* A redirected message goes to one address, once: the other recipients are passed over. */
static void route_redirect(const struct qmgr *q, const struct router *router, struct message *m,
	struct arena *a, bool first)
{
	for (size_t i = 0; i < m->rcpts.n; i++)
		m->routes[i].discard = true;
	m->env.unread = 0;
	if (!first || m->rcpts.n == 0)
		return;
	{
		_cleanup_buf_ struct buf b = BUF_LOCAL(BUF_SMALL);
		struct str to = m->env.redirect;

		if (router_rewrite_internal(router, REWRITE_LOCAL, to, &b) == 0 && b.len > 0)
			to = arena_str(a, buf_str(&b));
		m->routes[0] = (struct route){ 0 };
		route_one(q, router, m, to, a, &m->routes[0]);
	}
}

bool route_cached(const struct qmgr *q, const struct router *router, struct message *m)
{
	if (router_is_quick(router)) {
		route_recipients(q, router, m, m->arena, true);
		return true;
	}
	if (m->env.redirect.len > 0)
		return false;
	m->routes = arena_array(m->arena, MAX(m->rcpts.n, (size_t)1), sizeof(*m->routes));
	for (size_t i = 0; i < m->rcpts.n; i++) {
		struct resolve_reply reply = { 0 };
		struct str address = m->rcpts.v[i].address;

		if (!router_resolve_cached(router, m->env.sender, address, m->arena, &reply))
			return false;
		route_by(q, m, address, &reply, &m->routes[i]);
	}
	return true;
}

void route_recipients(const struct qmgr *q, const struct router *router, struct message *m,
	struct arena *a, bool first)
{
	m->routes = arena_array(a, MAX(m->rcpts.n, (size_t)1), sizeof(*m->routes));
	if (m->env.redirect.len > 0) {
		route_redirect(q, router, m, a, first);
		return;
	}
	for (size_t i = 0; i < m->rcpts.n; i++)
		route_one(q, router, m, m->rcpts.v[i].address, a, &m->routes[i]);
}
