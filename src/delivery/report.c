/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delivery/report.c — one outcome, told to log, services and queue file; see report.h.
 */
#include <errno.h>

#include "address/address.h"
#include "base/mem.h"
#include "delivery/bounce_client.h"
#include "delivery/report_priv.h"

/** A reply of the services is one small list. */
#define REPLY_LIMIT ((size_t)4096)
#define TEXT_LIMIT  ((size_t)1024 * 1024)

/* Status of a recipient in the language of the verify service. */
enum verify_status {
	VERIFY_OK = 0,
	VERIFY_DEFER = 1,
	VERIFY_BOUNCE = 2,
};

static struct ipc_client *client(const struct report_settings *s, const char *path,
	const char *protocol, bool persistent)
{
	struct ipc_client_settings cs = {
		.path = path,
		.protocol = protocol,
		.enc = ATTR_NUL,
		.persistent = persistent,
		.timeout = s->ipc_timeout,
		.idle = 5 * USEC_PER_SEC,
		.ttl = 1000 * USEC_PER_SEC,
		.max_idle = 4,
	};

	return path == NULL ? NULL : ipc_client_new(&cs);
}

int report_conf_new(const struct report_settings *s, struct report_conf **ret, struct why *why)
{
	struct report_conf *c = mem_new(struct report_conf);
	int e = 0;

	c->s = *s;
	if (s->delivery_status_filter != NULL && *s->delivery_status_filter != '\0')
		e = tables_open(s->tables, "delivery_status_filter",
			str_of(s->delivery_status_filter), 0, &c->filter, why);
	if (e < 0) {
		free(c);
		return e;
	}
	if (s->flush_path != NULL && s->fast_flush_domains != NULL)
		c->flush_domains = match_new(s->tables, "fast_flush_domains", MATCH_DOMAIN,
			s->fast_flush_parent, str_of(s->fast_flush_domains));
	c->bounce = client(s, s->bounce_path, "delivery_status_protocol", false);
	c->defer = client(s, s->defer_path, "delivery_status_protocol", false);
	c->trace = client(s, s->trace_path, "delivery_status_protocol", false);
	c->flush = client(s, s->flush_path, "queue_flush_protocol", false);
	c->verify = client(s, s->verify_path, "address_verification_prrotocol", true);
	*ret = c;
	return 0;
}

void report_conf_free(struct report_conf *c)
{
	if (c == NULL)
		return;
	ipc_client_free(c->bounce);
	ipc_client_free(c->defer);
	ipc_client_free(c->trace);
	ipc_client_free(c->flush);
	ipc_client_free(c->verify);
	tables_done(&c->filter);
	match_free(c->flush_domains);
	free(c);
}

const char *report_conf_changed(const struct report_conf *c)
{
	const char *name = tables_changed(&c->filter);

	if (name == NULL && c->flush_domains != NULL)
		name = match_changed(c->flush_domains);
	return name;
}

/* One request; the service's status, or a negative errno. */
static int ask(struct ipc_client *cl, const struct buf *request, struct why *why)
{
	_cleanup_arena_ struct arena *a = arena_new(REPLY_LIMIT * 8);
	struct attr_list l;
	int status;
	int e;

	if (cl == NULL)
		return why_set(why, -ENOENT, "service not configured");
	e = ipc_call(cl, buf_str(request), REPLY_LIMIT, a, &l, why);
	if (e < 0)
		return e;
	if (attr_int(&l, "status", &status) < 0)
		return why_set(why, -EBADMSG, "malformed reply");
	return status == 0 ? 0 : why_set(why, -EIO, "status %d", status);
}

static void log_line(const struct report_conf *c, const struct report *r, const char *status)
{
	_cleanup_buf_ struct buf b = BUF_LOCAL(BUF_MEDIUM);

	report_format(c, &b, r, status);
	note(c->s.log, NOTE_INFO, STR_FMT ": %s", STR_ARG(r->rq->queue_id), buf_cstr(&b));
}

static void warn(const struct report_conf *c, const struct report *r, const char *what,
	const struct why *why)
{
	note(c->s.log, NOTE_WARN, STR_FMT ": %s: %s", STR_ARG(r->rq->queue_id), what, why->text);
}

