/* SPDX-License-Identifier: Apache-2.0 */
/*
 * intake/post.c — client of the cleanup service: one message a connection.
 *
 * Invariant: the other side reads everything before it answers, so records are only buffered and
 * written here; the answer is read in post_finish().
 */
#include "intake/post.h"

#include <errno.h>

#include "base/mem.h"
#include "ipc/attr.h"
#include "mime/header.h"
#include "net/socket.h"

/* A greeting or an answer: an id, or a status and one line of text. */
#define LIST_MAX ((size_t)16 * 1024)
/* Records gather here before they go to the stream in one piece. */
#define BATCH_BYTES ((size_t)32 * 1024)
/* Text records are cut at Postfix's default line_length_limit; cleanup joins and cuts again. */
#define TEXT_MAX 2048

struct post {
	struct stream *stream;
	struct arena *arena;
	struct buf out;
	const char *id_text;
};

void post_free(struct post *p)
{
	if (p == NULL)
		return;
	stream_free(p->stream);
	buf_done(&p->out);
	arena_free(p->arena);
	free(p);
}
DEFINE_CLEANUP(struct post *, post_free);

/* The greeting is one list: protocol=cleanup_protocol queue_id=ID. */
static int read_greeting(struct post *p)
{
	struct attr_list list;
	struct str value;
	int r = attr_list_read(p->stream, ATTR_NUL, LIST_MAX, p->arena, &list);

	if (r < 0)
		return r == -ENODATA ? -EPROTO : r;
	if (attr_str(&list, "protocol", &value) < 0 || !str_eq(value, STR("cleanup_protocol")))
		return -EPROTO;
	if (attr_str(&list, "queue_id", &value) < 0 || value.len == 0)
		return -EPROTO;
	p->id_text = arena_cstr(p->arena, value);
	return 0;
}

int post_open(const char *cleanup_path, unsigned flags, usec_t timeout, struct post **ret,
	struct why *why)
{
	_cleanup_(post_freep) struct post *p = NULL;
	int fd = net_connect_unix(cleanup_path, clock_deadline(timeout), why);
	int r;

	if (fd < 0)
		return fd;
	p = mem_new(struct post);
	p->stream = stream_new(fd);
	p->arena = arena_new(0);
	p->out = BUF(REC_MAX + BATCH_BYTES + 16);
	stream_timeout(p->stream, timeout);
	r = read_greeting(p);
	if (r < 0)
		return why_errno(why, r, "greeting of %s", cleanup_path);
	r = attr_put_int(&p->out, ATTR_NUL, "flags", (int)flags);
	if (r == 0)
		r = attr_put_end(&p->out, ATTR_NUL);
	if (r < 0)
		return r;
	*ret = TAKE(p);
	return 0;
}

const char *post_id(const struct post *p)
{
	return p->id_text;
}

static int send_batch(struct post *p)
{
	int r = stream_write(p->stream, buf_str(&p->out));

	buf_clear(&p->out);
	return r;
}

int post_record(struct post *p, int type, struct str data)
{
	int r = rec_put(&p->out, type, data);

	if (r < 0)
		return r;
	return p->out.len < BATCH_BYTES ? 0 : send_batch(p);
}

int post_recordf(struct post *p, int type, const char *fmt, ...)
{
	_cleanup_buf_ struct buf text = BUF_LOCAL(BUF_MEDIUM);
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = buf_addv(&text, fmt, ap);
	va_end(ap);
	return r < 0 ? r : post_record(p, type, buf_str(&text));
}

int post_line(struct post *p, struct str line)
{
	int r = rec_put_line(&p->out, line, TEXT_MAX);

	if (r < 0)
		return r;
	return p->out.len < BATCH_BYTES ? 0 : send_batch(p);
}

int post_linef(struct post *p, const char *fmt, ...)
{
	_cleanup_buf_ struct buf b = BUF_LOCAL(BUF_SMALL);
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = buf_addv(&b, fmt, ap);
	va_end(ap);
	return r < 0 ? r : post_line(p, buf_str(&b));
}

int post_received(struct post *p, const char *myhostname, const char *mail_name)
{
	_cleanup_buf_ struct buf text = BUF_LOCAL(BUF_SMALL);
	struct str line;
	struct str rest;
	int r = 0;

	header_received(&text, myhostname, mail_name, -1, str_of(p->id_text),
		(time_t)(clock_wall() / USEC_PER_SEC));
	rest = buf_str(&text);
	while (r == 0 && str_word(&rest, "\n", &line))
		r = post_line(p, line);
	return r;
}

int post_finish(struct post *p, unsigned *ret_status, struct str *ret_reason, struct why *why)
{
	struct attr_list list;
	int status;
	int r = send_batch(p);

	if (r == 0)
		r = stream_flush(p->stream);
	if (r == 0)
		r = attr_list_read(p->stream, ATTR_NUL, LIST_MAX, p->arena, &list);
	if (r < 0)
		return why_errno(why, r == -ENODATA ? -EPROTO : r, "%s: cleanup service",
			p->id_text);
	r = attr_int(&list, "status", &status);
	if (r < 0)
		return why_set(why, -EPROTO, "%s: cleanup service: no status in its answer",
			p->id_text);
	if (attr_str(&list, "reason", ret_reason) < 0)
		*ret_reason = STR_EMPTY;
	*ret_status = (unsigned)status;
	return 0;
}

int post_notice(const char *cleanup_path, unsigned flags, usec_t timeout, struct str sender,
	struct str recipient, int trace_flags, struct post **ret, struct why *why)
{
	_cleanup_(post_freep) struct post *p = NULL;
	usec_t now = clock_wall();
	int r = post_open(cleanup_path, flags, timeout, &p, why);

	if (r < 0)
		return r;
	r = post_recordf(p, REC_TIME, "%lld %lld", (long long)(now / USEC_PER_SEC),
		(long long)(now % USEC_PER_SEC));
	if (r == 0)
		r = post_record(p, REC_ATTR, STR("log_message_origin=local"));
	if (r == 0)
		r = post_recordf(p, REC_ATTR, "trace_flags=%d", trace_flags);
	if (r == 0)
		r = post_record(p, REC_FROM, sender);
	if (r == 0)
		r = post_record(p, REC_RCPT, recipient);
	if (r == 0)
		r = post_record(p, REC_MESG, STR_EMPTY);
	if (r < 0)
		return why_errno(why, r, "write to %s", cleanup_path);
	*ret = TAKE(p);
	return 0;
}
