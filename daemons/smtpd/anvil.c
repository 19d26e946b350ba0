/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtpd/anvil.c — counting events of a client at the anvil service, and their limits.
 *
 * When the service is not there nothing is limited: it protects, it must not stop mail.
 */
#include <errno.h>

#include "net/addr.h"
#include "smtpd.h"

/* The client, or the network that stands for it. */
static void client_range(const struct session *s, struct buf *b)
{
	bool v6 = s->peer.family == AF_INET6;
	int64_t bits = v6 ? s->c->smtpd_client_ipv6_prefix_length
			  : s->c->smtpd_client_ipv4_prefix_length;
	struct net_addr a;

	if (bits >= (v6 ? 128 : 32) || net_addr_parse(s->peer.addr, 0, &a) < 0)
		buf_put(b, s->peer.addr);
	else
		net_addr_network(b, &a, (unsigned)bits);
}

static int ask(struct session *s, const char *request, struct attr_list *ret)
{
	_cleanup_buf_ struct buf b = BUF_LOCAL(BUF_SMALL), ident = BUF_LOCAL(BUF_SMALL);
	struct why why;
	int status = 0, r;

	buf_putf(&ident, "%s:", s->p->service);
	client_range(s, &ident);
	if (attr_put_str(&b, ATTR_PLAIN, "request", str_of(request)) < 0 ||
		attr_put_str(&b, ATTR_PLAIN, "ident", buf_str(&ident)) < 0 ||
		attr_put_end(&b, ATTR_PLAIN) < 0)
		return -EMSGSIZE;
	r = ipc_call(s->p->anvil, buf_str(&b), BUF_SMALL, s->scratch, ret, &why);
	if (r < 0) {
		log_warn("problem talking to service private/anvil: %s", why.text);
		return r;
	}
	r = attr_int(ret, "status", &status);
	return r < 0 || status != 0 ? -EPROTO : 0;
}

static bool over(struct session *s, struct attr_list *l, const char *name, int64_t limit,
	const char *what)
{
	int n;

	if (limit <= 0 || attr_int(l, name, &n) < 0 || n <= limit)
		return false;
	log_warn("%s limit exceeded: %d from " STR_FMT " for service %s", what, n,
		STR_ARG(s->peer.namaddr), s->p->service);
	return true;
}

bool anvil_count(struct session *s, enum anvil_event event)
{
	static const char *const requests[] = { "connect", "disconnect", "message", "recipient" };
	const struct smtpd_conf *c = s->c;
	struct attr_list l;

	if (s->p->anvil == NULL || !s->count_events)
		return false;
	if (event == ANVIL_MESSAGE && c->smtpd_client_message_rate_limit <= 0)
		return false;
	if (event == ANVIL_RECIPIENT && c->smtpd_client_recipient_rate_limit <= 0)
		return false;
	if (ask(s, requests[event], &l) < 0)
		return false;
	switch (event) {
	case ANVIL_CONNECT:
		if (over(s, &l, "count", c->smtpd_client_connection_count_limit,
			    "Connection concurrency"))
			return true;
		return over(s, &l, "rate", c->smtpd_client_connection_rate_limit,
			"Connection rate");
	case ANVIL_MESSAGE:
		return over(s, &l, "rate", c->smtpd_client_message_rate_limit,
			"Message delivery request rate");
	case ANVIL_RECIPIENT:
		return over(s, &l, "rate", c->smtpd_client_recipient_rate_limit,
			"Recipient address rate");
	case ANVIL_DISCONNECT:
		break;
	}
	return false;
}