/* Append to the log of bounce, defer or trace. */
static int append(const struct report_conf *c, struct ipc_client *cl, const char *what,
	const struct report *r, const char *action)
{
	_cleanup_buf_ struct buf b = BUF_LOCAL(TEXT_LIMIT);
	_cleanup_buf_ struct buf via = BUF_LOCAL(TEXT_LIMIT);
	struct dsn d = r->dsn;
	struct why why = { 0 };
	int e = 0;

	r->rq->has_reports = true;
	if (action != NULL)
		d.action = str_of(action);
	if (cl == c->trace && r->relay.len > 0 && !str_eq(r->relay, STR("none"))) {
		e = buf_addf(&via, "delivery via " STR_FMT ": " STR_FMT, STR_ARG(r->relay),
			STR_ARG(d.reason));
		d.reason = buf_str(&via);
	}
	if (e == 0)
		e = bounce_encode_append(&b, 0, r->rq->queue_id, r->rcpt, &d);
	if (e == 0)
		e = ask(cl, &b, &why);
	if (e < 0)
		warn(c, r, what, &why);
	return e;
}

static void mark(const struct report_conf *c, const struct report *r)
{
	int e;

	if (r->rcpt->offset < 0 || r->rq->msg == NULL)
		return;
	e = queue_message_mark_done(r->rq->msg, r->rcpt->offset);
	if (e < 0) {
		struct why why = { 0 };

		(void)why_errno(&why, e, "recipient may be delivered again");
		warn(c, r, "mark recipient done", &why);
	}
}

void report_mark(const struct report_conf *c, const struct report *r)
{
	if (r->rq->flags & REQUEST_SUCCESS)
		mark(c, r);
}

/* A probe for the verify service: the log line tells whether the result was stored. */
static int verify_update(const struct report_conf *c, const struct report *r, enum verify_status st)
{
	_cleanup_buf_ struct buf b = BUF_LOCAL(TEXT_LIMIT);
	struct str addr = r->rcpt->orig_addr.len > 0 ? r->rcpt->orig_addr : r->rcpt->address;
	struct why why = { 0 };
	bool store = st == VERIFY_OK || c->s.verify_negative_cache;
	int e = 0;

	if (store) {
		e = attr_put_str(&b, ATTR_NUL, "request", STR("update"));
		if (e == 0)
			e = attr_put_str(&b, ATTR_NUL, "address", addr);
		if (e == 0)
			e = attr_put_int(&b, ATTR_NUL, "recipient_status", (int)st);
		if (e == 0)
			e = attr_put_str(&b, ATTR_NUL, "reason", r->dsn.reason);
		if (e == 0)
			e = attr_put_end(&b, ATTR_NUL);
		if (e == 0)
			e = ask(c->verify, &b, &why);
	}
	if (e < 0) {
		warn(c, r, "address verification update", &why);
		return -1;
	}
	if (st == VERIFY_OK)
		log_line(c, r, "deliverable");
	else
		log_line(c, r, store ? "undeliverable" : "undeliverable-but-not-cached");
	return 0;
}

/* Probes end here, whatever became of them: done, or -1 when the result could not be told. */
static int probe(const struct report_conf *c, const struct report *r, enum verify_status st)
{
	int e;

	if (r->rq->flags & REQUEST_MTA_VRFY) {
		e = verify_update(c, r, st);
	} else {
		const char *action = st == VERIFY_OK ? "deliverable" : "undeliverable";

		e = append(c, c->trace, "trace service failure", r, action) < 0 ? -1 : 0;
		if (e == 0)
			log_line(c, r, action);
	}
	if (e == 0 && st == VERIFY_OK)
		report_mark(c, r);
	else if (e == 0)
		mark(c, r);
	return e;
}

static bool is_probe(const struct report *r)
{
	return (r->rq->flags & (REQUEST_MTA_VRFY | REQUEST_USR_VRFY)) != 0;
}

/* Remember that mail waits for a domain, for whom fast flush is configured. */
static void flush_add(const struct report_conf *c, const struct report *r)
{
	_cleanup_buf_ struct buf b = BUF_LOCAL(TEXT_LIMIT);
	_cleanup_arena_ struct arena *a = arena_new(REPLY_LIMIT * 8);
	struct str domain = address_split(r->rcpt->address).domain;
	struct why why = { 0 };
	struct attr_list l;
	int e;

	if (c->flush == NULL || c->flush_domains == NULL || domain.len == 0 ||
		match_str(c->flush_domains, domain, &why) != LOOKUP_FOUND)
		return;
	e = attr_put_str(&b, ATTR_NUL, "request", STR("add"));
	if (e == 0)
		e = attr_put_str(&b, ATTR_NUL, "site", domain);
	if (e == 0)
		e = attr_put_str(&b, ATTR_NUL, "queue_id", r->rq->queue_id);
	if (e == 0)
		e = attr_put_end(&b, ATTR_NUL);
	if (e == 0)
		e = ipc_call(c->flush, buf_str(&b), REPLY_LIMIT, a, &l, &why);
	if (e < 0)
		warn(c, r, "flush service failure", &why);
}

