/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delivery/pass.c — one recipient handed to another transport, as qmgr would do it.
 */
#include <errno.h>
#include <stdatomic.h>

#include "address/address.h"
#include "delivery/request.h"
#include "ipc/client.h"

/** An answer holds one status group. */
#define ANSWER_LIMIT ((size_t)256 * 1024)

/* Whom is asked, and how it answered. */
struct passing {
	const char *path;
	usec_t timeout;
	struct arena *arena;
	struct request_result result;
	bool ours; /* it is ready for another request */
};

static int ask(struct passing *p, struct delivery_request *sub, enum request_form form,
	struct why *why)
{
	_cleanup_buf_ struct buf msg = BUF_LOCAL(BUF_MEDIUM);
	const struct ipc_client_settings cs = {
		.path = p->path,
		.protocol = "delivery_request_protocol",
		.enc = ATTR_NUL,
		.timeout = p->timeout,
		.max_idle = 1,
	};
	struct ipc_client *c;
	struct attr_list l;
	int e;

	sub->form = form;
	e = request_encode(&msg, sub);
	if (e < 0)
		return why_set(why, e, "delivery request too large");
	c = ipc_client_new(&cs);
	e = ipc_call(c, buf_str(&msg), ANSWER_LIMIT, p->arena, &l, why);
	p->ours = e == 0 && ipc_client_has_idle(c);
	ipc_client_free(c);
	if (e < 0)
		return e;
	if (request_result_parse(&l, p->arena, &p->result) < 0)
		return why_set(why, -EBADMSG, "malformed answer from %s", p->path);
	return 0;
}

/*
 * An agent that does not know the form of a request answers as if it had deferred everything; one of ours
 * knows both, and one that marked the recipient has understood.
 */
static bool is_refusal(const struct passing *p, const struct delivery_request *sub)
{
	return !p->ours && p->result.status != 0 && p->result.dsn.status.len == 0 &&
	       (sub->msg == NULL || !queue_message_is_done(sub->msg, sub->rcpt->offset));
}

static int ask_in_some_form(struct passing *p, struct delivery_request *sub, struct pass_peer *peer,
	struct why *why)
{
	int known = atomic_load(&peer->form);
	enum request_form form = known == REQUEST_SMTPUTF8 + 1 ? REQUEST_SMTPUTF8
							       : REQUEST_SENDOPTS;
	int e = ask(p, sub, form, why);

	if (e == 0 && known == 0 && is_refusal(p, sub)) {
		form = REQUEST_SMTPUTF8;
		e = ask(p, sub, form, why);
	}
	if (e == 0 && !p->ours && !is_refusal(p, sub))
		atomic_store(&peer->form, (int)form + 1);
	return e;
}

int request_pass(const struct delivery_request *r, const struct recipient *rcpt,
	struct str transport, struct pass_peer *peer, usec_t timeout, struct why *why)
{
	struct delivery_request sub = *r;
	struct recipient one = *rcpt;
	ptrdiff_t colon = str_chr(transport, ':');
	struct str name = colon < 0 ? transport : str_head(transport, (size_t)colon);
	struct str hop = colon < 0 ? STR_EMPTY : str_skip(transport, (size_t)colon + 1);
	_cleanup_buf_ struct buf path = BUF_LOCAL(BUF_SMALL);
	_cleanup_arena_ struct arena *a = arena_new(ANSWER_LIMIT * 16);
	struct passing p = { .timeout = timeout, .arena = a };
	int e;

	if (name.len == 0 || str_chr(name, '/') >= 0)
		return why_set(why, -EINVAL, "bad transport name \"" STR_FMT "\"",
			STR_ARG(transport));
	if (hop.len == 0)
		hop = address_split(rcpt->address).domain;
	sub.nexthop = hop.len > 0 ? hop : rcpt->address;
	sub.rcpt = &one;
	sub.n_rcpt = 1;
	buf_putf(&path, "private/" STR_FMT, STR_ARG(name));
	p.path = buf_cstr(&path);
	e = ask_in_some_form(&p, &sub, peer, why);
	if (e < 0)
		return e;
	return p.result.status == 0 ? 0 : 1;
}
