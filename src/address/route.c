/* SPDX-License-Identifier: Apache-2.0 */
/*
 * address/route.c — transport and nexthop: by class, sender, transport_maps, relocated_maps.
 */
#include "address/router_priv.h"

/* A lookup failed: the outcome is "try again later". */
static void fail(struct route *rt, const char *what)
{
	note(rt->r->s.tables->notes, NOTE_WARN, "%s lookup failure", what);
	rt->reply->flags |= RESOLVE_FAIL;
	rt->reply->transport = str_of(rt->r->s.error_transport);
	rt->reply->nexthop = STR("4.3.0 address resolver failure");
}

/* "transport:nexthop"; no ':' is a transport alone. */
static void split_route(struct str text, struct str *ret_transport, struct str *ret_nexthop)
{
	ptrdiff_t colon = str_chr(text, ':');

	*ret_transport = str_trim(colon < 0 ? text : str_head(text, (size_t)colon));
	*ret_nexthop = str_trim(colon < 0 ? STR_EMPTY : str_skip(text, (size_t)colon + 1));
}

/* Look up a sender: FOUND with the value in the arena; DUNNO counts as none. */
static enum lookup by_sender(struct route *rt, const struct tables *t, const char *null_key,
	struct str *ret)
{
	struct buf value = BUF_LOCAL(BUF_MEDIUM);
	enum lookup found;

	if (t->n == 0)
		return LOOKUP_NONE;
	if (rt->sender.len == 0)
		found = tables_get(t, str_of(null_key), false, &value, NULL);
	else
		found = address_lookup(rt->r, t, rt->sender, AL_LOCAL_PART | AL_DOMAIN, &value,
			NULL, NULL);
	if (found == LOOKUP_FOUND && str_ieq(str_trim(buf_str(&value)), STR("DUNNO")))
		found = LOOKUP_NONE;
	if (found == LOOKUP_FOUND)
		*ret = str_trim(arena_str(rt->arena, buf_str(&value)));
	else if (found == LOOKUP_TEMPFAIL)
		fail(rt, t->title);
	buf_done(&value);
	return found;
}

/* The host that takes mail for others: by sender, relayhost, or the domain itself. */
static void relay_nexthop(struct route *rt)
{
	const struct router_settings *s = &rt->r->s;
	enum lookup found = by_sender(rt, &rt->r->sender_relayhost,
		s->empty_address_relayhost_maps_lookup_key, &rt->reply->nexthop);

	if (found != LOOKUP_NONE)
		return;
	rt->reply->nexthop = *s->relayhost != '\0' ? str_of(s->relayhost) : rt->domain;
}

static void default_route(struct route *rt)
{
	const struct router_settings *s = &rt->r->s;
	struct str text = str_of(s->default_transport);
	enum lookup found = by_sender(rt, &rt->r->sender_transport,
		s->empty_address_default_transport_maps_lookup_key, &text);

	if (found == LOOKUP_TEMPFAIL)
		return;
	split_route(text, &rt->reply->transport, &rt->reply->nexthop);
	if (rt->reply->transport.len == 0) {
		note(s->tables->notes, NOTE_WARN, "%s: null transport is not allowed",
			found == LOOKUP_FOUND ? "sender_dependent_default_transport_maps"
					      : "default_transport");
		fail(rt, "default transport");
	} else if (rt->reply->nexthop.len == 0) {
		relay_nexthop(rt);
	}
}

void route_by_class(struct route *rt)
{
	const struct router_settings *s = &rt->r->s;
	struct resolve_reply *reply = rt->reply;

	switch (reply->flags & RESOLVE_CLASS_MASK) {
	case RESOLVE_ALIAS:
		reply->transport = str_of(s->error_transport);
		reply->nexthop = s->show_user_unknown_table_name
					 ? STR("5.1.1 User unknown in virtual alias table")
					 : STR("5.1.1 User unknown");
		return;
	case RESOLVE_LOCAL:
		split_route(str_of(s->local_transport), &reply->transport, &reply->nexthop);
		break;
	case RESOLVE_VIRTUAL:
		split_route(str_of(s->virtual_transport), &reply->transport, &reply->nexthop);
		break;
	case RESOLVE_RELAY:
		split_route(str_of(s->relay_transport), &reply->transport, &reply->nexthop);
		if (reply->nexthop.len == 0)
			relay_nexthop(rt);
		break;
	default:
		default_route(rt);
		break;
	}
	if (reply->nexthop.len == 0)
		reply->nexthop = rt->domain;
}

/* A result of transport_maps; true when it changes something. */
static void apply_transport(struct route *rt, struct str value)
{
	struct str transport, nexthop;

	split_route(arena_str(rt->arena, value), &transport, &nexthop);
	if (transport.len > 0) {
		rt->reply->transport = transport;
		rt->reply->nexthop = nexthop.len > 0 ? nexthop
				     : str_eq(transport, str_of(rt->r->s.error_transport)) ||
						     str_eq(transport, STR("retry"))
					     ? STR("Address is undeliverable")
					     : rt->domain;
	} else if (nexthop.len > 0) {
		rt->reply->nexthop = nexthop;
	}
}

/* The domain, its parents and the wildcard. */
static enum lookup domain_lookup(const struct route *rt, struct buf *ret)
{
	const struct tables *t = &rt->r->transport;
	bool parents = rt->r->transport_parents;
	struct str key = rt->domain;
	enum lookup found = tables_get(t, key, true, ret, NULL);

	while (found == LOOKUP_NONE && key.len > 0 && key.ptr[0] != '[') {
		ptrdiff_t dot = str_chr(str_skip(key, 1), '.');

		if (dot < 0)
			break;
		key = str_skip(key, (size_t)dot + (parents ? 2 : 1));
		found = tables_get(t, key, true, ret, NULL);
	}
	return found == LOOKUP_NONE ? tables_get(t, STR("*"), true, ret, NULL) : found;
}

static void use_transport_maps(struct route *rt)
{
	struct buf value = BUF_LOCAL(BUF_MEDIUM);
	enum lookup found;

	if (rt->r->transport.n == 0)
		return;
	found = address_lookup(rt->r, &rt->r->transport, rt->reply->recipient, 0, &value, NULL,
		NULL);
	if (found == LOOKUP_NONE)
		found = domain_lookup(rt, &value);
	if (found == LOOKUP_FOUND)
		apply_transport(rt, buf_str(&value));
	else if (found == LOOKUP_TEMPFAIL)
		fail(rt, "transport_maps");
	buf_done(&value);
}

static void use_relocated_maps(struct route *rt)
{
	const struct router_settings *s = &rt->r->s;
	struct buf value = BUF_LOCAL(BUF_MEDIUM);
	enum lookup found;

	if (rt->r->relocated.n == 0)
		return;
	found = address_lookup(rt->r, &rt->r->relocated, rt->reply->recipient,
		AL_LOCAL_PART | AL_DOMAIN, &value, NULL, NULL);
	if (found == LOOKUP_FOUND) {
		rt->reply->transport = str_of(s->error_transport);
		rt->reply->nexthop = arena_fmt(rt->arena, "%s" STR_FMT,
			s->relocated_prefix_enable ? "5.1.6 User has moved to " : "",
			STR_ARG(buf_str(&value)));
	} else if (found == LOOKUP_TEMPFAIL) {
		fail(rt, "relocated_maps");
	}
	buf_done(&value);
}

void route_by_tables(struct route *rt)
{
	if (rt->reply->flags & RESOLVE_ALIAS)
		return;
	use_transport_maps(rt);
	if (!(rt->reply->flags & RESOLVE_FAIL))
		use_relocated_maps(rt);
}
