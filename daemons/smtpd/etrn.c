/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtpd/etrn.c — ETRN: deliver the mail for a site now, through the flush service.
 */
#include <errno.h>

#include "net/addr.h"
#include "net/socket.h"
#include "smtpd.h"

/* Answers of the flush service. */
#define FLUSH_OK   0
#define FLUSH_BAD  3
#define FLUSH_DENY 4

/* Ask the service: its status, or negative errno. */
static int flush_site(struct session *s, struct str site)
{
	struct ipc_client_settings set = { .path = s->p->flush_path,
		.protocol = "queue_flush_protocol",
		.enc = ATTR_NUL,
		.timeout = s->c->ipc_timeout };
	_cleanup_buf_ struct buf b = BUF_LOCAL(BUF_SMALL);
	struct ipc_client *client;
	struct attr_list l;
	struct why why;
	int status = 0, r;

	if (attr_put_str(&b, ATTR_NUL, "request", STR("send_site")) < 0 ||
		attr_put_str(&b, ATTR_NUL, "site", site) < 0 || attr_put_end(&b, ATTR_NUL) < 0)
		return -EMSGSIZE;
	client = ipc_client_new(&set);
	r = ipc_call(client, buf_str(&b), BUF_SMALL, s->scratch, &l, &why);
	if (r == 0)
		r = attr_int(&l, "status", &status);
	if (r < 0)
		log_warn("cannot talk to service %s: %s", s->p->flush_path, why.text);
	ipc_client_free(client);
	return r < 0 ? r : status;
}

static bool site_ok(struct str site)
{
	struct net_addr a;

	if (site.len > 2 && site.ptr[0] == '[' && site.ptr[site.len - 1] == ']')
		return net_addr_parse(site, 0, &a) == 0;
	return net_hostname_ok(site);
}

static int error(struct session *s, const char *text)
{
	s->error_mask |= NOTIFY_PROTOCOL;
	reply(s, "%s", text);
	return -1;
}

static int allowed(struct session *s, struct str site)
{
	struct access_request rq;

	if (s->stand_alone)
		return 0;
	session_request(s, "ETRN", &rq);
	rq.etrn = site;
	return session_check(s, ACCESS_ETRN, &rq);
}

int cmd_etrn(struct session *s, const struct smtp_command *cmd)
{
	struct str site;

	if (s->ehlo_discard & EHLO_ETRN)
		return error(s, "502 5.5.1 Error: command not implemented");
	if (s->c->smtpd_helo_required && s->helo.len == 0)
		return error(s, "503 Error: send HELO/EHLO first");
	if (s->m.has_sender)
		return error(s, "503 Error: MAIL transaction in progress");
	if (cmd->n != 2)
		return error(s, "500 Syntax: ETRN domain");
	site = cmd->v[1].text;
	if (site.len > 0 && (site.ptr[0] == '@' || site.ptr[0] == '#'))
		site = str_skip(site, 1);
	if (!site_ok(site))
		return error(s, "501 Error: invalid parameter syntax");
	if (allowed(s, site) < 0)
		return -1;
	switch (flush_site(s, site)) {
	case FLUSH_OK:
		reply(s, "250 Queuing started");
		return 0;
	case FLUSH_DENY:
		log_warn("reject: ETRN " STR_FMT "... from " STR_FMT, STR_ARG(site),
			STR_ARG(s->peer.namaddr));
		reply(s, "459 <" STR_FMT ">: service unavailable", STR_ARG(site));
		return -1;
	case FLUSH_BAD:
		log_warn("bad ETRN " STR_FMT "... from " STR_FMT, STR_ARG(site),
			STR_ARG(s->peer.namaddr));
		_fallthrough_;
	default:
		reply(s, "458 Unable to queue messages");
		return -1;
	}
}
