/* SPDX-License-Identifier: Apache-2.0 */
/*
 * access/generic.c — restrictions that make sense in every list.
 */
#include <poll.h>

#include "access/access_priv.h"
#include "base/num.h"

enum result r_permit(struct eval *ev, const struct item *it)
{
	return access_permit(ev, it->name, ev->class, ev->subject, NULL);
}

enum result r_dunno(struct eval *ev, const struct item *it)
{
	(void)ev;
	(void)it;
	return RES_DUNNO;
}

enum result r_reject(struct eval *ev, const struct item *it)
{
	(void)it;
	return access_reject(ev, REJECT_POLICY, (int)ev->a->s.reject_code, "5.7.1",
		"<" STR_FMT ">: %s rejected: Access denied", STR_ARG(ev->subject), ev->class);
}

enum result r_defer(struct eval *ev, const struct item *it)
{
	(void)it;
	return access_reject(ev, REJECT_POLICY, (int)ev->a->s.defer_code, "4.3.2",
		"<" STR_FMT ">: %s rejected: Try again later", STR_ARG(ev->subject), ev->class);
}

enum result r_defer_if_permit(struct eval *ev, const struct item *it)
{
	(void)it;
	return access_defer_if(ev, true, 450, "4.7.0",
		"<" STR_FMT ">: %s rejected: defer_if_permit requested", STR_ARG(ev->subject),
		ev->class);
}

enum result r_defer_if_reject(struct eval *ev, const struct item *it)
{
	(void)it;
	return access_defer_if(ev, false, 450, "4.7.0",
		"<" STR_FMT ">: %s rejected: defer_if_reject requested", STR_ARG(ev->subject),
		ev->class);
}

enum result r_sleep(struct eval *ev, const struct item *it)
{
	uint64_t seconds;

	(void)ev;
	if (num_u64(it->word, 3600, &seconds) == 0)
		(void)poll(NULL, 0, (int)seconds * 1000);
	return RES_DUNNO;
}

enum result r_unauth_pipelining(struct eval *ev, const struct item *it)
{
	(void)it;
	if (!ev->rq->illegal_pipelining)
		return RES_DUNNO;
	return access_reject(ev, REJECT_POLICY, 503, "5.5.0",
		"<" STR_FMT ">: %s rejected: Improper use of SMTP command pipelining",
		STR_ARG(ev->subject), ev->class);
}

enum result r_plaintext_session(struct eval *ev, const struct item *it)
{
	(void)it;
	if (ev->rq->tls)
		return RES_DUNNO;
	return access_reject(ev, REJECT_POLICY, (int)ev->a->s.plaintext_reject_code, "4.7.1",
		"Session encryption is required");
}

enum result access_answer(struct eval *ev, const struct item *it, enum lookup found,
	const struct buf *value, const struct why *why, struct str subject, const char *class)
{
	switch (found) {
	case LOOKUP_FOUND:
		return access_action(ev, table_spec(it->table->v[0]), buf_str(value), subject,
			subject, class);
	case LOOKUP_TEMPFAIL:
		note(ev->a->s.log, NOTE_WARN, "%s", why->text);
		return access_reject(ev, REJECT_ERROR, 451, "4.3.5",
			"<" STR_FMT ">: %s rejected: Server configuration error", STR_ARG(subject),
			class);
	case LOOKUP_NONE:
		break;
	}
	return RES_DUNNO;
}

bool access_resolve(struct eval *ev, struct str address, struct resolve_reply *ret,
	enum result *res)
{
	struct why why;

	router_resolve_raw(ev->a->s.router, ev->rq->has_sender ? ev->rq->sender : STR_EMPTY,
		address, ev->scratch, ret);
	if (!(ret->flags & RESOLVE_FAIL))
		return true;
	(void)why_set(&why, 0, "address resolver failure for \"" STR_FMT "\"", STR_ARG(address));
	*res = access_lookup_error(ev, address, &why);
	return false;
}

enum dns_status access_domain_exists(struct eval *ev, struct str domain)
{
	static const enum dns_type types[] = { DNS_MX, DNS_A, DNS_AAAA };
	enum dns_status worst = DNS_NXDOMAIN;
	struct dns_answer answer;
	struct why why;

	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		enum dns_status r = dns_lookup(ev->a->s.dns, domain, types[i], ev->scratch, &answer,
			&why);

		if (r == DNS_OK || r == DNS_NULLMX)
			return r;
		/* A record that cannot be told of outweighs one that is not there. */
		if (r == DNS_TEMPFAIL || r == DNS_FAIL)
			worst = DNS_TEMPFAIL;
		else if (r == DNS_INVALID && worst != DNS_TEMPFAIL)
			worst = DNS_INVALID;
		if (r == DNS_NXDOMAIN) /* no name, no records of other types */
			break;
	}
	return worst;
}
