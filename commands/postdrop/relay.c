/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay.c — without privileges: the message goes to the submission service, submitd(8).
 *
 * The service speaks as postdrop does, asks the kernel who we are, and checks everything itself; only
 * whole records are sent, so that a slow user keeps nothing but a quiet connection. What it cannot
 * accept comes as a list fatal=text. Exit 0 only after its answer, which comes after stable storage.
 */
#include <errno.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "ipc/attr.h"
#include "log/log.h"
#include "net/socket.h"
#include "postdrop.h"

/* How often and how long we try to get an answer from the service. */
#define ATTEMPTS         5
#define PAUSE_SECONDS    1
#define GREETING_TIMEOUT (30 * USEC_PER_SEC)
#define LIST_MAX         ((size_t)64 * 1024)

struct relay {
	const struct postdrop_conf *c;
	struct stream *user; /* standard input and output */
	int fd;              /* of the service, submitd */
	/* Two streams, because there may be an answer when writing has failed. */
	struct stream *to, *from;
	struct arena *a;
};

/* One list to the user. */
static void tell(struct relay *r, struct buf *list)
{
	if (attr_put_end(list, ATTR_NUL) < 0 || stream_write(r->user, buf_str(list)) < 0 ||
		stream_flush(r->user) < 0)
		log_fatal("uid=%ld: cannot write to standard output", (long)getuid());
}

/* Read the greeting into `id`: 0 or negative errno. */
static int read_greeting(struct relay *r, struct str *ret_id)
{
	struct attr_list list;
	struct str value;
	int e = attr_list_read(r->from, ATTR_NUL, LIST_MAX, r->a, &list);

	if (e < 0)
		return e == -ENODATA ? -ECONNRESET : e;
	if (attr_str(&list, "fatal", &value) == 0)
		log_fatal(STR_FMT, STR_ARG(value));
	if (attr_str(&list, "protocol", &value) < 0 || !str_eq(value, STR("postdrop_protocol")) ||
		attr_str(&list, "queue_id", ret_id) < 0)
		return -EPROTO;
	return 0;
}

static void hang_up(struct relay *r)
{
	stream_free(r->to);
	stream_free(r->from);
	r->to = r->from = NULL;
	fd_close(TAKE_FD(r->fd));
}

static int try_connect(struct relay *r, const char *path, struct str *ret_id)
{
	struct why why;
	int fd = net_connect_unix(path, clock_deadline(GREETING_TIMEOUT), &why);
	int e;

	if (fd < 0)
		return fd;
	r->fd = fd;
	r->to = stream_new_pair(-1, fd);
	r->from = stream_new_pair(fd, -1);
	stream_timeout(r->from, GREETING_TIMEOUT);
	e = read_greeting(r, ret_id);
	stream_timeout(r->to, r->c->ipc_timeout);
	stream_timeout(r->from, r->c->ipc_timeout);
	if (e < 0)
		hang_up(r);
	return e;
}

/* Connect and greet the user. A few times: a service that is being restarted comes back. */
static void begin(struct relay *r, const char *cause)
{
	const struct timespec pause = { .tv_sec = PAUSE_SECONDS };
	_cleanup_buf_ struct buf path = BUF_LOCAL(BUF_SMALL);
	_cleanup_buf_ struct buf list = BUF_LOCAL(BUF_SMALL);
	struct str id = STR_EMPTY;
	int e = -ECONNREFUSED;

	buf_putf(&path, "open/%s", r->c->submission_service_name);
	for (int i = 0; e < 0 && i < ATTEMPTS; i++) {
		if (i > 0)
			(void)nanosleep(&pause, NULL);
		e = try_connect(r, buf_cstr(&path), &id);
	}
	if (e < 0) {
		log_fatal_status(EX_TEMPFAIL);
		log_fatal("uid=%ld: %s, and no answer from %s/%s (%s): either install postdrop "
			  "set-group-id, or run the mail system with the service \"%s unix n - n "
			  "- - submitd\" in master.cf; the message was not taken",
			(long)getuid(), cause, r->c->queue_directory, buf_cstr(&path),
			strerrordesc_np(-e), r->c->submission_service_name);
	}
	if (attr_put_str(&list, ATTR_NUL, "protocol", STR("postdrop_protocol")) < 0 ||
		attr_put_str(&list, ATTR_NUL, "queue_id", id) < 0)
		log_fatal("uid=%ld: malformed queue id", (long)getuid());
	tell(r, &list);
}

/* Send records up to E, or as far as the service reads: true; false: the input ended early. */
static bool copy(struct relay *r)
{
	size_t max = (size_t)r->c->line_length_limit;
	_cleanup_buf_ struct buf slow = BUF_LOCAL(max + 2);
	_cleanup_buf_ struct buf record = BUF_LOCAL((size_t)REC_MAX + 16);
	int type = 0;
	int e = 0;

	while (e == 0 && type != REC_END) {
		struct str data;

		if (!stream_readable(r->user))
			e = stream_flush(r->to);
		if (e < 0)
			break;
		type = next_record(r->user, max, &slow, &data);
		if (type == -ENODATA)
			return false;
		if (type == 0)
			log_fatal("uid=%ld: unexpected record type: 0", (long)getuid());
		buf_clear(&record);
		e = rec_put(&record, type, data);
		if (e == 0)
			e = stream_write(r->to, buf_str(&record));
	}
	/* Should writing fail there may be words that say why. */
	(void)!stream_flush(r->to);
	return true;
}

static int finish(struct relay *r)
{
	_cleanup_buf_ struct buf b = BUF_LOCAL(BUF_SMALL);
	struct attr_list list;
	struct str text = STR_EMPTY;
	int status = 0;
	int e = attr_list_read(r->from, ATTR_NUL, LIST_MAX, r->a, &list);

	if (e == 0 && attr_str(&list, "fatal", &text) == 0)
		log_fatal(STR_FMT, STR_ARG(text));
	if (e == 0 &&
		(attr_int(&list, "status", &status) < 0 || attr_str(&list, "reason", &text) < 0))
		e = -EPROTO;
	if (e < 0) {
		log_fatal_status(EX_TEMPFAIL);
		log_fatal("uid=%ld: no answer from the submission service (%s): the message may "
			  "have been taken or not",
			(long)getuid(), strerrordesc_np(e == -ENODATA ? ECONNRESET : -e));
	}
	if (attr_put_int(&b, ATTR_NUL, "status", status) < 0 ||
		attr_put_str(&b, ATTR_NUL, "reason", text) < 0)
		log_fatal("uid=%ld: malformed answer", (long)getuid());
	tell(r, &b);
	return status != 0 && (status & 0xff) == 0 ? 1 : status & 0xff;
}

int relay_message(const struct postdrop_conf *c, struct stream *user, const char *cause)
{
	struct relay r = { .c = c,
		.user = user,
		.fd = -1,
		.a = arena_new(4 * LIST_MAX * ATTEMPTS) };
	int status = 0;

	begin(&r, cause);
	if (copy(&r))
		status = finish(&r);
	hang_up(&r);
	arena_free(r.a);
	return status;
}
