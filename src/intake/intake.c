/* SPDX-License-Identifier: Apache-2.0 */
/*
 * intake/intake.c — one message from its first record to its end.
 *
 * An object whose message is over is kept among the spares of the conf with the memory it has: what a
 * message needs is allocated once for many.
 */
#include "intake/intake_priv.h"

#include <errno.h>

#include "base/mem.h"
#include "ipc/client.h"

/* No bounce can be sent for these: the message or the wish of the client is not known well enough. */
#define CANNOT_BOUNCE (INTAKE_STAT_BAD | INTAKE_STAT_WRITE | INTAKE_STAT_DEFER | INTAKE_STAT_RCPT)
/* These end the work even when a bounce will need the rest of the message. */
#define INCOMPLETE (INTAKE_STAT_BAD | INTAKE_STAT_WRITE | INTAKE_STAT_SIZE | INTAKE_STAT_DEFER)
/* Bytes that are kept for the next message: enough for some twenty recipients. */
#define KEEP_ARENA   ((size_t)8 * 1024)
#define KEEP_SCRATCH ((size_t)2 * 1024)
#define KEEP_TEXT    ((size_t)512)

static struct intake *make(void)
{
	struct intake *it = mem_new(struct intake);

	it->w = writer_new();
	it->arena = arena_new(0);
	it->scratch = arena_new(0);
	it->last_rcpt = BUF(BUF_SMALL);
	it->dsn_orcpt = BUF(BUF_MEDIUM);
	it->orig_rcpt = BUF(BUF_MEDIUM);
	return it;
}

void intake_discard(void *object)
{
	struct intake *it = object;

	mime_free(it->mime);
	strv_done(&it->bcc);
	buf_done(&it->last_rcpt);
	buf_done(&it->dsn_orcpt);
	buf_done(&it->orig_rcpt);
	writer_free(it->w);
	arena_free(it->scratch);
	arena_free(it->arena);
	free(it);
}

/* From one message to the next nothing goes over but memory, and of that no more than is usual. */
static void forget(struct intake *it)
{
	writer_close(it->w);
	if (it->mime != NULL)
		mime_reset(it->mime, &it->c->mime);
	strv_done(&it->bcc);
	buf_trim(&it->last_rcpt, KEEP_TEXT);
	buf_trim(&it->dsn_orcpt, KEEP_TEXT);
	buf_trim(&it->orig_rcpt, KEEP_TEXT);
	arena_trim(it->scratch, KEEP_SCRATCH);
	arena_trim(it->arena, KEEP_ARENA);
	*it = (struct intake){
		.w = it->w,
		.mime = it->mime,
		.last_rcpt = it->last_rcpt,
		.dsn_orcpt = it->dsn_orcpt,
		.orig_rcpt = it->orig_rcpt,
		.scratch = it->scratch,
		.arena = it->arena,
	};
}

int intake_open(const struct intake_conf *c, unsigned flags, struct intake **ret, struct why *why)
{
	const struct intake_settings *s = c->s;
	struct intake *it = spares_take(c->spares);
	int r;

	if (it == NULL)
		it = make();
	it->c = c;
	it->s = s;
	r = writer_open(it->w, s->queue, s->journal, s->message_size_limit, why);
	if (r < 0) {
		intake_free(it);
		return r;
	}
	intake_set_flags(it, flags);
	*ret = it;
	return 0;
}

void intake_free(struct intake *it)
{
	struct spares *spares;

	if (it == NULL)
		return;
	spares = it->c->spares;
	forget(it);
	spares_put(spares, it);
}

const char *intake_id(const struct intake *it)
{
	return writer_id(it->w);
}

