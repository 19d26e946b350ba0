/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bounce/notice.c — one notice: header, text, report, what was sent.
 *
 * The structure is that of RFC 3464 and of what postmasters' tools parse. Text from other systems is
 * made printable before it gets here or here.
 */
#include <errno.h>

#include "address/address.h"
#include "base/clock.h"
#include "base/text.h"
#include "bounce.h"
#include "fold.h"
#include "intake/intake.h"
#include "intake/post.h"

struct writer {
	struct notice *n;
	const struct template *t;
	struct post *post;
	int err;              /* the first; nothing is written after it */
	const char *encoding; /* "8bit", "7bit", "" */
	bool utf8;            /* the message wanted SMTPUTF8 */
	bool full;            /* decided */
	struct buf boundary;
};

static int put_line(void *ctx, struct str line)
{
	struct writer *w = ctx;

	if (w->err == 0)
		w->err = post_line(w->post, line);
	return w->err;
}

static void line(struct writer *w, const char *fmt, ...) _printf_(2, 3);
static void line(struct writer *w, const char *fmt, ...)
{
	struct buf raw = BUF(BUF_MEDIUM), b = BUF(BUF_MEDIUM);
	va_list ap;

	va_start(ap, fmt);
	if (buf_addv(&raw, fmt, ap) == 0) {
		/* TAB is the only control character that is ours. */
		bool tab = raw.len > 0 && raw.ptr[0] == '\t';

		if (tab)
			buf_putc(&b, '\t');
		text_printable(&b, str_skip(buf_str(&raw), tab), true);
		(void)put_line(w, buf_str(&b));
	}
	va_end(ap);
	buf_done(&raw);
	buf_done(&b);
}

/* A line that may be long. */
static void folded(struct writer *w, const char *fmt, ...) _printf_(2, 3);
static void folded(struct writer *w, const char *fmt, ...)
{
	struct buf raw = BUF(BUF_MEDIUM), b = BUF(BUF_MEDIUM);
	va_list ap;

	va_start(ap, fmt);
	if (buf_addv(&raw, fmt, ap) == 0) {
		text_printable(&b, buf_str(&raw), true);
		if (w->err == 0)
			w->err = fold_text(buf_str(&b), put_line, w);
	}
	va_end(ap);
	buf_done(&raw);
	buf_done(&b);
}

static struct str quoted(const struct notice *n, struct str internal)
{
	struct buf b = BUF(2 * internal.len + 3);
	struct str s = STR_EMPTY;

	if (address_quote(&b, internal) == 0)
		s = arena_str(n->job->arena, buf_str(&b));
	buf_done(&b);
	return s;
}

/* The sender as reports show it. */
static struct str shown_sender(const struct notice *n)
{
	const struct bounce_conf *c = &n->job->b->c;

	if (n->job->m.sender.len > 0)
		return quoted(n, n->job->m.sender);
	return arena_fmt(n->job->arena, "%s@%s", c->empty_address_recipient, c->myhostname);
}

static void date_line(struct writer *w, const char *name, int64_t when)
{
	struct buf b = BUF(200);

	clock_rfc5322(&b, (time_t)when);
	line(w, "%s: %s", name, buf_cstr(&b));
	buf_done(&b);
}

/* ---- entries ---- */

static bool is_wanted(const struct notice *n, const struct status_entry *e)
{
	int notify = e->rcpt.dsn_notify;

	return n->filter == NOTICE_ALL || notify == 0 ||
	       (notify & (n->filter == NOTICE_DELAY ? DSN_NOTIFY_DELAY : DSN_NOTIFY_FAILURE));
}

