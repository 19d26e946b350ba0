/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtpd/peer.c — who is at the other end: address, and a name that both directions confirm.
 *
 * The system's resolver is asked (getnameinfo, getaddrinfo), so /etc/hosts and nsswitch.conf count,
 * unless dns_servers is set.
 */
#include <netdb.h>

#include "net/socket.h"
#include "smtpd.h"

static const struct str unknown = { "unknown", 7 };

static bool is_numeric_name(struct str name)
{
	struct net_addr a;

	return net_addr_parse(name, 0, &a) == 0;
}

/* A name from the resolver that can be shown; PTR records hold what their owner likes (D10). */
static bool name_ok(struct session *s, struct str name, const struct peer *peer)
{
	if (is_numeric_name(name)) {
		log_warn("numeric hostname: " STR_FMT, STR_ARG(name));
		return false;
	}
	if (!net_hostname_ok(name)) {
		log_warn("hostname " STR_FMT " of address " STR_FMT " is malformed", STR_ARG(name),
			STR_ARG(peer->addr));
		return false;
	}
	(void)s;
	return true;
}

static enum access_name eai_status(int e)
{
	return e == EAI_AGAIN || e == EAI_SYSTEM || e == EAI_MEMORY ? ACCESS_NAME_TEMP
								    : ACCESS_NAME_NONE;
}

static bool same_host(const struct addrinfo *ai, const struct net_addr *addr)
{
	for (; ai != NULL; ai = ai->ai_next) {
		struct net_addr a = { .len = ai->ai_addrlen };

		if (ai->ai_addrlen > sizeof(a.ss))
			continue;
		memcpy(&a.ss, ai->ai_addr, ai->ai_addrlen);
		if (net_addr_eq(&a, addr, false))
			return true;
	}
	return false;
}

static void native_forward(const struct net_addr *addr, const char *host, struct peer *peer)
{
	struct addrinfo hints = { .ai_family = addr->sa.sa_family, .ai_socktype = SOCK_STREAM };
	struct addrinfo *ai = NULL;
	int e = getaddrinfo(host, NULL, &hints, &ai);

	if (e != 0) {
		log_warn("hostname %s does not resolve to address " STR_FMT ": %s", host,
			STR_ARG(peer->addr), gai_strerror(e));
		peer->name_status = eai_status(e) == ACCESS_NAME_TEMP ? ACCESS_NAME_TEMP
								      : ACCESS_NAME_FORGED;
		return;
	}
	if (same_host(ai, addr)) {
		peer->name_status = ACCESS_NAME_OK;
	} else {
		log_warn("hostname %s does not resolve to address " STR_FMT, host,
			STR_ARG(peer->addr));
		peer->name_status = ACCESS_NAME_FORGED;
	}
	freeaddrinfo(ai);
}

static void native_names(struct session *s, const struct net_addr *addr, struct peer *peer)
{
	char host[NI_MAXHOST];
	int e = getnameinfo(&addr->sa, addr->len, host, sizeof(host), NULL, 0, NI_NAMEREQD);

	if (e != 0) {
		peer->name_status = peer->reverse_status = eai_status(e);
		return;
	}
	if (!name_ok(s, str_of(host), peer)) {
		peer->name_status = peer->reverse_status = ACCESS_NAME_NONE;
		return;
	}
	peer->reverse_name = arena_str(s->arena, str_of(host));
	peer->reverse_status = ACCESS_NAME_OK;
	native_forward(addr, host, peer);
}

static enum access_name dns_state(enum dns_status r)
{
	return r == DNS_TEMPFAIL || r == DNS_FAIL ? ACCESS_NAME_TEMP : ACCESS_NAME_NONE;
}

static void dns_forward(struct session *s, const struct net_addr *addr, struct peer *peer)
{
	enum dns_type type = addr->sa.sa_family == AF_INET6 ? DNS_AAAA : DNS_A;
	struct dns_answer answer;
	struct why why = { .text = "" };
	enum dns_status r = dns_lookup(s->p->dns, peer->reverse_name, type, s->scratch, &answer,
		&why);

	peer->name_status = ACCESS_NAME_FORGED;
	if (r != DNS_OK) {
		log_warn("hostname " STR_FMT " does not resolve to address " STR_FMT ": %s",
			STR_ARG(peer->reverse_name), STR_ARG(peer->addr), why.text);
		if (dns_state(r) == ACCESS_NAME_TEMP)
			peer->name_status = ACCESS_NAME_TEMP;
		return;
	}
	for (const struct dns_rr *rr = answer.rr; rr != NULL; rr = rr->next)
		if (rr->type == type && net_addr_eq(&rr->addr, addr, false))
			peer->name_status = ACCESS_NAME_OK;
	if (peer->name_status != ACCESS_NAME_OK)
		log_warn("hostname " STR_FMT " does not resolve to address " STR_FMT,
			STR_ARG(peer->reverse_name), STR_ARG(peer->addr));
}

