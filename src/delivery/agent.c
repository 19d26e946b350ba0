/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delivery/agent.c — the agent's side of delivery requests: greet, read, answer.
 */
#include <errno.h>
#include <sys/file.h>

#include "base/fd.h"
#include "delivery/groups.h"
#include "delivery/request.h"
#include "queue/journal_files.h"

#define PROTOCOL "delivery_request_protocol"
/** The head holds some twenty values, a recipient list three; qmgr takes none of more than 64 KB. */
#define HEAD_LIMIT   ((size_t)2 * 1024 * 1024)
#define RCPT_LIMIT   ((size_t)256 * 1024)
#define ANSWER_LIMIT ((size_t)1024 * 1024)

int request_greet(struct stream *s)
{
	_cleanup_buf_ struct buf b = BUF_LOCAL(BUF_SMALL);
	int e = attr_put_greeting(&b, ATTR_NUL, PROTOCOL);

	if (e == 0)
		e = stream_write(s, buf_str(&b));
	return e == 0 ? stream_flush(s) : e;
}

static int get_options(struct attr_list *l, int *ret)
{
	int e = attr_int(l, "sendopts", ret);

	return e == -ENOENT ? attr_int(l, "smtputf8", ret) : e;
}

/* Where a young message lies: absent from all requests but those of our qmgr. */
static int get_place(struct attr_list *l, struct delivery_request *r)
{
	struct str text;
	int e = attr_str(l, "journal", &text);

	if (e == -ENOENT)
		return 0;
	if (e == 0)
		e = journal_place_parse(text, &r->place);
	r->young = e == 0;
	return e;
}

static int get_head(struct attr_list *l, struct arena *a, struct delivery_request *r)
{
	struct str stats;
	int e = attr_int(l, "flags", &r->flags);

	if (e == 0)
		e = attr_str(l, "queue_name", &r->queue_name);
	if (e == 0)
		e = attr_str(l, "queue_id", &r->queue_id);
	if (e == 0)
		e = attr_long(l, "offset", &r->data_offset);
	if (e == 0)
		e = attr_long(l, "size", &r->data_size);
	if (e == 0)
		e = attr_str(l, "nexthop", &r->nexthop);
	if (e == 0)
		e = attr_str(l, "encoding", &r->encoding);
	if (e == 0)
		e = get_options(l, &r->sendopts);
	if (e == 0)
		e = attr_str(l, "sender", &r->sender);
	if (e == 0)
		e = attr_str(l, "envelope_id", &r->dsn_envid);
	if (e == 0)
		e = attr_int(l, "ret_flags", &r->dsn_ret);
	if (e == 0)
		e = attr_data(l, "time", a, &stats);
	if (e == 0 && stats.len != sizeof(r->stats))
		e = -EBADMSG;
	if (e == 0)
		memcpy(&r->stats, stats.ptr, sizeof(r->stats));
	return e;
}

static int get_origin(struct attr_list *l, struct delivery_request *r, int *ret_count)
{
	const struct {
		const char *name;
		struct str *value;
	} v[] = {
		{ "log_client_name", &r->client_name },
		{ "log_client_address", &r->client_addr },
		{ "log_client_port", &r->client_port },
		{ "log_protocol_name", &r->client_proto },
		{ "log_helo_name", &r->client_helo },
		{ "sasl_method", &r->sasl_method },
		{ "sasl_username", &r->sasl_username },
		{ "sasl_sender", &r->sasl_sender },
		{ "log_ident", &r->log_ident },
		{ "rewrite_context", &r->rewrite_context },
	};
	int e = 0;

	for (size_t i = 0; e == 0 && i < ARRAY_LEN(v); i++)
		e = attr_str(l, v[i].name, v[i].value);
	if (e == 0)
		e = get_place(l, r);
	return e == 0 ? attr_int(l, "recipient_count", ret_count) : e;
}

