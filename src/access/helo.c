/* SPDX-License-Identifier: Apache-2.0 */
/*
 * access/helo.c — restrictions on the name in HELO and EHLO. Without one they have no opinion.
 */
#include "access/access_priv.h"
#include "net/addr.h"

enum result r_check_helo(struct eval *ev, const struct item *it)
{
	_cleanup_buf_ struct buf value = BUF_LOCAL(BUF_MEDIUM);
	struct why why;

	if (ev->rq->helo.len == 0)
		return RES_DUNNO;
	return access_answer(ev, it, access_find_domain(ev, it->table, ev->rq->helo, &value, &why),
		&value, &why, ev->rq->helo, CLASS_HELO);
}

bool access_literal_ok(struct str name)
{
	struct net_addr addr;
	struct str inner;
	bool v6;

	if (name.len < 2 || name.ptr[0] != '[' || name.ptr[name.len - 1] != ']')
		return net_addr_parse(name, 0, &addr) == 0;
	inner = str_from(name.ptr + 1, name.len - 2);
	v6 = str_istarts(inner, STR("IPv6:"));
	return net_addr_parse(inner, 0, &addr) == 0 && (addr.sa.sa_family == AF_INET6) == v6;
}

static enum result bad_literal(struct eval *ev)
{
	if (access_literal_ok(ev->rq->helo))
		return RES_DUNNO;
	return access_reject(ev, REJECT_POLICY, (int)ev->a->s.invalid_hostname_reject_code, "5.5.2",
		"<" STR_FMT ">: %s rejected: invalid ip address", STR_ARG(ev->rq->helo),
		CLASS_HELO);
}

/* One dot at the end is tolerated. */
static struct str without_dot(struct str name)
{
	if (name.len > 1 && name.ptr[name.len - 1] == '.')
		name.len--;
	return name;
}

/* A host name that is not made of digits and dots only. */
static bool name_ok(struct str name)
{
	size_t i = 0;

	while (i < name.len && (is_digit((unsigned char)name.ptr[i]) || name.ptr[i] == '.'))
		i++;
	return i < name.len && net_hostname_ok(name);
}

enum result r_invalid_helo(struct eval *ev, const struct item *it)
{
	struct str name = without_dot(ev->rq->helo);

	(void)it;
	if (name.len == 0)
		return RES_DUNNO;
	if (name.ptr[0] == '[')
		return bad_literal(ev);
	if (name_ok(name) || access_literal_ok(name))
		return RES_DUNNO;
	return access_reject(ev, REJECT_POLICY, (int)ev->a->s.invalid_hostname_reject_code, "5.5.2",
		"<" STR_FMT ">: %s rejected: Invalid name", STR_ARG(ev->rq->helo), CLASS_HELO);
}

enum result r_non_fqdn_helo(struct eval *ev, const struct item *it)
{
	struct str name = without_dot(ev->rq->helo);

	(void)it;
	if (name.len == 0)
		return RES_DUNNO;
	if (name.ptr[0] == '[')
		return bad_literal(ev);
	if (name_ok(name) && str_chr(name, '.') >= 0)
		return RES_DUNNO;
	return access_reject(ev, REJECT_POLICY, (int)ev->a->s.non_fqdn_reject_code, "5.5.2",
		"<" STR_FMT ">: %s rejected: need fully-qualified hostname", STR_ARG(ev->rq->helo),
		CLASS_HELO);
}

enum result r_unknown_helo(struct eval *ev, const struct item *it)
{
	struct str helo = ev->rq->helo;
	const char *text = "Host not found";

	(void)it;
	if (helo.len == 0)
		return RES_DUNNO;
	if (helo.ptr[0] == '[')
		return bad_literal(ev);
	switch (access_domain_exists(ev, helo)) {
	case DNS_OK:
	case DNS_NULLMX:
	case DNS_POLICY:
		return RES_DUNNO;
	case DNS_TEMPFAIL:
	case DNS_FAIL:
		return access_tempfail(ev, ev->a->helo_tempfail_defer, 450, "4.7.1",
			"<" STR_FMT ">: %s rejected: Host not found", STR_ARG(helo), CLASS_HELO);
	case DNS_INVALID:
		text = "Malformed DNS server reply";
		break;
	case DNS_NXDOMAIN:
	case DNS_NODATA:
		break;
	}
	return access_reject(ev, REJECT_POLICY, (int)ev->a->s.unknown_hostname_reject_code, "4.7.1",
		"<" STR_FMT ">: %s rejected: %s", STR_ARG(helo), CLASS_HELO, text);
}
