/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delivery/bounce_client.c — see bounce_client.h.
 */
#include "delivery/bounce_client.h"

#include <errno.h>

#include "delivery/groups.h"
#include "ipc/client.h"

/** A reply of these services is one small list. */
#define REPLY_LIMIT ((size_t)4096)

/*
 * Bounce services skip attributes they do not know, unlike agents: so each finds the name it wants, smtputf8
 * before 3.10 and sendopts from then on.
 */
static int put_options(struct buf *b, int sendopts)
{
	int e = attr_put_int(b, ATTR_NUL, "sendopts", sendopts);

	return e == 0 ? attr_put_int(b, ATTR_NUL, "smtputf8", sendopts & SENDOPT_SMTPUTF8) : e;
}

static int put_flush_fields(struct buf *b, enum bounce_request what, int flags,
	const struct bounce_message *m)
{
	int e = attr_put_int(b, ATTR_NUL, "nrequest", (int)what);

	if (e == 0)
		e = attr_put_int(b, ATTR_NUL, "flags", flags);
	if (e == 0)
		e = attr_put_str(b, ATTR_NUL, "queue_name", m->queue_name);
	if (e == 0)
		e = attr_put_str(b, ATTR_NUL, "queue_id", m->queue_id);
	if (e == 0)
		e = attr_put_str(b, ATTR_NUL, "encoding", m->encoding);
	if (e == 0)
		e = put_options(b, m->sendopts);
	if (e == 0)
		e = attr_put_str(b, ATTR_NUL, "sender", m->sender);
	if (e == 0)
		e = attr_put_str(b, ATTR_NUL, "envelope_id", m->dsn_envid);
	if (e == 0)
		e = attr_put_int(b, ATTR_NUL, "ret_flags", m->dsn_ret);
	return e;
}

int bounce_encode_append(struct buf *b, int flags, struct str queue_id,
	const struct recipient *rcpt, const struct dsn *dsn)
{
	int e = attr_put_int(b, ATTR_NUL, "nrequest", BOUNCE_APPEND);

	if (e == 0)
		e = attr_put_int(b, ATTR_NUL, "flags", flags);
	if (e == 0)
		e = attr_put_str(b, ATTR_NUL, "queue_id", queue_id);
	if (e == 0)
		e = group_put_recipient(b, rcpt);
	if (e == 0)
		e = group_put_dsn(b, dsn);
	return e == 0 ? attr_put_end(b, ATTR_NUL) : e;
}

int bounce_encode_flush(struct buf *b, enum bounce_request what, int flags,
	const struct bounce_message *m)
{
	int e;

	check(what == BOUNCE_FLUSH || what == BOUNCE_WARN || what == BOUNCE_VERP ||
		what == BOUNCE_TRACE);
	e = put_flush_fields(b, what, flags, m);
	if (e == 0 && what == BOUNCE_VERP)
		e = attr_put_str(b, ATTR_NUL, "verp_delimiters", m->verp);
	return e == 0 ? attr_put_end(b, ATTR_NUL) : e;
}

int bounce_encode_one(struct buf *b, int flags, const struct bounce_message *m,
	const struct recipient *rcpt, const struct dsn *dsn)
{
	int e = put_flush_fields(b, BOUNCE_ONE, flags, m);

	if (e == 0)
		e = group_put_recipient(b, rcpt);
	if (e == 0)
		e = group_put_dsn(b, dsn);
	return e == 0 ? attr_put_end(b, ATTR_NUL) : e;
}

int bounce_call(const char *path, struct str request, usec_t timeout, struct why *why)
{
	struct ipc_client_settings cs = {
		.path = path,
		.protocol = "delivery_status_protocol",
		.enc = ATTR_NUL,
		.timeout = timeout,
	};
	struct ipc_client *c = ipc_client_new(&cs);
	struct arena *a = arena_new(REPLY_LIMIT * 8);
	struct attr_list l;
	int status;
	int e = ipc_call(c, request, REPLY_LIMIT, a, &l, why);

	if (e == 0) {
		e = attr_int(&l, "status", &status);
		if (e < 0)
			(void)why_set(why, e, "%s: malformed reply", path);
		else if (status != 0)
			e = why_set(why, -EIO, "%s: request failed with status %d", path, status);
	}
	arena_free(a);
	ipc_client_free(c);
	return e;
}
