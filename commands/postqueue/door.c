/* SPDX-License-Identifier: Apache-2.0 */
/*
 * postqueue/door.c — without privileges: submitd(8) asks the mail system for us.
 *
 * Where set-group-id has no effect (NoNewPrivileges, containers) public/ cannot be entered. The
 * submission service, which every user may connect to, learns from the kernel who we are, decides by
 * its own main.cf, and does what we would have done. It greets as for a message; our first record says
 * that there is none.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "ipc/attr.h"
#include "log/log.h"
#include "net/socket.h"
#include "postqueue.h"
#include "queue/record.h"
#include "service/queue_request.h"

#define TIMEOUT  (100 * USEC_PER_SEC)
#define LIST_MAX ((size_t)64 * 1024)

/* A container may see open/ and nothing else; and not every root may do what root may. */
bool door_is_needed(void)
{
	_cleanup_buf_ struct buf path = BUF_LOCAL(BUF_SMALL);

	if (faccessat(AT_FDCWD, "public", X_OK, AT_EACCESS) == 0)
		return false;
	if (errno != ENOENT)
		return errno == EACCES;
	buf_putf(&path, "open/%s", the_conf.submission_service_name);
	return access(buf_cstr(&path), W_OK) == 0;
}

_noreturn_ static void no_answer(const char *what, const char *path, int r)
{
	const char *service = the_conf.submission_service_name;

	log_fatal_status(EX_UNAVAILABLE);
	log_fatal(
		"%s: postqueue may not enter %s/public, and no answer from %s (%s): either install "
		"postqueue set-group-id and run it without NoNewPrivileges, or run the mail "
		"system with the service \"%s unix n - n - - submitd\" in master.cf",
		what, the_conf.queue_directory, path, strerrordesc_np(-r), service);
}

/* One list of the service; the program ends when it says that it cannot serve us. */
static int read_list(struct stream *s, struct arena *a, struct attr_list *ret)
{
	struct str text;
	int r = attr_list_read(s, ATTR_NUL, LIST_MAX, a, ret);

	if (r == 0 && attr_str(ret, "fatal", &text) == 0) {
		log_fatal_status(EX_UNAVAILABLE);
		log_fatal(STR_FMT, STR_ARG(text));
	}
	return r;
}

static int send_request(struct stream *s, const char *verb, const char *name)
{
	_cleanup_buf_ struct buf text = BUF_LOCAL(BUF_MEDIUM);
	_cleanup_buf_ struct buf record = BUF_LOCAL(BUF_MEDIUM);
	int r = buf_addf(&text, "%s%s", verb, name);

	if (r == 0)
		r = rec_put(&record, QUEUE_REQUEST_RECORD, buf_str(&text));
	if (r == 0)
		r = stream_write(s, buf_str(&record));
	return r == 0 ? stream_flush(s) : r;
}

struct stream *door_ask(const char *what, const char *verb, const char *name)
{
	_cleanup_buf_ struct buf path = BUF_LOCAL(BUF_SMALL);
	_cleanup_arena_ struct arena *a = arena_new(4 * LIST_MAX);
	struct stream *s;
	struct attr_list list;
	struct str reason;
	int status;
	int fd;
	int r;

	buf_putf(&path, "open/%s", the_conf.submission_service_name);
	fd = net_connect_unix(buf_cstr(&path), clock_deadline(TIMEOUT), NULL);
	if (fd < 0)
		no_answer(what, buf_cstr(&path), fd);
	s = stream_new(fd);
	stream_timeout(s, TIMEOUT);
	r = read_list(s, a, &list);
	if (r == 0)
		r = send_request(s, verb, name);
	if (r == 0)
		r = read_list(s, a, &list);
	if (r == 0 && (attr_int(&list, "status", &status) < 0 || status < 0 || status > 255 ||
			      attr_str(&list, "reason", &reason) < 0))
		r = -EPROTO;
	if (r < 0)
		no_answer(what, buf_cstr(&path), r == -ENODATA ? -ECONNRESET : r);
	if (status != 0) {
		log_fatal_status(status);
		log_fatal(STR_FMT, STR_ARG(reason));
	}
	return s;
}
