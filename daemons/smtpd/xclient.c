/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtpd/xclient.c — XCLIENT and XFORWARD: a trusted peer says who the client is.
 *
 * XCLIENT replaces the client for everything, XFORWARD only what is logged. Nothing of a command
 * takes effect unless all of it is good.
 */
#include <errno.h>

#include "base/encode.h"
#include "base/num.h"
#include "base/text.h"
#include "net/addr.h"
#include "net/socket.h"
#include "smtpd.h"

#define MAX_VALUE 255
#define MAX_PROTO 64
#define TOLD_MAX  ((size_t)64 * 1024)

static int error(struct session *s, const char *text)
{
	s->error_mask |= NOTIFY_PROTOCOL;
	reply(s, "%s", text);
	return -1;
}

static int bad_value(struct session *s, struct str name, struct str value)
{
	s->error_mask |= NOTIFY_PROTOCOL;
	reply(s, "501 5.5.4 Bad " STR_FMT " syntax: " STR_FMT, STR_ARG(name), STR_ARG(value));
	return -1;
}

static bool is_unavailable(struct str v)
{
	return str_ieq(v, STR("[UNAVAILABLE]"));
}

static bool is_tempunavail(struct str v)
{
	return str_ieq(v, STR("[TEMPUNAVAIL]"));
}

/* Split "NAME=xtext"; *ret_value is decoded and printable. -1: replied. */
static int split(struct session *s, struct str word, const char *command, struct str *ret_name,
	struct str *ret_value)
{
	_cleanup_buf_ struct buf b = BUF_LOCAL(BUF_SMALL), clean = BUF_LOCAL(BUF_SMALL);
	ptrdiff_t eq = str_chr(word, '=');
	struct str raw;

	(void)command;
	if (eq <= 0)
		return error(s, "501 5.5.4 Error: attribute=value expected");
	*ret_name = str_head(word, (size_t)eq);
	raw = str_skip(word, (size_t)eq + 1);
	if (raw.len > MAX_VALUE)
		return error(s, "501 5.5.4 Error: attribute value too long");
	if (xtext_decode(&b, raw) < 0)
		return bad_value(s, *ret_name, raw);
	text_printable(&clean, buf_str(&b), s->c->smtputf8_enable);
	*ret_value = arena_str(s->scratch, buf_str(&clean));
	return 0;
}

/* A numeric address whose protocol is enabled. */
static bool parse_addr(const struct session *s, struct str text, struct net_addr *ret)
{
	if (net_addr_parse(text, 0, ret) < 0)
		return false;
	net_addr_unmap(ret);
	if (ret->sa.sa_family == AF_INET6)
		return (s->p->families & NET_IPV6) != 0;
	return (s->p->families & NET_IPV4) != 0;
}

static bool port_ok(struct str v)
{
	uint64_t n;

	return num_u64(v, 65535, &n) == 0;
}

struct xclient {
	struct peer peer;
	struct str helo;
	const char *protocol;
	bool has_name, has_reverse;
};

static int x_name(struct str v, struct str *ret_name, enum access_name *ret_status)
{
	*ret_name = STR("unknown");
	if (is_unavailable(v)) {
		*ret_status = ACCESS_NAME_NONE;
	} else if (is_tempunavail(v)) {
		*ret_status = ACCESS_NAME_TEMP;
	} else if (net_hostname_ok(v)) {
		*ret_name = v;
		*ret_status = ACCESS_NAME_OK;
	} else {
		return -EINVAL;
	}
	return 0;
}

static int x_addr(struct session *s, struct str v, struct str *ret_addr, int *ret_family)
{
	char text[NET_ADDR_TEXT];
	struct net_addr a;

	if (is_unavailable(v)) {
		*ret_addr = STR("unknown");
		*ret_family = AF_UNSPEC;
		return 0;
	}
	if (!parse_addr(s, v, &a))
		return -EINVAL;
	net_addr_text(&a, text);
	*ret_addr = arena_str(s->scratch, str_of(text));
	*ret_family = a.sa.sa_family;
	return 0;
}

static int x_port(struct str v, struct str *ret)
{
	if (is_unavailable(v))
		*ret = STR("unknown");
	else if (port_ok(v))
		*ret = v;
	else
		return -EINVAL;
	return 0;
}

static int x_proto(struct str v, const char **ret)
{
	if (str_ieq(v, STR("ESMTP")))
		*ret = "ESMTP";
	else if (str_ieq(v, STR("SMTP")))
		*ret = "SMTP";
	else
		return -EINVAL;
	return 0;
}

/* One attribute: 0; -EINVAL bad value; -ENOENT bad name. */
static int xclient_attr(struct session *s, struct xclient *x, struct str name, struct str v)
{
	int family;

	if (str_ieq(name, STR("NAME"))) {
		x->has_name = true;
		return x_name(v, &x->peer.name, &x->peer.name_status);
	}
	if (str_ieq(name, STR("REVERSE_NAME"))) {
		x->has_reverse = true;
		return x_name(v, &x->peer.reverse_name, &x->peer.reverse_status);
	}
	if (str_ieq(name, STR("ADDR")))
		return x_addr(s, v, &x->peer.addr, &x->peer.family);
	if (str_ieq(name, STR("PORT")))
		return x_port(v, &x->peer.port);
	if (str_ieq(name, STR("DESTADDR")))
		return x_addr(s, v, &x->peer.dest_addr, &family);
	if (str_ieq(name, STR("DESTPORT")))
		return x_port(v, &x->peer.dest_port);
	if (str_ieq(name, STR("HELO"))) {
		x->helo = is_unavailable(v) ? STR_EMPTY : v;
		return 0;
	}
	if (str_ieq(name, STR("PROTO")))
		return x_proto(v, &x->protocol);
	return -ENOENT;
}