/* Call fn for each recipient of the notice: their number or negative errno. */
static int for_each(const struct notice *n,
	void (*fn)(struct writer *, const struct status_entry *), struct writer *w)
{
	const struct bounce *b = n->job->b;
	struct status_entry e;
	struct status_log *l;
	int r, count = 0;

	if (n->entry != NULL) {
		if (!is_wanted(n, n->entry))
			return 0;
		if (fn != NULL)
			fn(w, n->entry);
		return 1;
	}
	r = status_log_open(&b->queue, str_of(b->service), n->job->m.queue_id, &l);
	if (r < 0)
		return r;
	while ((r = status_log_next(l, &e)) > 0) {
		if (!is_wanted(n, &e))
			continue;
		if (fn != NULL)
			fn(w, &e);
		count++;
	}
	status_log_close(l);
	return r < 0 ? r : count;
}

int notice_count(const struct notice *n)
{
	return for_each(n, NULL, NULL);
}

bool notice_log_is_gone(int r)
{
	return r == -ENOENT || r == -EBADMSG;
}

/* A log that cannot be read just now ends the notice: it would name nobody, and the log would go. */
static int put_recipients(struct writer *w,
	void (*fn)(struct writer *, const struct status_entry *))
{
	int r = for_each(w->n, fn, w);

	if (r < 0 && !notice_log_is_gone(r) && w->err == 0)
		w->err = r;
	return r;
}

/* ---- parts ---- */

static void put_header(struct writer *w)
{
	const struct notice *n = w->n;
	const struct bounce_conf *c = &n->job->b->c;
	struct str id = c->enable_threaded_bounces
				? original_message_id(&n->job->original, n->job->arena)
				: STR_EMPTY;

	date_line(w, "Date", (int64_t)time(NULL));
	line(w, "From: %s", w->t->from);
	line(w, "Subject: %s", n->postmaster ? w->t->postmaster_subject : w->t->subject);
	line(w, "To: " STR_FMT, STR_ARG(quoted(n, n->recipient)));
	if (id.len > 0) {
		line(w, "References: " STR_FMT, STR_ARG(id));
		line(w, "In-Reply-To: " STR_FMT, STR_ARG(id));
	}
	if (n->job->m.sendopts & SENDOPT_TLS_OPTIONAL)
		line(w, "TLS-Required: no");
	line(w, "Auto-Submitted: %s", n->postmaster ? "auto-generated" : "auto-replied");
	line(w, "MIME-Version: 1.0");
	line(w, "Content-Type: multipart/report; report-type=delivery-status;");
	line(w, "\tboundary=\"%s\"", buf_cstr(&w->boundary));
	if (*w->encoding != '\0')
		line(w, "Content-Transfer-Encoding: %s", w->encoding);
	line(w, "%s", "");
	line(w, "This is a MIME-encapsulated message.");
}

static void put_encoding(struct writer *w)
{
	if (strcmp(w->encoding, "8bit") == 0)
		line(w, "Content-Transfer-Encoding: 8bit");
}

static void put_boilerplate(struct writer *w)
{
	struct str rest = str_of(w->n->job->b->text[w->n->template]);

	while (rest.len > 0) {
		ptrdiff_t nl = str_chr(rest, '\n');

		(void)put_line(w, nl < 0 ? rest : str_head(rest, (size_t)nl));
		rest = str_skip(rest, nl < 0 ? rest.len : (size_t)nl + 1);
	}
}

static void put_paragraph(struct writer *w, const struct status_entry *e)
{
	struct str addr = e->rcpt.address.len > 0 ? quoted(w->n, e->rcpt.address)
						  : STR("(MAILER-DAEMON)");

	line(w, "%s", "");
	if (e->rcpt.orig_addr.len > 0)
		folded(w, "<" STR_FMT "> (expanded from <" STR_FMT ">): " STR_FMT, STR_ARG(addr),
			STR_ARG(quoted(w->n, e->rcpt.orig_addr)), STR_ARG(e->dsn.reason));
	else
		folded(w, "<" STR_FMT ">: " STR_FMT, STR_ARG(addr), STR_ARG(e->dsn.reason));
}

