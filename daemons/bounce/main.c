/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bounce — logs of what became of recipients, and the notices made from them.
 *
 * Serves as bounce, defer and trace: the service name is the directory of the logs. Protocol:
 * delivery_status_protocol, NUL encoding. An append is answered when it is on stable storage; when
 * it cannot be, the connection ends without an answer, as the original's does.
 */
#include <errno.h>

#include "bounce.h"
#include "delivery/groups.h"
#include "intake/intake.h"
#include "ipc/attr.h"
#include "sandbox/sandbox.h"
#include "service/template_text.h"

/* Most bytes of one request. */
#define REQUEST_MAX ((size_t)1 << 20)

static struct bounce the_bounce;
static struct arena *the_strings;

#define B struct bounce_conf
static const struct conf_var vars[] = {
	CV_STR(B, bounce_notice_recipient),
	CV_STR(B, delay_notice_recipient),
	CV_STR(B, notify_classes),
	CV_STR(B, bounce_template_file),
	CV_STR(B, double_bounce_sender),
	CV_STR(B, empty_address_recipient),
	CV_STR(B, header_from_format),
	CV_STR(B, internal_mail_filter_classes),
	CV_STR(B, cleanup_service_name),
	CV_STR(B, myhostname),
	CV_STR(B, myorigin),
	CV_STR(B, mail_name),
	CV_STR(B, hash_queue_names),
	CV_INT(B, hash_queue_depth),
	CV_INT(B, bounce_size_limit),
	CV_TIME(B, maximal_queue_lifetime),
	CV_TIME(B, ipc_timeout),
	CV_BOOL(B, backwards_bounce_logfile_compatibility),
	CV_BOOL(B, enable_threaded_bounces),
	CV_BOOL(B, requiretls_redact_dsn),
	CV_BOOL(B, smtputf8_enable),
	CV_END,
};

static int append(struct attr_list *l, struct why *why)
{
	struct status_entry e = { .rcpt = { .offset = -1 } };
	struct str id;
	int flags;

	if (attr_int(l, "flags", &flags) < 0 || attr_str(l, "queue_id", &id) < 0 ||
		group_get_recipient(l, &e.rcpt) < 0 || group_get_dsn(l, &e.dsn) < 0 ||
		!queue_id_ok(id))
		return why_set(why, -EBADMSG, "malformed append request");
	return status_log_append(&the_bounce.queue, str_of(the_bounce.service), id, &e,
		the_bounce.c.backwards_bounce_logfile_compatibility, why);
}

/* sendopts was smtputf8 before 3.10; some clients leave it out of trace requests. */
static int read_sendopts(struct attr_list *l)
{
	int n = 0;

	if (attr_int(l, "sendopts", &n) < 0 && attr_int(l, "smtputf8", &n) < 0)
		n = 0;
	return n;
}

static int read_message(struct attr_list *l, struct job *job)
{
	struct bounce_message *m = &job->m;

	m->verp = STR_EMPTY;
	if (attr_int(l, "flags", &job->flags) < 0 ||
		attr_str(l, "queue_name", &m->queue_name) < 0 ||
		attr_str(l, "queue_id", &m->queue_id) < 0 ||
		attr_str(l, "encoding", &m->encoding) < 0)
		return -EBADMSG;
	m->sendopts = read_sendopts(l);
	if (attr_str(l, "sender", &m->sender) < 0 ||
		attr_str(l, "envelope_id", &m->dsn_envid) < 0 ||
		attr_int(l, "ret_flags", &m->dsn_ret) < 0)
		return -EBADMSG;
	if (job->what == BOUNCE_VERP &&
		(attr_str(l, "verp_delimiters", &m->verp) < 0 || m->verp.len != 2))
		return -EBADMSG;
	if (job->what == BOUNCE_ONE &&
		(group_get_recipient(l, &job->one.rcpt) < 0 || group_get_dsn(l, &job->one.dsn) < 0))
		return -EBADMSG;
	return queue_name_ok(m->queue_name) && queue_id_ok(m->queue_id) ? 0 : -EBADMSG;
}

/* A logged recipient is "expanded from" another only when that is another. */
static void normalize(struct status_entry *e)
{
	if (str_ieq(e->rcpt.orig_addr, e->rcpt.address))
		e->rcpt.orig_addr = STR_EMPTY;
}

static int flush(struct attr_list *l, int what, struct arena *a, struct why *why)
{
	struct job job = { .b = &the_bounce, .arena = a, .what = (enum bounce_request)what };

	if (read_message(l, &job) < 0)
		return why_set(why, -EBADMSG, "malformed request %d", what);
	normalize(&job.one);
	return flush_request(&job) < 0 ? -1 : 0;
}

