/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delivery/request.c — the requester's side: encoding and the answer.
 */
#include "delivery/request.h"

#include <errno.h>

#include "delivery/groups.h"

struct timeval msg_stats_now(void)
{
	struct timeval tv;

	(void)gettimeofday(&tv, NULL);
	return tv;
}

static int put_options(struct buf *b, const struct delivery_request *r)
{
	if (r->form == REQUEST_SMTPUTF8)
		return attr_put_int(b, ATTR_NUL, "smtputf8", r->sendopts & SENDOPT_SMTPUTF8);
	return attr_put_int(b, ATTR_NUL, "sendopts", r->sendopts);
}

static int put_head(struct buf *b, const struct delivery_request *r)
{
	int e = attr_put_int(b, ATTR_NUL, "flags", r->flags);

	if (e == 0)
		e = attr_put_str(b, ATTR_NUL, "queue_name", r->queue_name);
	if (e == 0)
		e = attr_put_str(b, ATTR_NUL, "queue_id", r->queue_id);
	if (e == 0)
		e = attr_put_long(b, ATTR_NUL, "offset", r->data_offset);
	if (e == 0)
		e = attr_put_long(b, ATTR_NUL, "size", r->data_size);
	if (e == 0)
		e = attr_put_str(b, ATTR_NUL, "nexthop", r->nexthop);
	if (e == 0)
		e = attr_put_str(b, ATTR_NUL, "encoding", r->encoding);
	if (e == 0)
		e = put_options(b, r);
	if (e == 0)
		e = attr_put_str(b, ATTR_NUL, "sender", r->sender);
	if (e == 0)
		e = attr_put_str(b, ATTR_NUL, "envelope_id", r->dsn_envid);
	if (e == 0)
		e = attr_put_int(b, ATTR_NUL, "ret_flags", r->dsn_ret);
	if (e == 0)
		e = attr_put_data(b, ATTR_NUL, "time",
			str_from((const char *)&r->stats, sizeof(r->stats)));
	return e;
}

static int put_origin(struct buf *b, const struct delivery_request *r)
{
	const struct {
		const char *name;
		struct str value;
	} v[] = {
		{ "log_client_name", r->client_name },
		{ "log_client_address", r->client_addr },
		{ "log_client_port", r->client_port },
		{ "log_protocol_name", r->client_proto },
		{ "log_helo_name", r->client_helo },
		{ "sasl_method", r->sasl_method },
		{ "sasl_username", r->sasl_username },
		{ "sasl_sender", r->sasl_sender },
		{ "log_ident", r->log_ident },
		{ "rewrite_context", r->rewrite_context },
	};
	int e = 0;

	for (size_t i = 0; e == 0 && i < ARRAY_LEN(v); i++)
		e = attr_put_str(b, ATTR_NUL, v[i].name, v[i].value);
	return e;
}

static int put_place(struct buf *b, const struct delivery_request *r)
{
	_cleanup_buf_ struct buf place = BUF_LOCAL(BUF_SMALL);

	if (!r->young)
		return 0;
	journal_place_put(&place, &r->place);
	return attr_put_str(b, ATTR_NUL, "journal", buf_str(&place));
}

int request_encode(struct buf *b, const struct delivery_request *r)
{
	size_t start = b->len;
	int e = r->n_rcpt <= REQUEST_MAX_RCPT ? put_head(b, r) : -EMSGSIZE;

	if (e == 0)
		e = put_origin(b, r);
	if (e == 0)
		e = put_place(b, r);
	if (e == 0)
		e = attr_put_int(b, ATTR_NUL, "recipient_count", (int)r->n_rcpt);
	if (e == 0)
		e = attr_put_end(b, ATTR_NUL);
	for (size_t i = 0; e == 0 && i < r->n_rcpt; i++) {
		e = group_put_recipient(b, &r->rcpt[i]);
		if (e == 0)
			e = attr_put_end(b, ATTR_NUL);
	}
	if (e < 0)
		buf_truncate(b, start);
	return e;
}

/* Only our agents send it. */
static int get_no_reports(struct attr_list *l, bool *ret)
{
	int value = 0;
	int e = attr_int(l, "no_reports", &value);

	*ret = e == 0 && value == 1;
	return e == -ENOENT ? 0 : e;
}

int request_result_parse(struct attr_list *l, struct arena *a, struct request_result *ret)
{
	struct request_result r = { 0 };
	int e = group_get_dsn(l, &r.dsn);

	if (e == 0)
		e = attr_int(l, "status", &r.status);
	if (e == 0)
		e = get_no_reports(l, &r.no_reports);
	if (e < 0)
		return e == -ENOENT ? -EBADMSG : e;
	r.dsn.status = arena_str(a, r.dsn.status);
	r.dsn.dtype = arena_str(a, r.dsn.dtype);
	r.dsn.dtext = arena_str(a, r.dsn.dtext);
	r.dsn.mtype = arena_str(a, r.dsn.mtype);
	r.dsn.mname = arena_str(a, r.dsn.mname);
	r.dsn.action = arena_str(a, r.dsn.action);
	r.dsn.reason = arena_str(a, r.dsn.reason);
	*ret = r;
	return 0;
}