void intake_set_flags(struct intake *it, unsigned flags)
{
	it->flags = flags;
	it->sendopts &= ~(int64_t)(SENDOPT_SMTPUTF8_REQUESTED | SENDOPT_REQUIRETLS);
	if ((flags & INTAKE_SMTPUTF8) != 0)
		it->sendopts |= SENDOPT_SMTPUTF8_REQUESTED;
	if ((flags & INTAKE_REQUIRETLS) != 0)
		it->sendopts |= SENDOPT_REQUIRETLS;
}

void intake_add_flags(struct intake *it, unsigned flags)
{
	it->flags |= flags & (INTAKE_HOLD | INTAKE_DISCARD);
}

/* ---- for the other files ---- */

bool intake_is_stopped(const struct intake *it)
{
	if ((it->flags & INTAKE_DISCARD) != 0)
		return true;
	return (it->status & ((it->flags & INTAKE_BOUNCE) != 0 ? INCOMPLETE : ~0U)) != 0;
}

void intake_fail(struct intake *it, unsigned status, struct str reason)
{
	it->status |= status;
	if (it->reason.len == 0 && reason.len > 0)
		it->reason = arena_str(it->arena, reason);
}

static void log_line(struct intake *it, enum note_level level, const char *prefix, const char *fmt,
	va_list ap)
{
	_cleanup_buf_ struct buf b = BUF_LOCAL(BUF_SMALL);

	if (buf_addv(&b, fmt, ap) < 0)
		buf_puts(&b, "(text too long to log)");
	note(it->s->log, level, "%s: %s%s", intake_id(it), prefix, buf_cstr(&b));
}

void intake_log(struct intake *it, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_line(it, NOTE_INFO, "", fmt, ap);
	va_end(ap);
}

void intake_warn(struct intake *it, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_line(it, NOTE_WARN, "", fmt, ap);
	va_end(ap);
}

void intake_bad(struct intake *it, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_line(it, NOTE_WARN, "message rejected: ", fmt, ap);
	va_end(ap);
	intake_fail(it, INTAKE_STAT_BAD, STR_EMPTY);
}

void intake_show_address(const struct intake *it, struct buf *b, struct str internal)
{
	internal = str_head(internal, 1000);
	if (it->s->info_address_internal || address_quote(b, internal) < 0)
		buf_put(b, internal);
}

void intake_lookup_failed(struct intake *it, const char *title, struct str internal,
	const struct why *why)
{
	_cleanup_buf_ struct buf b = BUF_LOCAL(BUF_SMALL);

	intake_show_address(it, &b, internal);
	note(it->s->log, NOTE_WARN, "%s", why->text);
	intake_warn(it, "%s map lookup problem for %s -- message not accepted, try again later",
		title, b.len == 0 ? "\"\"" : buf_cstr(&b));
	intake_fail(it, INTAKE_STAT_WRITE, STR_EMPTY);
}

void intake_put(struct intake *it, int type, struct str data)
{
	int r;

	if (intake_is_stopped(it))
		return;
	writer_put(it->w, type, data);
	r = writer_error(it->w);
	if (r == -EFBIG) {
		intake_warn(it, "queue file size limit exceeded");
		intake_fail(it, INTAKE_STAT_SIZE, STR_EMPTY);
	} else if (r < 0) {
		intake_warn(it, "write queue file: %s", strerrordesc_np(-r));
		intake_fail(it, INTAKE_STAT_WRITE, STR_EMPTY);
	}
}

void intake_put_attr(struct intake *it, const char *name, struct str value)
{
	intake_put(it, REC_ATTR, arena_fmt(it->scratch, "%s=" STR_FMT, name, STR_ARG(value)));
}

/* ---- records ---- */

/* Milters live in the client so far: only an empty hand-over is understood. */
static void milter_record(struct intake *it, struct str data)
{
	if (!str_eq(str_trim(data), STR("0")))
		intake_bad(it, "hand-over of milters is not supported");
}