/* One request; false: the connection ends. */
static bool serve_one(struct service_client *client)
{
	_cleanup_arena_ struct arena *a = arena_new((size_t)256 << 20);
	_cleanup_buf_ struct buf b = BUF_LOCAL(BUF_SMALL);
	struct attr_list l;
	struct why why = { .text = "" };
	int what, status = -EBADMSG, r;

	r = attr_list_read(client->stream, ATTR_NUL, REQUEST_MAX, a, &l);
	if (r < 0)
		return false;
	if (attr_int(&l, "nrequest", &what) < 0 || what < BOUNCE_APPEND || what > BOUNCE_TRACE)
		(void)why_set(&why, 0, "request without a known number");
	else if (what == BOUNCE_APPEND)
		status = append(&l, &why);
	else
		status = flush(&l, what, a, &why);
	if (why.text[0] != '\0') {
		log_warn("%s", why.text);
		if (status != -EBADMSG)
			return false;
	}
	if (attr_put_int(&b, ATTR_NUL, "status", status < 0 ? -1 : 0) < 0 ||
		attr_put_end(&b, ATTR_NUL) < 0 ||
		attr_put_greeting(&b, ATTR_NUL, "delivery_status_protocol") < 0)
		return false;
	return stream_write(client->stream, buf_str(&b)) == 0 && stream_flush(client->stream) == 0;
}

static void serve(struct service_ctx *ctx, struct service_client *client)
{
	_cleanup_buf_ struct buf greeting = BUF_LOCAL(BUF_SMALL);

	if (attr_put_greeting(&greeting, ATTR_NUL, "delivery_status_protocol") < 0 ||
		stream_write(client->stream, buf_str(&greeting)) < 0 ||
		stream_flush(client->stream) < 0)
		return;
	while (service_next_request(ctx, client, 0) && serve_one(client))
		;
}

static bool has_class(const char *list, struct str name)
{
	struct str rest = str_of(list), word;

	while (str_word(&rest, ", \t\r\n", &word))
		if (str_ieq(word, name))
			return true;
	return false;
}

/* Each word of a list is one of the names: 0 or -EINVAL. */
static int check_words(const char *param, const char *list, const char *const *names,
	struct why *why)
{
	struct str rest = str_of(list), word;

	while (str_word(&rest, ", \t\r\n", &word)) {
		size_t i = 0;

		while (names[i] != NULL && !str_ieq(word, str_of(names[i])))
			i++;
		if (names[i] == NULL)
			return why_set(why, -EINVAL, "%s: unknown name \"" STR_FMT "\"", param,
				STR_ARG(word));
	}
	return 0;
}

static int check_lists(const struct bounce *b, struct why *why)
{
	static const char *const classes[] = { "bounce", "2bounce", "data", "delay", "policy",
		"protocol", "resource", "software", NULL };
	static const char *const filters[] = { "bounce", "notify", NULL };
	int r = check_words("notify_classes", b->c.notify_classes, classes, why);

	return r < 0 ? r
		     : check_words("internal_mail_filter_classes",
			       b->c.internal_mail_filter_classes, filters, why);
}

/* mail_name with what a field name must not have replaced. */
static struct str make_token(const char *name)
{
	char *p = arena_cstr(the_strings, str_of(name));

	for (size_t i = 0; p[i] != '\0'; i++)
		if (p[i] <= ' ' || p[i] > '~' || strchr("()<>@,;:\\\". []", p[i]) != NULL)
			p[i] = '-';
	return str_of(p);
}

static void derive(struct bounce *b)
{
	b->notify_bounce = has_class(b->c.notify_classes, STR("bounce"));
	b->notify_2bounce = has_class(b->c.notify_classes, STR("2bounce"));
	b->notify_delay = has_class(b->c.notify_classes, STR("delay"));
	b->filter_bounces = has_class(b->c.internal_mail_filter_classes, STR("bounce"));
	b->mail_token = make_token(b->c.mail_name);
	b->cleanup_path = arena_cstr(the_strings,
		arena_fmt(the_strings, "public/%s", b->c.cleanup_service_name));
	strv_split(&b->hashed, str_of(b->c.hash_queue_names), ", \t\r\n");
	b->queue = (struct queue_settings){ .hashed = (const char *const *)b->hashed.v,
		.hash_depth = (unsigned)b->c.hash_queue_depth };
}

static int pre_jail(struct service_ctx *ctx, struct why *why)
{
	struct bounce *b = &the_bounce;
	char *second = NULL;
	int r = conf_str(ctx->conf, "2bounce_notice_recipient", &second, why);

	if (r < 0)
		return r;
	r = check_lists(b, why);
	if (r < 0) {
		free(second);
		return r;
	}
	if (!queue_name_ok(str_of(ctx->name)))
		return why_set(why, -EINVAL, "bad service name: %s", ctx->name);
	the_strings = arena_new(0);
	b->c.second_bounce_notice_recipient = arena_cstr(the_strings, str_of(second));
	free(second);
	b->service = ctx->name;
	derive(b);
	templates_init(&b->templates, strcmp(b->c.header_from_format, "obsolete") == 0);
	if (*b->c.bounce_template_file != '\0')
		r = templates_load(&b->templates, b->c.bounce_template_file, &log_notes, why);
	for (size_t i = 0; i < TEMPLATES && r == 0; i++) {
		struct buf text = BUF(BUF_MEDIUM);

		r = template_text(ctx->conf, &b->templates.t[i], &text, why);
		b->text[i] = buf_take(&text);
	}
	return r;
}

int main(int argc, char **argv)
{
	static const struct service bounce = {
		.name = "bounce",
		.kind = SERVICE_THREADED,
		.flags = SERVICE_UNLIMITED,
		.vars = vars,
		.conf_base = &the_bounce.c,
		.promises = P_STDIO | P_UNIX | P_READ | P_QUEUE,
		.pre_jail = pre_jail,
		.serve = serve,
	};

	service_main(argc, argv, &bounce);
}
