/* SPDX-License-Identifier: Apache-2.0 */
/*
 * access/answer.c — replies, deferrals that wait, and the log lines of both.
 *
 * Invariants: a reply has code 400..599, an enhanced code of the same class, no control
 * characters, and at most 510 bytes.
 */
#include <errno.h>

#include "access/access_priv.h"
#include "address/address.h"
#include "base/mem.h"
#include "base/num.h"

#define REPLY_MAX 510

static void log_path(struct buf *b, const char *name, struct str internal)
{
	size_t len = b->len;

	if (buf_addf(b, " %s=<", name) < 0)
		return;
	if ((internal.len > 0 && address_quote(b, internal) < 0) || buf_addc(b, '>') < 0)
		buf_truncate(b, len);
}

/* What does not fit is left out. */
static void log_field(struct buf *b, const char *before, struct str value, const char *after)
{
	if (value.len > 0 && buf_addf(b, "%s" STR_FMT "%s", before, STR_ARG(value), after) < 0)
		return;
}

void access_log(const struct notes *log, const struct access_request *rq, const char *word,
	struct str text)
{
	_cleanup_buf_ struct buf b = BUF_LOCAL(BUF_SMALL);
	bool several = rq->recipient_count > 1 &&
		       (strcmp(rq->stage, "DATA") == 0 || strcmp(rq->stage, "END-OF-MESSAGE") == 0);

	if (buf_addf(&b, STR_FMT ": %s: %s from " STR_FMT ": " STR_FMT ";",
		    STR_ARG(rq->queue_id.len > 0 ? rq->queue_id : STR("NOQUEUE")), word, rq->stage,
		    STR_ARG(rq->client), STR_ARG(text)) < 0)
		return;
	if (rq->has_sender)
		log_path(&b, "from", rq->sender);
	if (rq->has_recipient && !several)
		log_path(&b, "to", rq->recipient);
	log_field(&b, " proto=", rq->protocol, "");
	log_field(&b, " helo=<", rq->helo, ">");
	log_field(&b, " sasl_method=", rq->sasl_method, "");
	log_field(&b, " sasl_username=", rq->sasl_username, "");
	log_field(&b, " sasl_sender=", rq->sasl_sender, "");
	note(log, NOTE_INFO, "%s", buf_cstr(&b));
}

void access_remark(struct eval *ev, const char *word, const char *fmt, ...)
{
	_cleanup_buf_ struct buf b = BUF_LOCAL(BUF_SMALL);
	va_list ap;

	va_start(ap, fmt);
	if (buf_addv(&b, fmt, ap) < 0)
		buf_puts(&b, "(text too long)");
	va_end(ap);
	access_log(ev->a->s.log, ev->rq, word, buf_str(&b));
}

/* Cut and clean a reply. */
static void tidy(struct buf *b)
{
	if (b->len > REPLY_MAX)
		buf_truncate(b, REPLY_MAX);
	for (size_t i = 0; i < b->len; i++) {
		unsigned char c = (unsigned char)b->ptr[i];

		if (c < 0x20 || c == 0x7f)
			b->ptr[i] = ' ';
	}
}

static void compose(struct eval *ev, struct buf *b, int code, struct dsn_code d, const char *fmt,
	va_list ap) _printf_(5, 0);
static void compose(struct eval *ev, struct buf *b, int code, struct dsn_code d, const char *fmt,
	va_list ap)
{
	if (code < 400 || code > 599 || (d.class != 2 && d.class != 4 && d.class != 5)) {
		note(ev->a->s.log, NOTE_WARN,
			"bad reply code %d or status %u.%u.%u in access rule; "
			"using 450 4.7.1 instead",
			code, d.class, d.subject, d.detail);
		buf_puts(b, "450 4.7.1 Service unavailable");
		return;
	}
	buf_putf(b, "%d %d.%u.%u ", code, code / 100, (unsigned)d.subject, (unsigned)d.detail);
	if (buf_addv(b, fmt, ap) < 0)
		buf_puts(b, "Access denied");
	tidy(b);
}

static struct dsn_code dsn_of(const char *text)
{
	struct dsn_code d = { 0 };

	check(dsn_code_parse(str_of(text), &d) > 0);
	return d;
}

/* The reply in `b` goes out, unless warn_if_reject or defer_if_reject say otherwise. */
static enum result send_reject(struct eval *ev, enum reject_kind kind, struct buf *b)
{
	struct buf *out = &ev->st->reply;

	if (kind == REJECT_POLICY && ev->warn) {
		access_log(ev->a->s.log, ev->rq, "reject_warning", buf_str(b));
		return RES_DUNNO;
	}
	if (out->limit == 0)
		*out = BUF(BUF_SMALL);
	buf_clear(out);
	if (ev->dir.reply != NULL && b->len > 0 && b->ptr[0] == '5')
		buf_puts(out, ev->dir.reply);
	else
		buf_put(out, buf_str(b));
	if (ev->a->s.soft_bounce && out->len > 4 && out->ptr[0] == '5') {
		out->ptr[0] = '4';
		if (out->ptr[4] == '5')
			out->ptr[4] = '4';
	}
	access_log(ev->a->s.log, ev->rq, "reject", buf_str(out));
	return RES_REJECT;
}

