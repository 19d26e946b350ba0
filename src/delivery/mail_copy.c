/* SPDX-License-Identifier: Apache-2.0 */
/* delivery/mail_copy.c — see mail_copy.h. */
#include "delivery/mail_copy.h"

#include <errno.h>

#include "address/address.h"
#include "base/fd.h"

/* Written in pieces of this size. */
#define CHUNK ((size_t)64 * 1024)

struct copier {
	const struct mail_copy *c;
	mail_copy_fn fn;
	void *ctx;
	struct buf out;
	int64_t written; /* or waiting in out */
	bool at_start;   /* of a line */
};

static int flush(struct copier *w)
{
	int r = w->out.len > 0 ? w->fn(w->ctx, buf_str(&w->out)) : 0;

	buf_clear(&w->out);
	return r;
}

static int put(struct copier *w, struct str s)
{
	w->written += (int64_t)s.len;
	if (w->c->limit > 0 && w->written > w->c->limit)
		return -EFBIG;
	if (w->out.len + s.len > CHUNK) {
		int r = flush(w);

		if (r < 0)
			return r;
	}
	if (s.len > CHUNK)
		return w->fn(w->ctx, s);
	buf_put(&w->out, s);
	return 0;
}

static int put_eol(struct copier *w)
{
	return put(w, w->c->eol.ptr != NULL ? w->c->eol : STR("\n"));
}

static int put_line(struct copier *w, struct str s)
{
	int r = put(w, s);

	return r < 0 ? r : put_eol(w);
}

/* "Name: <address>" or "Name: address", the address in the form of header fields. */
static int put_address(struct copier *w, const char *before, struct str internal, const char *after)
{
	_cleanup_buf_ struct buf b = BUF_LOCAL(BUF_MEDIUM);
	int r = buf_adds(&b, before);

	if (r == 0)
		r = address_quote(&b, internal);
	if (r == 0)
		r = buf_adds(&b, after);
	return r < 0 ? r : put_line(w, buf_str(&b));
}

static struct str sender_of(const struct copier *w)
{
	return w->c->sender.ptr != NULL ? w->c->sender : w->c->rq->sender;
}

static int put_from(struct copier *w)
{
	struct str sender = sender_of(w);
	_cleanup_buf_ struct buf b = BUF_LOCAL(BUF_SMALL);

	buf_puts(&b, "  ");
	clock_ctime(&b, time(NULL));
	return put_address(w, "From ", sender.len > 0 ? sender : STR("MAILER-DAEMON"),
		buf_cstr(&b));
}

static int put_headers(struct copier *w)
{
	unsigned flags = w->c->flags;
	const struct recipient *rcpt = w->c->rcpt;
	int r = 0;

	if ((flags & MAIL_COPY_FROM) != 0)
		r = put_from(w);
	if (r == 0 && (flags & MAIL_COPY_RETURN_PATH) != 0)
		r = put_address(w, "Return-Path: <", sender_of(w), ">");
	if (r == 0 && (flags & MAIL_COPY_ORIG_RCPT) != 0 && rcpt->orig_addr.len > 0)
		r = put_address(w, "X-Original-To: ", rcpt->orig_addr, "");
	if (r == 0 && (flags & MAIL_COPY_DELIVERED) != 0)
		r = put_address(w, "Delivered-To: ", rcpt->address, "");
	return r;
}

static int put_text(struct copier *w, struct str text, bool ends)
{
	int r = 0;

	if (w->at_start && (w->c->flags & MAIL_COPY_QUOTE) != 0 && str_starts(text, STR("From ")))
		r = put(w, STR(">"));
	if (w->at_start && (w->c->flags & MAIL_COPY_DOT) != 0 && str_starts(text, STR(".")))
		r = put(w, STR("."));
	if (r == 0)
		r = put(w, text);
	if (r == 0 && ends)
		r = put_eol(w);
	w->at_start = ends;
	return r;
}

/* The content segment: 0 at its proper end. */
static int put_content(struct copier *w, struct why *why)
{
	struct queue_reader r;
	struct str data;
	int type, e = 0;

	queue_reader_init(&r, w->c->rq->msg, w->c->rq->data_offset, false);
	while (e == 0) {
		type = queue_reader_next(&r, &data);
		if (type == REC_NORM || type == REC_CONT) {
			e = put_text(w, data, type == REC_NORM);
			continue;
		}
		if (type == REC_XTRA)
			break;
		e = type < 0 && type != -EBADMSG
			    ? type
			    : why_set(why, -EBADMSG, "unexpected end or record in the message");
	}
	queue_reader_done(&r);
	return e;
}

int mail_copy_to(const struct mail_copy *c, mail_copy_fn fn, void *ctx, struct why *why)
{
	struct copier w = { .c = c, .fn = fn, .ctx = ctx, .out = BUF(CHUNK), .at_start = true };
	int r = put_headers(&w);

	if (r == 0)
		r = put_content(&w, why);
	/* A last line without end gets one. */
	if (r == 0 && !w.at_start)
		r = put_eol(&w);
	if (r == 0 && (c->flags & MAIL_COPY_BLANK) != 0)
		r = put_eol(&w);
	if (r == 0)
		r = flush(&w);
	buf_done(&w.out);
	if (r < 0 && r != -EBADMSG)
		return why_errno(why, r, "error writing message");
	return r;
}

static int write_fd(void *ctx, struct str data)
{
	return fd_write_all(*(const int *)ctx, data);
}

int mail_copy(const struct mail_copy *c, int fd, struct why *why)
{
	return mail_copy_to(c, write_fd, &fd, why);
}