static int do_defer(const struct report_conf *c, const struct report *r, const char *status)
{
	if (append(c, c->defer, "defer service failure", r, "delayed") == 0) {
		if (r->rq->flags & REQUEST_RECORD)
			(void)append(c, c->trace, "trace service failure", r, "delayed");
	}
	log_line(c, r, status);
	flush_add(c, r);
	return -1;
}

/* The recipient stays in the queue because nobody would otherwise learn of its end. */
static int defer_for_service(const struct report_conf *c, const struct report *r)
{
	struct report again = *r;

	again.dsn = (struct dsn){
		.status = STR("4.3.0"),
		.action = STR("delayed"),
		.reason = STR("bounce or trace service failure"),
	};
	return do_defer(c, &again, "deferred");
}

static int do_bounce(const struct report_conf *c, const struct report *r)
{
	if (append(c, c->bounce, "bounce service failure", r, "failed") < 0)
		return defer_for_service(c, r);
	if ((r->rq->flags & REQUEST_RECORD) &&
		append(c, c->trace, "trace service failure", r, "failed") < 0)
		return defer_for_service(c, r);
	log_line(c, r, "bounced");
	/* Without regard to REQUEST_SUCCESS: the bounce log has it now. */
	mark(c, r);
	return 0;
}

/* The same status with another first digit, in a buffer of at least 16 bytes. */
static struct str with_class(struct str status, char class, struct buf *b)
{
	buf_putc(b, class);
	buf_put(b, str_skip(status, 1));
	return buf_str(b);
}

static int failed(const struct report_conf *c, struct report *r)
{
	_cleanup_buf_ struct buf status = BUF_LOCAL(TEXT_LIMIT);

	if (r->dsn.status.ptr[0] != '5' || c->s.soft_bounce) {
		const char *word = r->dsn.status.ptr[0] == '5' ? "SOFTBOUNCE" : "deferred";

		r->dsn.status = with_class(r->dsn.status, '4', &status);
		return do_defer(c, r, word);
	}
	return do_bounce(c, r);
}

/* The status must be of the class that the call stands for. */
static void set_class(const struct report_conf *c, struct report *r, const char *call,
	struct str fallback)
{
	struct str status = r->dsn.status;

	if (status.len > 0 && status.ptr[0] == fallback.ptr[0])
		return;
	if (status.len > 0)
		note(c->s.log, NOTE_WARN, "%s: ignoring dsn code \"" STR_FMT "\"", call,
			STR_ARG(status));
	r->dsn.status = fallback;
}

int report_bounce(const struct report_conf *c, const struct report *r)
{
	_cleanup_buf_ struct buf text = BUF_LOCAL(TEXT_LIMIT);
	struct report f = *r;

	set_class(c, &f, "bounce_append", STR("5.0.0"));
	report_filter(c, &f.dsn, &text);
	if (is_probe(r))
		return probe(c, &f, f.dsn.status.ptr[0] == '5' ? VERIFY_BOUNCE : VERIFY_DEFER);
	return failed(c, &f);
}

int report_defer(const struct report_conf *c, const struct report *r)
{
	_cleanup_buf_ struct buf text = BUF_LOCAL(TEXT_LIMIT);
	struct report f = *r;

	set_class(c, &f, "defer_append", STR("4.0.0"));
	report_filter(c, &f.dsn, &text);
	if (is_probe(r))
		return probe(c, &f, f.dsn.status.ptr[0] == '5' ? VERIFY_BOUNCE : VERIFY_DEFER);
	return failed(c, &f);
}

static bool wants_trace(const struct report *r)
{
	int notify = r->rcpt->dsn_notify;

	if (r->rq->flags & REQUEST_RECORD)
		return true;
	if ((r->rq->flags & REQUEST_REC_DLY_SENT) && (notify == 0 || (notify & DSN_NOTIFY_DELAY)))
		return true;
	return (notify & DSN_NOTIFY_SUCCESS) != 0;
}

int report_sent(const struct report_conf *c, const struct report *r)
{
	_cleanup_buf_ struct buf text = BUF_LOCAL(TEXT_LIMIT);
	struct report f = *r;

	set_class(c, &f, "sent", STR("2.0.0"));
	report_filter(c, &f.dsn, &text);
	if (is_probe(r))
		return probe(c, &f, VERIFY_OK);
	if (wants_trace(r) && append(c, c->trace, "trace service failure", &f, NULL) < 0)
		return defer_for_service(c, &f);
	log_line(c, &f, "sent");
	report_mark(c, &f);
	return 0;
}
