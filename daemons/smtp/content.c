/* SPDX-License-Identifier: Apache-2.0 */
/*
 * content.c — the message on the wire: from the records of the queue file, through header rewriting,
 * checks and conversion where they are configured, to lines with CR LF and stuffed dots.
 */
#include <errno.h>

#include "address/address.h"
#include "client.h"
#include "log/log.h"
#include "smtp/client_text.h"

/* Bytes gathered before they are written. */
#define CHUNK ((size_t)32 * 1024)
/* Memory for reading that a session keeps. */
#define KEEP_WINDOW ((size_t)16 * 1024)
/* Results of callbacks that are not errno values of the connection. */
#define LOCAL_ERROR 1

struct content {
	struct delivery *d;
	struct session *s;
	struct smtp_text text;
	struct why *why;
};

static int flush(struct content *c, size_t above)
{
	int e = 0;

	if (c->s->out.len > above) {
		e = stream_write(c->s->s, buf_str(&c->s->out));
		buf_clear(&c->s->out);
	}
	return e;
}

/* One line or piece; pieces are bounded by the record size, so the buffer cannot overflow. */
static int put_line(struct content *c, struct str line, bool partial)
{
	int e = 0;

	/* In steps, so that the buffer stays small whatever comes. */
	while (e == 0 && line.len > CHUNK) {
		e = smtp_text_line(&c->text, &c->s->out, str_head(line, CHUNK), true);
		line = str_skip(line, CHUNK);
		if (e == 0)
			e = flush(c, CHUNK);
	}
	if (e == 0)
		e = smtp_text_line(&c->text, &c->s->out, line, partial);
	return e == 0 ? flush(c, CHUNK) : e;
}

/* A text of several lines. */
static int put_text(struct content *c, struct str text)
{
	int e = 0;

	for (;;) {
		ptrdiff_t nl = str_chr(text, '\n');

		e = put_line(c, nl < 0 ? text : str_head(text, (size_t)nl), false);
		if (e != 0 || nl < 0)
			return e;
		text = str_skip(text, (size_t)nl + 1);
	}
}

static int local_error(struct content *c, const char *text)
{
	if (c->why->text[0] == '\0')
		(void)why_set(c->why, -EIO, "%s", text);
	return LOCAL_ERROR;
}

/* ---- callbacks of the MIME machine ---- */

static int on_header(void *ctx, enum mime_class cls, const struct header_def *def, struct str text)
{
	struct content *c = ctx;
	_cleanup_buf_ struct buf repl = BUF_LOCAL(BUF_MEDIUM), mapped = BUF_LOCAL(BUF_MEDIUM);
	const struct tables *t = cls == MIME_PRIMARY ? &c->d->c->header_checks
				 : cls == MIME_MULTI ? &c->d->c->mime_header_checks
						     : &c->d->c->nested_header_checks;
	int r = check_text(c->d, t, "header", text, &repl, c->why);
	int e = 0;

	if (r < 0)
		return local_error(c, "header checks failed");
	if (r == CHECK_DROP)
		return 0;
	if (r == CHECK_PREPEND)
		e = put_text(c, buf_str(&repl));
	if (r == CHECK_REPLACE)
		return put_text(c, buf_str(&repl));
	if (e == 0 && cls == MIME_PRIMARY && generic_header(c->d, def, text, &mapped))
		text = buf_str(&mapped);
	if (c->d->map_failed)
		return local_error(c, "generic mapping lookup failure");
	return e == 0 ? put_text(c, text) : e;
}

static int on_header_end(void *ctx)
{
	(void)ctx;
	return 0;
}

static int on_body(void *ctx, struct str line, bool partial, int64_t offset)
{
	struct content *c = ctx;
	const struct client *cl = c->d->c;
	_cleanup_buf_ struct buf repl = BUF_LOCAL(BUF_MEDIUM);
	bool check_it = cl->body_checks.n > 0 && line.len > 0 &&
			(cl->p.body_checks_size_limit == 0 ||
				offset < cl->p.body_checks_size_limit);
	int r = CHECK_KEEP, e = 0;

	if (check_it)
		r = check_text(c->d, &cl->body_checks, "body", line, &repl, c->why);
	if (r < 0)
		return local_error(c, "body checks failed");
	if (r == CHECK_DROP)
		return 0;
	if (r == CHECK_REPLACE)
		return put_line(c, buf_str(&repl), partial);
	if (r == CHECK_PREPEND)
		e = put_text(c, buf_str(&repl));
	return e == 0 ? put_line(c, line, partial) : e;
}

static const struct mime_callbacks callbacks = {
	.header = on_header,
	.header_end = on_header_end,
	.body = on_body,
};

/* ---- headers of our own ---- */