unsigned intake_record(struct intake *it, int type, struct str data)
{
	if (it->state == STATE_END)
		return it->status;
	if (type == REC_END)
		it->seen_end = true;
	if (intake_is_stopped(it))
		return it->status;
	arena_clear(it->scratch);
	if (type == REC_PTR || type == REC_DTXT || type == 0) {
		intake_warn(it, "record type %d not allowed - discarding this message", type);
		intake_fail(it, INTAKE_STAT_BAD, STR_EMPTY);
		return it->status;
	}
	switch (it->state) {
	case STATE_ENVELOPE:
		if (type == REC_MILT)
			milter_record(it, data);
		else
			envelope_record(it, type, data);
		break;
	case STATE_CONTENT:
		if (type == REC_XTRA)
			content_end(it);
		else
			content_record(it, type, data);
		break;
	case STATE_EXTRACT:
		extract_record(it, type, data);
		if (type == REC_END)
			it->state = STATE_END;
		break;
	case STATE_END:
		break;
	}
	return it->status;
}

/* ---- end ---- */

static void commit(struct intake *it)
{
	struct rec_size size = {
		.size = it->xtra_offset - it->data_offset,
		.data_offset = it->data_offset,
		.rcpt_count = it->n_rcpts,
		.qmgr_opts = it->qmgr_opts,
		.cont_length = it->xtra_offset - it->data_offset,
		.sendopts = it->sendopts,
	};
	bool hold = (it->flags & INTAKE_HOLD) != 0;
	struct why why = { "" };
	int r = writer_commit(it->w, &size, hold ? STR(QUEUE_HOLD) : STR(QUEUE_INCOMING), &why);

	if (r < 0) {
		intake_warn(it, "%s", why.text);
		intake_fail(it, r == -EFBIG ? INTAKE_STAT_SIZE : INTAKE_STAT_WRITE, STR_EMPTY);
		return;
	}
	if (hold || it->c->qmgr == NULL || writer_is_journaled(it->w))
		return;
	r = ipc_bell_ring(it->c->qmgr);
	if (r < 0)
		note(it->s->log, NOTE_WARN, "unable to look up %s: %s", it->s->qmgr_path,
			strerrordesc_np(-r));
}

/* The submitter is gone: tell the sender by mail. */
static void bounce(struct intake *it)
{
	const struct intake_status_text *text = intake_status_text(it->status);
	struct str reason = it->reason;
	struct intake_bounce b = {
		.id = intake_id(it),
		.arrival = it->arrival,
		.sender = it->sender,
		.encoding = it->attr.encoding,
		.sendopts = it->sendopts,
		.dsn = str_of(text->dsn),
		.reason = str_of(text->text),
	};
	struct str word;

	if (reason.len > 0 && str_word(&reason, " ", &word)) {
		b.dsn = word;
		b.reason = reason;
	}
	if (writer_flush(it->w) < 0 || it->s->bounce(it->s->bounce_ctx, &b) < 0) {
		intake_warn(it, "cannot bounce the message");
		it->status = INTAKE_STAT_DEFER;
		return;
	}
	it->status = 0;
}

unsigned intake_finish(struct intake *it, struct str *ret_reason)
{
	bool discard = (it->flags & INTAKE_DISCARD) != 0;

	arena_clear(it->scratch);
	if (it->status == 0 && !(it->state == STATE_END || (discard && it->seen_end)))
		intake_fail(it, INTAKE_STAT_BAD, STR_EMPTY);
	if (it->status == 0 && !it->has_rcpt && !discard)
		intake_fail(it, INTAKE_STAT_RCPT, STR_EMPTY);
	if (it->status == 0 && discard)
		intake_log(it, "removed (discarded)");
	else if (it->status == 0)
		commit(it);
	else if ((it->flags & INTAKE_BOUNCE) != 0 && (it->status & CANNOT_BOUNCE) == 0 &&
		 it->s->bounce != NULL)
		bounce(it);
	it->state = STATE_END;
	writer_remove(it->w);
	if (ret_reason != NULL)
		*ret_reason = it->reason;
	return it->status;
}
