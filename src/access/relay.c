/* SPDX-License-Identifier: Apache-2.0 */
/*
 * access/relay.c — mail that we may deliver or forward, whoever sends it (threats A1).
 *
 * Invariant: an address whose local part still holds routing after resolve is never "ours", unless
 * the mail ends here anyway or allow_untrusted_routing says so.
 */
#include "access/access_priv.h"
#include "address/address.h"

/* 1 ours; 0 not; *res is set and -1 returned when a lookup failed. */
static int is_authorized(struct eval *ev, enum result *res)
{
	struct resolve_reply to;

	if (!access_resolve(ev, ev->rq->recipient, &to, res))
		return -1;
	if (!address_split(to.recipient).has_at)
		return 1; /* local by definition */
	if ((to.flags & RESOLVE_ERROR))
		return 0;
	if ((to.flags & RESOLVE_ROUTED) && !ev->a->s.allow_untrusted_routing &&
		!(to.flags & RESOLVE_LOCAL))
		return 0;
	return (to.flags & (RESOLVE_LOCAL | RESOLVE_ALIAS | RESOLVE_VIRTUAL | RESOLVE_RELAY)) != 0;
}

static enum result relay_denied(struct eval *ev, int code, const char *dsn)
{
	enum result res = RES_DUNNO;
	int r;

	if (!ev->rq->has_recipient)
		return RES_DUNNO;
	r = is_authorized(ev, &res);
	if (r != 0)
		return r > 0 ? RES_DUNNO : res;
	return access_reject(ev, REJECT_POLICY, code, dsn, "<" STR_FMT ">: Relay access denied",
		STR_ARG(ev->rq->recipient));
}

enum result r_unauth_destination(struct eval *ev, const struct item *it)
{
	(void)it;
	return relay_denied(ev, (int)ev->a->s.relay_domains_reject_code, "5.7.1");
}

enum result r_defer_unauth_destination(struct eval *ev, const struct item *it)
{
	(void)it;
	return relay_denied(ev, (int)ev->a->s.relay_domains_reject_code - 100, "4.7.1");
}

enum result r_auth_destination(struct eval *ev, const struct item *it)
{
	enum result res = RES_DUNNO;
	int r;

	if (!ev->rq->has_recipient)
		return RES_DUNNO;
	r = is_authorized(ev, &res);
	if (r > 0)
		return access_permit(ev, it->name, CLASS_RECIPIENT, ev->rq->recipient, NULL);
	return res;
}
