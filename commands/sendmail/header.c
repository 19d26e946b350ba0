/* SPDX-License-Identifier: Apache-2.0 */
/*
 * header.c — recipients from the header of a message.
 */
#include "base/mem.h"
#include "mime/mime.h"
#include "sendmail.h"

struct header_reader {
	struct mime *mime;
	struct arena *a;
	size_t token_limit;
	struct list_of {
		struct str *v;
		size_t n, cap;
	} plain, resent;
	bool seen_resent, done;
	const char *error;
};

static void append(struct arena *a, struct list_of *l, const struct address_list *more)
{
	if (l->n + more->n > l->cap) {
		size_t cap = (l->n + more->n) * 2;
		struct str *v = arena_array(a, cap, sizeof(*v));

		if (l->n > 0)
			memcpy(v, l->v, l->n * sizeof(*v));
		l->v = v;
		l->cap = cap;
	}
	if (more->n > 0)
		memcpy(l->v + l->n, more->v, more->n * sizeof(*l->v));
	l->n += more->n;
}

static int on_header(void *ctx, enum mime_class cls, const struct header_def *def, struct str text)
{
	struct header_reader *h = ctx;
	struct address_list list;
	struct str body = STR_EMPTY;
	bool resent;

	if (cls != MIME_PRIMARY || def == NULL || (def->flags & HDR_EXTRACT) == 0)
		return 0;
	resent = (def->flags & HDR_RESENT) != 0;
	(void)header_name(text, &body);
	address_list_parse(body, h->token_limit, h->a, &list);
	append(h->a, resent ? &h->resent : &h->plain, &list);
	h->seen_resent |= resent;
	return 0;
}

static int on_header_end(void *ctx)
{
	struct header_reader *h = ctx;

	h->done = true;
	return 0;
}

static int on_body(void *ctx, struct str line, bool partial, int64_t offset)
{
	(void)ctx;
	(void)line;
	(void)partial;
	(void)offset;
	return 0;
}

static void on_error(void *ctx, enum mime_error err, struct str text)
{
	struct header_reader *h = ctx;

	(void)text;
	h->error = mime_error_text(err, NULL);
}

static const struct mime_callbacks the_callbacks = {
	.header = on_header,
	.header_end = on_header_end,
	.body = on_body,
	.error = on_error,
};

struct header_reader *header_reader_new(const struct sendmail_conf *c, struct arena *a)
{
	struct header_reader *h = mem_new(struct header_reader);
	const struct mime_settings set = {
		.options = MIME_OPT_DISABLE | MIME_OPT_REPORT_TRUNC_HEADER,
		.header_size_limit = (size_t)c->header_size_limit,
		.boundary_length_limit = (size_t)c->mime_boundary_length_limit,
		.nesting_limit = (size_t)c->mime_nesting_limit,
	};

	h->a = a;
	/* All of them: header_size_limit bounds the work, and nobody may be left out. */
	h->token_limit = (size_t)c->header_size_limit;
	h->mime = mime_new(&set, &the_callbacks, h);
	return h;
}

void header_reader_line(struct header_reader *h, struct str line, bool partial)
{
	if (!h->done)
		(void)!mime_line(h->mime, line, partial);
}

const char *header_reader_end(struct header_reader *h, struct address_list *ret)
{
	const struct list_of *l;

	if (!h->done)
		(void)!mime_end(h->mime);
	l = h->seen_resent ? &h->resent : &h->plain;
	*ret = (struct address_list){ .v = l->v, .n = l->n };
	return h->error;
}

void header_reader_free(struct header_reader *h)
{
	mime_free(h->mime);
	free(h);
}