static int bad_name(struct session *s, const char *command, struct str name)
{
	s->error_mask |= NOTIFY_PROTOCOL;
	reply(s, "501 5.5.4 Bad %s attribute name: " STR_FMT, command, STR_ARG(name));
	return -1;
}

static int may_use(struct session *s, bool allowed, const char *syntax, size_t words)
{
	if (s->m.has_sender)
		return error(s, "503 5.5.1 Error: MAIL transaction in progress");
	if (words < 2)
		return error(s, syntax);
	if (!allowed) {
		s->error_mask |= NOTIFY_POLICY;
		return error(s, "550 5.7.0 Error: insufficient authorization");
	}
	return 0;
}

/* What both commands said last is kept together, so that saying it often costs nothing. */
static void copy_told(struct arena *a, struct peer *p, struct xforward *xf)
{
	struct str *const all[] = { &p->name, &p->reverse_name, &p->addr, &p->port, &p->dest_addr,
		&p->dest_port, &p->namaddr, &p->rfc_addr, &xf->name, &xf->addr, &xf->port,
		&xf->proto, &xf->helo, &xf->ident, &xf->domain };

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		*all[i] = arena_str(a, *all[i]);
}

static void keep_told(struct session *s, struct peer peer, struct xforward xf)
{
	copy_told(s->scratch, &peer, &xf); /* out of the arena that is cleared now */
	if (s->told == NULL)
		s->told = arena_new(TOLD_MAX);
	arena_clear(s->told);
	copy_told(s->told, &peer, &xf);
	s->peer = peer;
	s->xf = xf;
}

int cmd_xclient(struct session *s, const struct smtp_command *cmd)
{
	struct xclient x = { .peer = s->peer, .protocol = "SMTP" };

	if (may_use(s, s->may_xclient && !(s->ehlo_discard & EHLO_XCLIENT),
		    "501 5.5.4 Syntax: XCLIENT attribute=value...", cmd->n) < 0)
		return -1;
	for (size_t i = 1; i < cmd->n; i++) {
		struct str name, value;
		int r;

		if (split(s, cmd->v[i].text, "XCLIENT", &name, &value) < 0)
			return -1;
		r = xclient_attr(s, &x, name, value);
		if (r == -ENOENT)
			return bad_name(s, "XCLIENT", name);
		if (r < 0)
			return bad_value(s, name, value);
	}
	if (x.has_name && !x.has_reverse) {
		x.peer.reverse_name = x.peer.name;
		x.peer.reverse_status = x.peer.name_status;
	}
	peer_finish(s, &x.peer, s->scratch);
	session_reset(s);
	access_state_end_helo(&s->acc);
	keep_told(s, x.peer, s->xf);
	session_set_helo(s, x.helo);
	s->protocol = x.protocol;
	s->illegal_pipelining = false;
	session_client_rights(s);
	s->restart = true;
	return 0;
}

static int xf_name(struct str v, struct str *ret)
{
	if (is_unavailable(v))
		*ret = STR("unknown");
	else if (net_hostname_ok(v))
		*ret = v;
	else
		return -EINVAL;
	return 0;
}

/* Free text; [UNAVAILABLE] leaves it empty. */
static int xf_text(struct str v, size_t max, struct str *ret)
{
	if (v.len > max)
		return -EINVAL;
	*ret = is_unavailable(v) ? STR_EMPTY : v;
	return 0;
}

static int xf_source(struct str v, struct str *ret)
{
	if (!is_unavailable(v) && !str_ieq(v, STR("LOCAL")) && !str_ieq(v, STR("REMOTE")))
		return -EINVAL;
	return xf_text(v, MAX_VALUE, ret);
}

/* One attribute: 0; -EINVAL bad value; -ENOENT bad name. SOURCE changes nothing that is logged. */
static int xforward_attr(struct session *s, struct xforward *xf, struct str name, struct str v)
{
	int family;

	if (str_ieq(name, STR("SOURCE")))
		return xf_source(v, &xf->domain);
	xf->any = true;
	if (str_ieq(name, STR("NAME")))
		return xf_name(v, &xf->name);
	if (str_ieq(name, STR("ADDR")))
		return x_addr(s, v, &xf->addr, &family);
	if (str_ieq(name, STR("PORT")))
		return x_port(v, &xf->port);
	if (str_ieq(name, STR("PROTO")))
		return xf_text(v, MAX_PROTO, &xf->proto);
	if (str_ieq(name, STR("HELO")))
		return xf_text(v, MAX_VALUE, &xf->helo);
	if (str_ieq(name, STR("IDENT")))
		return xf_text(v, MAX_VALUE, &xf->ident);
	return -ENOENT;
}

int cmd_xforward(struct session *s, const struct smtp_command *cmd)
{
	struct xforward xf = s->xf;

	if (may_use(s, s->may_xforward && !(s->ehlo_discard & EHLO_XFORWARD),
		    "501 5.5.4 Syntax: XFORWARD attribute=value...", cmd->n) < 0)
		return -1;
	for (size_t i = 1; i < cmd->n; i++) {
		struct str name, value;
		int r;

		if (split(s, cmd->v[i].text, "XFORWARD", &name, &value) < 0)
			return -1;
		r = xforward_attr(s, &xf, name, value);
		if (r == -ENOENT)
			return bad_name(s, "XFORWARD", name);
		if (r < 0)
			return bad_value(s, name, value);
	}
	keep_told(s, s->peer, xf);
	reply(s, "250 2.0.0 Ok");
	return 0;
}
