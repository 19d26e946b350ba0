/* SPDX-License-Identifier: Apache-2.0 */
/*
 * access/mail.c — restrictions on sender, recipient and ETRN domain.
 *
 * Tables are asked for the address as resolve leaves it (domain appended, local routing undone);
 * replies name the address as the client gave it.
 */
#include "access/access_priv.h"
#include "address/address.h"
#include "net/addr.h"

enum result r_check_sender(struct eval *ev, const struct item *it)
{
	_cleanup_buf_ struct buf value = BUF_LOCAL(BUF_MEDIUM);
	const struct access_request *rq = ev->rq;
	struct resolve_reply to;
	enum result res;
	struct why why;
	enum lookup r;

	if (!rq->has_sender)
		return RES_DUNNO;
	if (rq->sender.len == 0) {
		r = tables_get(it->table, str_of(ev->a->s.smtpd_null_access_lookup_key), false,
			&value, &why);
	} else {
		if (!access_resolve(ev, rq->sender, &to, &res))
			return res;
		r = access_find_mail(ev, it->table, to.recipient, &value, &why);
	}
	return access_answer(ev, it, r, &value, &why, rq->sender, CLASS_SENDER);
}

enum result r_check_recipient(struct eval *ev, const struct item *it)
{
	_cleanup_buf_ struct buf value = BUF_LOCAL(BUF_MEDIUM);
	const struct access_request *rq = ev->rq;
	struct resolve_reply to;
	enum result res;
	struct why why;
	enum lookup r;

	if (!rq->has_recipient)
		return RES_DUNNO;
	if (!access_resolve(ev, rq->recipient, &to, &res))
		return res;
	r = access_find_mail(ev, it->table, to.recipient, &value, &why);
	res = access_answer(ev, it, r, &value, &why, rq->recipient, CLASS_RECIPIENT);
	/* Routing in the local part must not pass a table that knows the domain. */
	if (res == RES_OK && !ev->st->actions.discard && !ev->a->s.allow_untrusted_routing &&
		(to.flags & RESOLVE_ROUTED) && !(to.flags & RESOLVE_LOCAL))
		return RES_DUNNO;
	return res;
}

enum result r_check_etrn(struct eval *ev, const struct item *it)
{
	_cleanup_buf_ struct buf value = BUF_LOCAL(BUF_MEDIUM);
	struct why why;

	if (ev->rq->etrn.len == 0)
		return RES_DUNNO;
	return access_answer(ev, it, access_find_domain(ev, it->table, ev->rq->etrn, &value, &why),
		&value, &why, ev->rq->etrn, CLASS_ETRN);
}

static enum result non_fqdn(struct eval *ev, struct str address, const char *class)
{
	struct address_parts p = address_split(address);
	struct str domain = p.domain;

	if (domain.len > 1 && domain.ptr[domain.len - 1] == '.')
		domain.len--;
	if (p.has_at && domain.len > 0 && domain.ptr[0] == '[')
		return RES_DUNNO;
	if (p.has_at && net_hostname_ok(domain) && str_chr(domain, '.') >= 0)
		return RES_DUNNO;
	return access_reject(ev, REJECT_POLICY, (int)ev->a->s.non_fqdn_reject_code, "5.5.2",
		"<" STR_FMT ">: %s rejected: need fully-qualified address", STR_ARG(address),
		class);
}

enum result r_non_fqdn_sender(struct eval *ev, const struct item *it)
{
	(void)it;
	if (!ev->rq->has_sender || ev->rq->sender.len == 0)
		return RES_DUNNO;
	return non_fqdn(ev, ev->rq->sender, CLASS_SENDER);
}

enum result r_non_fqdn_recipient(struct eval *ev, const struct item *it)
{
	(void)it;
	if (!ev->rq->has_recipient || ev->rq->recipient.len == 0)
		return RES_DUNNO;
	return non_fqdn(ev, ev->rq->recipient, CLASS_RECIPIENT);
}

/* The domain of an address that is not ours must be in the DNS. */
static enum result unknown_domain(struct eval *ev, struct str address, const char *class,
	bool sender)
{
	const char *text = "Domain not found";
	const char *dsn = sender ? "4.1.8" : "4.1.2";
	struct resolve_reply to;
	struct str domain;
	enum result res;

	if (!access_resolve(ev, address, &to, &res))
		return res;
	domain = address_split(to.recipient).domain;
	if ((to.flags & (RESOLVE_LOCAL | RESOLVE_ALIAS | RESOLVE_VIRTUAL)) || domain.len == 0 ||
		domain.ptr[0] == '[' || domain.ptr[0] == '#')
		return RES_DUNNO;
	switch (access_domain_exists(ev, domain)) {
	case DNS_OK:
	case DNS_POLICY:
		return RES_DUNNO;
	case DNS_NULLMX:
		return access_reject(ev, REJECT_POLICY, sender ? 550 : 556,
			sender ? "5.7.27" : "5.1.10",
			"<" STR_FMT ">: %s rejected: Domain " STR_FMT
			" does not accept mail (nullMX)",
			STR_ARG(address), class, STR_ARG(domain));
	case DNS_TEMPFAIL:
	case DNS_FAIL:
		return access_tempfail(ev, ev->a->address_tempfail_defer, 450, dsn,
			"<" STR_FMT ">: %s rejected: Domain not found", STR_ARG(address), class);
	case DNS_INVALID:
		text = "Malformed DNS server reply";
		break;
	case DNS_NXDOMAIN:
	case DNS_NODATA:
		break;
	}
	return access_reject(ev, REJECT_POLICY, (int)ev->a->s.unknown_address_reject_code, dsn,
		"<" STR_FMT ">: %s rejected: %s", STR_ARG(address), class, text);
}

enum result r_unknown_sender_domain(struct eval *ev, const struct item *it)
{
	(void)it;
	if (!ev->rq->has_sender || ev->rq->sender.len == 0)
		return RES_DUNNO;
	return unknown_domain(ev, ev->rq->sender, CLASS_SENDER, true);
}

enum result r_unknown_recipient_domain(struct eval *ev, const struct item *it)
{
	(void)it;
	if (!ev->rq->has_recipient || ev->rq->recipient.len == 0)
		return RES_DUNNO;
	return unknown_domain(ev, ev->rq->recipient, CLASS_RECIPIENT, false);
}

enum result r_multi_recipient_bounce(struct eval *ev, const struct item *it)
{
	const struct access_request *rq = ev->rq;
	/* At RCPT the present recipient is not counted yet. */
	size_t n = rq->recipient_count + (ev->point == ACCESS_RCPT ? 1 : 0);

	(void)it;
	if (!rq->has_sender || rq->sender.len > 0 || n < 2)
		return RES_DUNNO;
	return access_reject(ev, REJECT_POLICY, (int)ev->a->s.multi_recipient_bounce_reject_code,
		"5.5.3", "<" STR_FMT ">: %s rejected: Multi-recipient bounce", STR_ARG(ev->subject),
		ev->class);
}