static int put_address_header(struct content *c, const char *name, struct str addr)
{
	_cleanup_buf_ struct buf b = BUF_LOCAL(BUF_MEDIUM);
	int e = address_quote(&b, generic_map(c->d, addr));

	if (e == 0) {
		_cleanup_buf_ struct buf h = BUF_LOCAL(BUF_MEDIUM);

		if (str_eq(str_of(name), STR("Return-Path")))
			e = buf_addf(&h, "%s: <%s>", name, buf_cstr(&b));
		else
			e = buf_addf(&h, "%s: %s", name, buf_cstr(&b));
		return e == 0 ? put_line(c, buf_str(&h), false) : LOCAL_ERROR;
	}
	return local_error(c, "address too long");
}

static int prepend(struct content *c)
{
	const struct delivery_request *rq = c->d->rq;
	unsigned flags = c->d->c->flags;
	const struct recipient *r = &rq->rcpt[0];
	int e = 0;

	if (flags & CLIENT_RETURN_PATH)
		e = put_address_header(c, "Return-Path", rq->sender);
	if (e == 0 && (flags & CLIENT_ORIGINAL_TO) && r->orig_addr.len > 0)
		e = put_address_header(c, "X-Original-To", r->orig_addr);
	if (e == 0 && (flags & CLIENT_DELIVERED_TO))
		e = put_address_header(c, "Delivered-To", r->address);
	return e;
}

/* ---- reading ---- */

static bool needs_mime(const struct client *c, unsigned flags)
{
	return (flags & CONTENT_DOWNGRADE) || c->generic.n > 0 || c->header_checks.n > 0 ||
	       c->mime_header_checks.n > 0 || c->nested_header_checks.n > 0 || c->body_checks.n > 0;
}

static unsigned mime_options(const struct client *c, unsigned flags)
{
	if (flags & CONTENT_DOWNGRADE)
		return MIME_OPT_DOWNGRADE;
	return c->mime_header_checks.n > 0 || c->nested_header_checks.n > 0 ? 0 : MIME_OPT_DISABLE;
}

static int send_line(struct content *c, struct mime *m, struct str line, bool partial)
{
	return m == NULL ? put_line(c, line, partial) : mime_line(m, line, partial);
}

/* The memory for reading stays with the session, as long as it is little. */
static void lend_window(struct session *s, struct queue_reader *r)
{
	if (s->window.ptr == NULL)
		return;
	r->buf = s->window;
	s->window = (struct buf){ 0 };
}

static void take_window(struct session *s, struct queue_reader *r)
{
	if (r->buf.cap <= KEEP_WINDOW) {
		s->window = r->buf;
		r->buf = (struct buf){ 0 };
		buf_clear(&s->window);
	}
	queue_reader_done(r);
}

/* The file is marked, and qmgr puts it aside; an image of the journal is tried again when it is a file. */
static int damaged(struct content *c)
{
	const struct delivery_request *rq = c->d->rq;
	int e = queue_message_mark_corrupt(rq->msg);

	if (e != -EROFS)
		log_warn("corrupted queue file: " STR_FMT "/" STR_FMT "%s", STR_ARG(rq->queue_name),
			STR_ARG(rq->queue_id), e < 0 ? " (and cannot be marked)" : "");
	return local_error(c, "damaged queue file");
}

static int send_records(struct content *c, struct mime *m)
{
	struct queue_reader r;
	struct str data;
	int type, e = 0;

	queue_reader_init(&r, c->d->rq->msg, c->d->rq->data_offset, false);
	lend_window(c->s, &r);
	while (e == 0 && (type = queue_reader_next(&r, &data)) > 0) {
		if (type != REC_NORM && type != REC_CONT)
			break;
		e = send_line(c, m, data, type == REC_CONT);
	}
	take_window(c->s, &r);
	if (e != 0)
		return e;
	/* The extracted segment follows; anything else means that the file is not what it was. */
	if (type != REC_XTRA)
		return damaged(c);
	e = m == NULL ? 0 : mime_end(m);
	return e == 0 ? smtp_text_end(&c->text, &c->s->out) : e;
}

int content_send(struct delivery *d, struct session *s, unsigned flags, struct why *why)
{
	const struct client_params *p = &d->c->p;
	struct content c = { .d = d, .s = s, .why = why };
	struct mime_settings ms = {
		.options = mime_options(d->c, flags),
		.header_size_limit = (size_t)p->header_size_limit,
		.boundary_length_limit = (size_t)p->mime_boundary_length_limit,
		.nesting_limit = (size_t)p->mime_nesting_limit,
	};
	_cleanup_(mime_freep) struct mime *m = NULL;
	int e;

	smtp_text_init(&c.text, (size_t)p->line_length_limit);
	if (needs_mime(d->c, flags))
		m = mime_new(&ms, &callbacks, &c);
	e = prepend(&c);
	if (e == 0)
		e = send_records(&c, m);
	if (c.text.broke)
		log_info(STR_FMT ": breaking line > %lld bytes with <CR><LF>SPACE",
			STR_ARG(d->rq->queue_id), (long long)p->line_length_limit);
	return e == -EMSGSIZE ? local_error(&c, "line too long") : e;
}