static void put_text_part(struct writer *w)
{
	const char *charset = strcmp(w->encoding, "8bit") == 0 ? "utf-8" : "us-ascii";

	line(w, "%s", "");
	line(w, "--%s", buf_cstr(&w->boundary));
	line(w, "Content-Description: Notification");
	line(w, "Content-Type: text/plain; charset=%s",
		template_is_8bit(w->t) ? w->t->charset : charset);
	put_encoding(w);
	line(w, "%s", "");
	if (!w->n->postmaster)
		put_boilerplate(w);
	if (put_recipients(w, put_paragraph) < 0) {
		line(w, "%s", "");
		line(w, "\t--- Delivery report unavailable ---");
	}
}

static const char *address_type(struct str address)
{
	return str_has_8bit(address) ? "utf-8" : "rfc822";
}

static void put_group(struct writer *w, const struct status_entry *e)
{
	const struct job *job = w->n->job;
	const struct dsn *d = &e->dsn;
	struct str addr = quoted(w->n, e->rcpt.address), orig = quoted(w->n, e->rcpt.orig_addr);

	line(w, "%s", "");
	line(w, "Final-Recipient: %s; " STR_FMT, address_type(addr), STR_ARG(addr));
	if (e->rcpt.dsn_orcpt.len > 0)
		line(w, "Original-Recipient: " STR_FMT, STR_ARG(e->rcpt.dsn_orcpt));
	else if (orig.len > 0)
		line(w, "Original-Recipient: %s; " STR_FMT, address_type(orig), STR_ARG(orig));
	line(w, "Action: " STR_FMT,
		STR_ARG(w->n->template == TEMPLATE_FAILURE ? STR("failed") : d->action));
	line(w, "Status: " STR_FMT, STR_ARG(d->status));
	if (d->mtype.len > 0 && d->mname.len > 0)
		folded(w, "Remote-MTA: " STR_FMT "; " STR_FMT, STR_ARG(d->mtype),
			STR_ARG(d->mname));
	if (d->dtype.len > 0 && d->dtext.len > 0)
		folded(w, "Diagnostic-Code: " STR_FMT "; " STR_FMT, STR_ARG(d->dtype),
			STR_ARG(d->dtext));
	else
		folded(w, "Diagnostic-Code: X-" STR_FMT "; " STR_FMT, STR_ARG(job->b->mail_token),
			STR_ARG(d->reason));
	if (w->n->template == TEMPLATE_DELAY)
		date_line(w, "Will-Retry-Until",
			job->original.arrival +
				(int64_t)(job->b->c.maximal_queue_lifetime / USEC_PER_SEC));
}

static void put_report_part(struct writer *w)
{
	const struct job *job = w->n->job;
	const struct bounce *b = job->b;
	struct str sender = shown_sender(w->n);

	line(w, "%s", "");
	line(w, "--%s", buf_cstr(&w->boundary));
	line(w, "Content-Description: Delivery report");
	line(w, "Content-Type: message/%sdelivery-status", w->utf8 ? "global-" : "");
	if (w->utf8)
		put_encoding(w);
	line(w, "%s", "");
	line(w, "Reporting-MTA: dns; %s", b->c.myhostname);
	if (job->m.dsn_envid.len > 0)
		line(w, "Original-Envelope-Id: " STR_FMT, STR_ARG(job->m.dsn_envid));
	line(w, "X-" STR_FMT "-Queue-ID: " STR_FMT, STR_ARG(b->mail_token),
		STR_ARG(job->m.queue_id));
	line(w, "X-" STR_FMT "-Sender: %s; " STR_FMT, STR_ARG(b->mail_token), address_type(sender),
		STR_ARG(sender));
	date_line(w, "Arrival-Date", job->original.arrival);
	(void)put_recipients(w, put_group);
}