enum result access_reject(struct eval *ev, enum reject_kind kind, int code, const char *dsn,
	const char *fmt, ...)
{
	_cleanup_buf_ struct buf b = BUF_LOCAL(BUF_SMALL);
	va_list ap;

	va_start(ap, fmt);
	compose(ev, &b, code, dsn_of(dsn), fmt, ap);
	va_end(ap);
	return send_reject(ev, kind, &b);
}

struct dsn_code access_dsn_fix(struct dsn_code d, const char *class)
{
	/* The last digit by which a sender or recipient status goes over. */
	static const unsigned char sender[] = { 0, 7, 8, 7, 7, 0, 7, 7, 8 };
	static const unsigned char recipient[] = { 0, 1, 2, 3, 4, 5, 6, 3, 2 };
	const unsigned char *map = NULL;

	if (d.subject != 1)
		return d;
	if (strcmp(class, CLASS_SENDER) == 0) {
		map = sender;
	} else if (strcmp(class, CLASS_RECIPIENT) == 0) {
		map = recipient;
	} else {
		d.subject = d.detail = 0;
		return d;
	}
	d.detail = d.detail < sizeof(sender) ? map[d.detail] : 0;
	return d;
}

enum result access_reject_dsn(struct eval *ev, enum reject_kind kind, int code, struct dsn_code dsn,
	const char *class, const char *fmt, ...)
{
	_cleanup_buf_ struct buf b = BUF_LOCAL(BUF_SMALL);
	struct dsn_code fixed = access_dsn_fix(dsn, class);
	va_list ap;

	if (fixed.subject != dsn.subject || fixed.detail != dsn.detail)
		note(ev->a->s.log, NOTE_INFO, "mapping DSN status %u.%u.%u into %s status %u.%u.%u",
			dsn.class, dsn.subject, dsn.detail, class, fixed.class, fixed.subject,
			fixed.detail);
	va_start(ap, fmt);
	compose(ev, &b, code, fixed, fmt, ap);
	va_end(ap);
	return send_reject(ev, kind, &b);
}

/* The first reason stays. */
static void remember(struct access_deferral *d, const struct buf *b)
{
	if (d->reply == NULL)
		d->reply = str_dup(buf_str(b));
}

enum result access_defer_if(struct eval *ev, bool permit, int code, const char *dsn,
	const char *fmt, ...)
{
	_cleanup_buf_ struct buf b = BUF_LOCAL(BUF_SMALL);
	va_list ap;

	va_start(ap, fmt);
	compose(ev, &b, code, dsn_of(dsn), fmt, ap);
	va_end(ap);
	if (permit && ev->warn)
		access_log(ev->a->s.log, ev->rq, "reject_warning", buf_str(&b));
	else
		remember(permit ? &ev->dip : &ev->dir, &b);
	return RES_DUNNO;
}

enum result access_tempfail(struct eval *ev, bool now, int code, const char *dsn, const char *fmt,
	...)
{
	_cleanup_buf_ struct buf b = BUF_LOCAL(BUF_SMALL);
	va_list ap;

	va_start(ap, fmt);
	compose(ev, &b, code, dsn_of(dsn), fmt, ap);
	va_end(ap);
	if (now)
		return send_reject(ev, REJECT_POLICY, &b);
	if (ev->warn)
		access_log(ev->a->s.log, ev->rq, "reject_warning", buf_str(&b));
	else
		remember(&ev->dip, &b);
	return RES_DUNNO;
}

enum result access_reject_stored(struct eval *ev, const struct access_deferral *d)
{
	_cleanup_buf_ struct buf b = BUF_LOCAL(BUF_SMALL);

	buf_puts(&b, d->reply);
	return send_reject(ev, REJECT_ERROR, &b);
}

enum result access_config_error(struct eval *ev, const char *fmt, ...)
{
	_cleanup_buf_ struct buf b = BUF_LOCAL(BUF_SMALL);
	va_list ap;

	va_start(ap, fmt);
	if (buf_addv(&b, fmt, ap) < 0)
		buf_puts(&b, "server configuration error");
	va_end(ap);
	note(ev->a->s.log, NOTE_WARN, "%s", buf_cstr(&b));
	return access_reject(ev, REJECT_ERROR, 451, "4.3.5", "Server configuration error");
}

enum result access_lookup_error(struct eval *ev, struct str datum, const struct why *why)
{
	note(ev->a->s.log, NOTE_WARN, "%s", why->text);
	if (ev->rewrite)
		return access_reject(ev, REJECT_ERROR, 451, "4.3.0", "Temporary lookup error");
	return access_reject(ev, REJECT_ERROR, 451, "4.3.0",
		"<" STR_FMT ">: Temporary lookup failure", STR_ARG(datum));
}