static void dns_names(struct session *s, const struct net_addr *addr, struct peer *peer)
{
	struct dns_answer answer;
	struct why why;
	enum dns_status r = dns_reverse(s->p->dns, addr, s->scratch, &answer, &why);
	const struct dns_rr *rr = r == DNS_OK ? answer.rr : NULL;

	while (rr != NULL && rr->type != DNS_PTR)
		rr = rr->next;
	if (rr == NULL || !name_ok(s, rr->target, peer)) {
		peer->name_status = peer->reverse_status = r == DNS_OK ? ACCESS_NAME_NONE
								       : dns_state(r);
		return;
	}
	peer->reverse_name = arena_str(s->arena, rr->target);
	peer->reverse_status = ACCESS_NAME_OK;
	dns_forward(s, addr, peer);
}

void peer_names(struct session *s, const struct net_addr *addr, struct peer *peer)
{
	peer->name = peer->reverse_name = unknown;
	peer->name_status = peer->reverse_status = ACCESS_NAME_NONE;
	if (!s->c->smtpd_peername_lookup)
		return;
	if (s->p->native_names)
		native_names(s, addr, peer);
	else
		dns_names(s, addr, peer);
	if (peer->name_status == ACCESS_NAME_OK)
		peer->name = peer->reverse_name;
}

void peer_finish(const struct session *s, struct peer *peer, struct arena *a)
{
	if (s->c->smtpd_client_port_logging)
		peer->namaddr = arena_fmt(a, STR_FMT "[" STR_FMT "]:" STR_FMT, STR_ARG(peer->name),
			STR_ARG(peer->addr), STR_ARG(peer->port));
	else
		peer->namaddr = arena_fmt(a, STR_FMT "[" STR_FMT "]", STR_ARG(peer->name),
			STR_ARG(peer->addr));
	if (peer->family == AF_INET6)
		peer->rfc_addr = arena_fmt(a, "IPv6:" STR_FMT, STR_ARG(peer->addr));
	else
		peer->rfc_addr = peer->addr;
}

static void take_addr(struct session *s, const struct net_addr *a, struct str *ret_addr,
	struct str *ret_port)
{
	char text[NET_ADDR_TEXT];

	net_addr_text(a, text);
	*ret_addr = arena_str(s->arena, str_of(text));
	*ret_port = arena_fmt(s->arena, "%u", (unsigned)net_addr_port(a));
}

/* Standard input, a UNIX-domain socket: this host. */
static void local_peer(struct session *s, struct peer *peer)
{
	peer->name = peer->reverse_name = STR("localhost");
	peer->addr = STR("127.0.0.1");
	peer->port = STR("0");
	peer->dest_addr = peer->addr;
	peer->dest_port = peer->port;
	peer->family = AF_UNSPEC;
	peer->name_status = peer->reverse_status = ACCESS_NAME_OK;
	peer_finish(s, peer, s->arena);
}

void peer_init(struct session *s)
{
	const struct service_client *client = s->client;
	struct net_addr addr, local;
	struct peer *peer = &s->peer;

	if (client->from_pass) {
		addr = client->pass_client;
		local = client->pass_server;
	} else if (client->peer.sa.sa_family == AF_INET || client->peer.sa.sa_family == AF_INET6) {
		addr = client->peer;
		if (!net_local(stream_fd(s->io), &local))
			local = addr;
	} else {
		local_peer(s, peer);
		return;
	}
	net_addr_unmap(&addr);
	net_addr_unmap(&local);
	peer->family = addr.sa.sa_family;
	take_addr(s, &addr, &peer->addr, &peer->port);
	take_addr(s, &local, &peer->dest_addr, &peer->dest_port);
	peer_names(s, &addr, peer);
	peer_finish(s, peer, s->arena);
}
