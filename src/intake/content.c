/* SPDX-License-Identifier: Apache-2.0 */
/*
 * intake/content.c — text records: filter of bytes, MIME state, checks, output.
 */
#include "intake/intake_priv.h"

/* ---- output ---- */

void content_put_line(struct intake *it, struct str line, bool partial)
{
	size_t max = (size_t)it->s->line_length_limit;

	while (line.len > max) {
		intake_put(it, REC_CONT, str_head(line, max));
		line = str_skip(line, max);
	}
	intake_put(it, partial ? REC_CONT : REC_NORM, line);
}

void content_put_header(struct intake *it, struct str text)
{
	for (;;) {
		ptrdiff_t nl = str_chr(text, '\n');

		if (nl < 0)
			break;
		content_put_line(it, str_head(text, (size_t)nl), false);
		text = str_skip(text, (size_t)nl + 1);
	}
	content_put_line(it, text, false);
}

static void prepend_line(struct intake *it, struct str text)
{
	content_put_line(it, text, false);
}

/* ---- callbacks of the MIME machine ---- */

static const struct tables *tables_for(const struct intake_conf *c, enum mime_class cls,
	const struct header_def *def)
{
	if (cls == MIME_MULTI || (def != NULL && (def->flags & HDR_MIME) != 0))
		return &c->mime_checks;
	return cls == MIME_NESTED ? &c->nested_checks : &c->header_checks;
}

static bool checks_on(const struct intake *it, const struct tables *t)
{
	return (it->flags & INTAKE_FILTER) != 0 && !it->checks_off && t->n > 0;
}

/* Any part that says 8bit makes the message 8bit. */
static void note_encoding(struct intake *it, const struct header_def *def, struct str text)
{
	struct str body = STR_EMPTY;

	if (def == NULL || def->id != HDR_CONTENT_TRANSFER_ENCODING ||
		!it->s->detect_8bit_encoding_header)
		return;
	(void)header_name(text, &body);
	if (str_ieq(str_trim(body), STR("8bit")))
		it->attr.encoding = STR("8bit");
}

static int on_header(void *ctx, enum mime_class cls, const struct header_def *def, struct str text)
{
	struct intake *it = ctx;
	const struct tables *t = tables_for(it->c, cls, def);
	struct str final = text;

	if (intake_is_stopped(it))
		return 0;
	if (checks_on(it, t) &&
		checks_apply(it, "header", t, text, &final, content_put_header) == CHECK_DROP)
		return 0;
	if (intake_is_stopped(it))
		return 0;
	if (final.ptr != text.ptr)
		def = header_find(str_head(final, header_name(final, NULL)));
	else
		final = str_head(final, (size_t)it->s->header_size_limit);
	note_encoding(it, def, final);
	if (cls == MIME_PRIMARY)
		head_primary(it, def, final);
	else
		content_put_header(it, final);
	return 0;
}

static int on_header_end(void *ctx)
{
	struct intake *it = ctx;

	if (!intake_is_stopped(it))
		head_missing(it);
	return 0;
}

static int on_body(void *ctx, struct str line, bool partial, int64_t offset)
{
	struct intake *it = ctx;
	const struct tables *t = &it->c->body_checks;
	int64_t limit = it->s->body_checks_size_limit;
	struct str final = line;

	if (intake_is_stopped(it))
		return 0;
	if (line.len > 0 && checks_on(it, t) && (limit <= 0 || offset < limit) &&
		checks_apply(it, "body", t, line, &final, prepend_line) == CHECK_DROP)
		return 0;
	if (!intake_is_stopped(it))
		content_put_line(it, final, partial);
	return 0;
}

/* The message is judged at its end, so that all errors are logged. */
static void on_error(void *ctx, enum mime_error err, struct str text)
{
	struct intake *it = ctx;
	const char *dsn;
	const char *words = mime_error_text(err, &dsn);

	if (it->checks_off)
		return;
	if (it->mime_reason.len == 0)
		it->mime_reason = arena_fmt(it->arena, "%s %s", dsn, words);
	checks_log_mime(it, words, text);
}

static const struct mime_callbacks the_callbacks = {
	.header = on_header,
	.header_end = on_header_end,
	.body = on_body,
	.error = on_error,
};

/* ---- input ---- */

void content_begin(struct intake *it)
{
	struct mime_settings set = it->c->mime;

	if ((it->flags & INTAKE_FILTER) == 0)
		set.options &= MIME_OPT_DISABLE | MIME_OPT_DOWNGRADE;
	intake_put(it, REC_MESG, STR_EMPTY);
	it->data_offset = writer_offset(it->w);
	it->in_rcpts = false;
	it->state = STATE_CONTENT;
	if (it->mime == NULL)
		it->mime = mime_new(&set, &the_callbacks, it);
	else
		mime_reset(it->mime, &set);
}

/* Unwanted bytes: a copy without them, or the text itself. */
static struct str wash(struct intake *it, struct str data)
{
	const struct intake_conf *c = it->c;
	char *copy;
	size_t n = 0;

	bool strip = (it->flags & INTAKE_FILTER) != 0 && byteset_hits(&c->strip_bytes, data);

	if (!strip && !byteset_hits(&c->stray_bytes, data))
		return data;
	copy = arena_alloc(it->scratch, data.len + 1);
	for (size_t i = 0; i < data.len; i++) {
		unsigned char b = (unsigned char)data.ptr[i];

		if (!strip || !c->strip_bytes.has[b])
			copy[n++] = c->stray_bytes.has[b] ? ' ' : (char)b;
	}
	return str_from(copy, n);
}

void content_record(struct intake *it, int type, struct str data)
{
	if (type != REC_NORM && type != REC_CONT) {
		intake_bad(it, "unexpected record type %d in message content", type);
		return;
	}
	if ((it->flags & INTAKE_FILTER) != 0 && byteset_hits(&it->c->reject_bytes, data)) {
		struct str reason = STR("5.7.1 disallowed character");

		intake_fail(it, INTAKE_STAT_CONT, reason);
		checks_log(it, "reject", "content", data, reason);
		if (intake_is_stopped(it))
			return;
	}
	(void)!mime_line(it->mime, wash(it, data), type == REC_CONT);
}

void content_end(struct intake *it)
{
	(void)!mime_end(it->mime);
	if (intake_is_stopped(it))
		return;
	it->xtra_offset = writer_offset(it->w);
	intake_put(it, REC_XTRA, STR_EMPTY);
	it->state = STATE_EXTRACT;
	if (it->mime_reason.len > 0)
		intake_fail(it, INTAKE_STAT_CONT, it->mime_reason);
}