/* A request that was not read to its end leaves -EPIPE or the like; only what came whole counts. */
static int get_recipients(struct stream *s, struct arena *a, struct delivery_request *r, int count)
{
	if (count <= 0 || count > REQUEST_MAX_RCPT)
		return -EBADMSG;
	r->rcpt = arena_array(a, (size_t)count, sizeof(*r->rcpt));
	for (int i = 0; i < count; i++) {
		struct attr_list l;
		int e = attr_list_read(s, ATTR_NUL, RCPT_LIMIT, a, &l);

		if (e == 0)
			e = group_get_recipient(&l, &r->rcpt[i]);
		if (e < 0)
			return e;
	}
	r->n_rcpt = (size_t)count;
	return 0;
}

static int parse(struct stream *s, struct arena *a, struct delivery_request *r)
{
	struct attr_list l;
	int count;
	int e = attr_list_read(s, ATTR_NUL, HEAD_LIMIT, a, &l);

	if (e < 0)
		return e == -ENODATA ? e : -EBADMSG;
	e = get_head(&l, a, r);
	if (e == 0)
		e = get_origin(&l, r, &count);
	if (e == 0)
		e = get_recipients(s, a, r, count);
	if (e == 0 &&
		(r->nexthop.len == 0 || !queue_name_ok(r->queue_name) || !queue_id_ok(r->queue_id)))
		e = -EBADMSG;
	return e == 0 ? 0 : -EBADMSG;
}

static int open_file(const struct queue_settings *qs, struct delivery_request *r, struct why *why)
{
	struct queue_message *m = NULL;
	int e = queue_message_open(qs, r->queue_name, r->queue_id, true, &m, why);

	if (e < 0)
		return e;
	e = fd_flock(queue_message_fd(m), LOCK_SH | LOCK_NB);
	if (e < 0) {
		queue_message_close(m);
		return why_errno(why, e, "lock queue file " STR_FMT, STR_ARG(r->queue_id));
	}
	r->msg = m;
	return 0;
}

static int open_message(const struct queue_settings *qs, struct delivery_request *r,
	struct why *why)
{
	struct journal_files *files = qs == NULL ? NULL : qs->files;
	int e = r->young ? queue_message_open_kept(files, &r->place, &r->msg, why) : -ESTALE;

	/* It has left the journal, or the segment is gone with all that was in it. */
	return e == -ESTALE || e == -ENOENT ? open_file(qs, r, why) : e;
}

int request_read(struct stream *s, const struct queue_settings *qs, struct arena *a,
	struct delivery_request *ret, struct why *why)
{
	struct delivery_request r = { 0 };
	int e = parse(s, a, &r);

	if (e == -ENODATA)
		return e;
	if (e < 0) {
		struct delivery_request none = { 0 };

		(void)request_answer(s, &none, -1, false);
		return why_set(why, e, "malformed delivery request");
	}
	e = open_message(qs, &r, why);
	if (e == -ENOENT)
		(void)request_answer(s, &r, -1, false);
	if (e == 0)
		*ret = r;
	return e;
}

int request_answer(struct stream *s, struct delivery_request *r, int status, bool again)
{
	_cleanup_buf_ struct buf b = BUF_LOCAL(ANSWER_LIMIT);
	int e = group_put_dsn(&b, &r->hop_status);

	queue_message_close(r->msg);
	r->msg = NULL;
	if (e == 0)
		e = attr_put_int(&b, ATTR_NUL, "status", status);
	if (e == 0 && r->young && !r->has_reports)
		e = attr_put_int(&b, ATTR_NUL, "no_reports", 1);
	if (e == 0)
		e = attr_put_end(&b, ATTR_NUL);
	if (e == 0 && again)
		e = attr_put_greeting(&b, ATTR_NUL, PROTOCOL);
	if (e == 0)
		e = stream_write(s, buf_str(&b));
	return e == 0 ? stream_flush(s) : e;
}
