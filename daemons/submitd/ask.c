/* SPDX-License-Identifier: Apache-2.0 */
/*
 * submitd/ask.c — see ask.h. Only requests that postqueue itself could make reach other services, each
 * made here from words that were checked.
 */
#include "ask.h"

#include <sysexits.h>

#include "base/mem.h"
#include "ipc/attr.h"
#include "log/log.h"
#include "net/socket.h"

struct ask {
	struct ask_settings set;
	struct match_list *view, *flush;
};

struct ask *ask_new(const struct ask_settings *s)
{
	struct ask *a = mem_new(struct ask);

	a->set = *s;
	a->view = match_new(s->tables, "authorized_mailq_users", MATCH_STRING, false,
		str_of(s->authorized_mailq_users));
	a->flush = match_new(s->tables, "authorized_flush_users", MATCH_STRING, false,
		str_of(s->authorized_flush_users));
	return a;
}

const char *ask_changed(const struct ask *a)
{
	const char *name = match_changed(a->view);

	return name != NULL ? name : match_changed(a->flush);
}

int ask_answer(struct stream *s, int status, struct str reason)
{
	_cleanup_buf_ struct buf b = BUF_LOCAL(BUF_SMALL);
	int r = attr_put_int(&b, ATTR_NUL, "status", status);

	if (r == 0)
		r = attr_put_str(&b, ATTR_NUL, "reason", reason);
	if (r == 0)
		r = attr_put_end(&b, ATTR_NUL);
	if (r == 0)
		r = stream_write(s, buf_str(&b));
	return r == 0 ? stream_flush(s) : r;
}

/* What showq says goes to the client as it comes. */
static int copy_listing(const struct ask *a, struct stream *s)
{
	_cleanup_buf_ struct buf path = BUF_LOCAL(BUF_SMALL);
	_cleanup_stream_ struct stream *showq = NULL;
	struct why why = { "" };
	int fd;
	int r;

	buf_putf(&path, "public/%s", a->set.showq_service_name);
	/* With a name: postqueue reads the newer listing. */
	fd = net_connect_unix_named(buf_cstr(&path), clock_deadline(a->set.timeout), NULL);
	if (fd < 0) {
		(void)why_errno(&why, fd,
			"Queue report unavailable - mail system is down (Connect to the public %s "
			"service)",
			a->set.showq_service_name);
		return ask_answer(s, EX_UNAVAILABLE, str_of(why.text));
	}
	showq = stream_new(fd);
	stream_timeout(showq, a->set.timeout);
	r = ask_answer(s, EX_OK, STR_EMPTY);
	while (r == 0 && stream_fill(showq) == 0) {
		struct str data = stream_buffered(showq);

		r = stream_write(s, data);
		stream_skip(showq, data.len);
	}
	return r == 0 ? stream_flush(s) : r;
}

static int flush(const struct ask *a, struct stream *s, struct str request)
{
	_cleanup_free_ char *text = str_dup(request);
	const struct queue_request *q = &a->set.services;
	struct why why = { "" };
	int status;

	if (str_eq(request, STR("flush")))
		status = queue_request_flush(q, &why);
	else if (str_starts(request, STR("site ")))
		status = queue_request_site(q, text + 5, &why);
	else
		status = queue_request_file(q, text + 5, &why);
	return ask_answer(s, status, str_of(why.text));
}

void ask_serve(const struct ask *a, struct stream *s, const struct submit_user *u,
	struct str request)
{
	bool view = str_eq(request, STR("list"));
	bool known = view || str_eq(request, STR("flush")) || str_starts(request, STR("site ")) ||
		     str_starts(request, STR("file "));
	struct why why = { "" };
	int status = EX_USAGE;
	int r;

	if (known && memchr(request.ptr, '\0', request.len) == NULL)
		status = queue_request_allowed(view ? a->view : a->flush, u->uid, u->login,
			view ? "view" : "flush", &why);
	else
		(void)why_set(&why, 0, "uid=%ld: unknown request", (long)u->uid);
	if (status != EX_OK) {
		log_warn("%s", why.text);
		r = ask_answer(s, status, str_of(why.text));
	} else if (view) {
		r = copy_listing(a, s);
	} else {
		r = flush(a, s, request);
	}
	if (r < 0)
		log_debug("uid=%ld: the client has gone: %s", (long)u->uid, strerrordesc_np(-r));
}
