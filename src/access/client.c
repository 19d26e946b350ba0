/* SPDX-License-Identifier: Apache-2.0 */
/*
 * access/client.c — restrictions on the client's address and names.
 */
#include "access/access_priv.h"
#include "net/addr.h"

enum result r_unknown_client(struct eval *ev, const struct item *it)
{
	(void)it;
	if (ev->rq->name_status == ACCESS_NAME_OK)
		return RES_DUNNO;
	return access_reject(ev, REJECT_POLICY,
		ev->rq->name_status == ACCESS_NAME_TEMP ? 450
							: (int)ev->a->s.unknown_client_reject_code,
		"4.7.25", "Client host rejected: cannot find your hostname, [" STR_FMT "]",
		STR_ARG(ev->rq->addr));
}

enum result r_unknown_reverse_client(struct eval *ev, const struct item *it)
{
	(void)it;
	if (ev->rq->reverse_status == ACCESS_NAME_OK)
		return RES_DUNNO;
	return access_reject(ev, REJECT_POLICY,
		ev->rq->reverse_status == ACCESS_NAME_TEMP
			? 450
			: (int)ev->a->s.unknown_client_reject_code,
		"4.7.1", "Client host rejected: cannot find your reverse hostname, [" STR_FMT "]",
		STR_ARG(ev->rq->addr));
}

static bool is_own_addr(const struct eval *ev)
{
	const struct access_settings *s = &ev->a->s;
	struct net_addr addr;

	if (net_addr_parse(ev->rq->addr, 0, &addr) < 0)
		return false;
	for (size_t i = 0; i < s->n_own_addrs; i++)
		if (net_addr_eq(&s->own_addrs[i], &addr, false))
			return true;
	return false;
}

enum result r_inet_interfaces(struct eval *ev, const struct item *it)
{
	if (ev->rq->no_socket_addr || !is_own_addr(ev))
		return RES_DUNNO;
	return access_permit(ev, it->name, CLASS_CLIENT, ev->rq->client, NULL);
}

enum result r_mynetworks(struct eval *ev, const struct item *it)
{
	struct why why = { .text = "mynetworks: lookup failed" };

	switch (match_client(ev->a->mynetworks, ev->rq->name, ev->rq->addr, &why)) {
	case LOOKUP_FOUND:
		if (ev->a->s.mynetworks_legacy && !is_own_addr(ev))
			note(ev->a->s.log, NOTE_INFO,
				"using backwards-compatible default setting "
				"mynetworks_style=subnet to permit request from client \"" STR_FMT
				"\"",
				STR_ARG(ev->rq->client));
		return access_permit(ev, it->name, CLASS_CLIENT, ev->rq->client, NULL);
	case LOOKUP_TEMPFAIL:
		return access_lookup_error(ev, ev->rq->client, &why);
	case LOOKUP_NONE:
		break;
	}
	return RES_DUNNO;
}

enum result r_sasl_authenticated(struct eval *ev, const struct item *it)
{
	if (ev->rq->sasl_username.len == 0)
		return RES_DUNNO;
	return access_permit(ev, it->name, CLASS_CLIENT, ev->rq->client, NULL);
}

/* Name and its parents, then address and its networks. */
static enum lookup find_namaddr(struct eval *ev, const struct tables *t, struct str name,
	struct buf *value, struct why *why)
{
	enum lookup r = access_find_domain(ev, t, name, value, why);

	return r != LOOKUP_NONE ? r : access_find_addr(ev, t, ev->rq->addr, value, why);
}

enum result r_check_client(struct eval *ev, const struct item *it)
{
	_cleanup_buf_ struct buf value = BUF_LOCAL(BUF_MEDIUM);
	struct why why;
	enum lookup r = find_namaddr(ev, it->table, ev->rq->name, &value, &why);

	return access_answer(ev, it, r, &value, &why, ev->rq->client, CLASS_CLIENT);
}

/* Tables about names that the client's owner chose freely must not permit. */
static enum result no_permit(struct eval *ev, const char *restriction, struct str subject,
	enum result r)
{
	if (r != RES_OK || ev->st->actions.discard)
		return r;
	note(ev->a->s.log, NOTE_WARN, "restriction %s returns OK for " STR_FMT, restriction,
		STR_ARG(subject));
	note(ev->a->s.log, NOTE_WARN, "this is not allowed for security reasons");
	return access_config_error(ev, "use DUNNO instead of OK if you want to make an exception");
}

enum result r_check_reverse_client(struct eval *ev, const struct item *it)
{
	_cleanup_buf_ struct buf value = BUF_LOCAL(BUF_MEDIUM);
	struct why why;
	enum lookup r = find_namaddr(ev, it->table, ev->rq->reverse_name, &value, &why);

	return no_permit(ev, it->name, ev->rq->reverse_name,
		access_answer(ev, it, r, &value, &why, ev->rq->reverse_name, CLASS_REVERSE));
}

enum result r_check_sasl(struct eval *ev, const struct item *it)
{
	_cleanup_buf_ struct buf value = BUF_LOCAL(BUF_MEDIUM);
	struct why why;

	if (ev->rq->sasl_username.len == 0)
		return RES_DUNNO;
	return access_answer(ev, it,
		tables_get(it->table, ev->rq->sasl_username, false, &value, &why), &value, &why,
		ev->rq->sasl_username, CLASS_SASL);
}

/* local_header_rewrite_clients: any result means yes. */
enum result r_check_address_map(struct eval *ev, const struct item *it)
{
	_cleanup_buf_ struct buf value = BUF_LOCAL(BUF_MEDIUM);
	struct why why;

	switch (find_namaddr(ev, it->table, ev->rq->name, &value, &why)) {
	case LOOKUP_FOUND:
		return RES_OK;
	case LOOKUP_TEMPFAIL:
		return access_lookup_error(ev, ev->rq->client, &why);
	case LOOKUP_NONE:
		break;
	}
	return RES_DUNNO;
}