static void put_original_part(struct writer *w)
{
	const struct notice *n = w->n;
	bool undelivered = n->template == TEMPLATE_FAILURE || n->template == TEMPLATE_DELAY;

	line(w, "%s", "");
	line(w, "--%s", buf_cstr(&w->boundary));
	line(w, "Content-Description: %sMessage%s", undelivered ? "Undelivered " : "",
		w->full ? "" : " Headers");
	if (w->full)
		line(w, "Content-Type: message/%s", w->utf8 ? "global" : "rfc822");
	else
		line(w, "Content-Type: %s",
			w->utf8 ? "message/global-headers" : "text/rfc822-headers");
	put_encoding(w);
	line(w, "%s", "");
	if (n->job->original.msg == NULL) {
		line(w, "\t--- %sessage unavailable ---", undelivered ? "Undelivered m" : "M");
	} else {
		line(w, "Return-Path: <" STR_FMT ">", STR_ARG(shown_sender(n)));
		if (w->err == 0)
			w->err = original_copy(&n->job->original, w->post, w->full);
	}
	line(w, "%s", "");
	line(w, "--%s--", buf_cstr(&w->boundary));
}

/* ---- the whole ---- */

static unsigned post_flags(const struct writer *w)
{
	const struct bounce *b = w->n->job->b;
	unsigned flags = INTAKE_INTERNAL;

	if (b->filter_bounces)
		flags |= INTAKE_FILTER | INTAKE_MILTER;
	if (w->utf8)
		flags |= INTAKE_SMTPUTF8;
	if ((w->n->job->m.sendopts & SENDOPT_REQUIRETLS) && !b->c.requiretls_redact_dsn)
		flags |= INTAKE_REQUIRETLS;
	return flags;
}

static void decide(struct writer *w)
{
	const struct job *job = w->n->job;
	const struct bounce_conf *c = &job->b->c;
	bool redact = (job->m.sendopts & SENDOPT_REQUIRETLS) && c->requiretls_redact_dsn;

	w->utf8 = (job->m.sendopts & SENDOPT_SMTPUTF8_REQUESTED) != 0;
	w->full = w->n->full && !redact && job->m.dsn_ret != DSN_RET_HDRS &&
		  job->original.size <= c->bounce_size_limit;
	if (c->smtputf8_enable || template_is_8bit(w->t) || str_ieq(job->m.encoding, STR("8bit")))
		w->encoding = "8bit";
	else
		w->encoding = str_ieq(job->m.encoding, STR("7bit")) ? "7bit" : "";
	buf_putf(&w->boundary, STR_FMT ".%lld/%s", STR_ARG(job->m.queue_id), (long long)time(NULL),
		c->myhostname);
}

static int finish(struct writer *w, struct why *why)
{
	struct str reason = STR_EMPTY;
	unsigned status = 0;

	if (w->err == 0)
		w->err = post_record(w->post, REC_XTRA, STR_EMPTY);
	if (w->err == 0)
		w->err = post_record(w->post, REC_END, STR_EMPTY);
	if (w->err < 0)
		return why_errno(why, w->err, "write to %s", w->n->job->b->cleanup_path);
	w->err = post_finish(w->post, &status, &reason, why);
	if (w->err == 0 && status != 0)
		w->err = why_set(why, -EIO, "%s refuses: status %u " STR_FMT,
			w->n->job->b->cleanup_path, status, STR_ARG(reason));
	return w->err;
}

int notice_send(struct notice *n, struct str *ret_id, struct why *why)
{
	const struct bounce *b = n->job->b;
	struct writer w = { .n = n, .t = &b->templates.t[n->template], .boundary = BUF(BUF_SMALL) };
	int r;

	decide(&w);
	r = post_notice(b->cleanup_path, post_flags(&w), b->c.ipc_timeout, n->sender, n->recipient,
		0, &w.post, why);
	if (r == 0) {
		w.err = post_received(w.post, b->c.myhostname, b->c.mail_name);
		put_header(&w);
		put_text_part(&w);
		put_report_part(&w);
		put_original_part(&w);
		r = finish(&w, why);
		if (r == 0)
			*ret_id = arena_str(n->job->arena, str_of(post_id(w.post)));
		post_free(w.post);
	}
	buf_done(&w.boundary);
	return r;
}
