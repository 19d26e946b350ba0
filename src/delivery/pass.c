/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delivery/pass.c — one recipient handed to another transport, as qmgr would do it.
 */
#include <errno.h>

#include "address/address.h"
#include "delivery/request.h"
#include "ipc/client.h"

/** An answer holds one status group. */
#define ANSWER_LIMIT ((size_t)256 * 1024)

int request_pass(const struct delivery_request *r, const struct recipient *rcpt,
	struct str transport, usec_t timeout, struct why *why)
{
	struct delivery_request sub = *r;
	struct recipient one = *rcpt;
	ptrdiff_t colon = str_chr(transport, ':');
	struct str name = colon < 0 ? transport : str_head(transport, (size_t)colon);
	struct str hop = colon < 0 ? STR_EMPTY : str_skip(transport, (size_t)colon + 1);
	_cleanup_buf_ struct buf path = BUF(BUF_SMALL);
	_cleanup_buf_ struct buf msg = BUF(BUF_MEDIUM);
	_cleanup_arena_ struct arena *a = arena_new(ANSWER_LIMIT * 8);
	struct request_result res;
	struct attr_list l;
	int e;

	if (name.len == 0 || str_chr(name, '/') >= 0)
		return why_set(why, -EINVAL, "bad transport name \"" STR_FMT "\"",
			STR_ARG(transport));
	if (hop.len == 0)
		hop = address_split(rcpt->address).domain;
	sub.nexthop = hop.len > 0 ? hop : rcpt->address;
	sub.rcpt = &one;
	sub.n_rcpt = 1;
	e = request_encode(&msg, &sub);
	if (e < 0)
		return why_set(why, e, "delivery request too large");
	buf_putf(&path, "private/" STR_FMT, STR_ARG(name));
	struct ipc_client_settings cs = {
		.path = buf_cstr(&path),
		.protocol = "delivery_request_protocol",
		.enc = ATTR_NUL,
		.timeout = timeout,
	};
	struct ipc_client *c = ipc_client_new(&cs);
	e = ipc_call(c, buf_str(&msg), ANSWER_LIMIT, a, &l, why);
	ipc_client_free(c);
	if (e < 0)
		return e;
	if (request_result_parse(&l, a, &res) < 0)
		return why_set(why, -EBADMSG, "malformed answer from %s", buf_cstr(&path));
	return res.status == 0 ? 0 : 1;
}
