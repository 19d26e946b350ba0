/* SPDX-License-Identifier: Apache-2.0 */
/*
 * intake/writer.c — messages that are being written, one after the other.
 *
 * Invariants: while file.fd is -1 and nothing was committed, all of the message is in the buffer. From
 * one message to the next nothing goes over but the memory of the buffer.
 */
#include "intake/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"

/* Room from the start: most messages need no more. */
#define USUAL_BYTES ((size_t)8 * 1024 - 1)
/* A buffer that is larger is not kept for the next message. */
#define KEEP_BYTES ((size_t)16 * 1024)
/* The buffer goes to the file when it has grown to this. */
#define FLUSH_BYTES ((size_t)512 * 1024)
/* A record is at most REC_MAX and its head. */
#define BUFFER_MAX (FLUSH_BYTES + REC_MAX + 16)

struct writer {
	const struct queue_settings *q;
	struct journal_writer *journal; /* where it goes at the end; NULL: it is a file */
	struct queue_file file;         /* fd -1: closed, or not made yet */
	bool exists;                    /* to be removed unless committed */
	bool journaled;                 /* committed to the journal */
	size_t memory;                  /* the buffer goes to the file when it has grown to this */
	int64_t limit;
	int64_t written;
	struct buf buf;
	int error;
};

struct writer *writer_new(void)
{
	struct writer *w = mem_new(struct writer);

	w->file.fd = -1;
	w->buf = BUF(BUFFER_MAX);
	check(buf_reserve(&w->buf, USUAL_BYTES) == 0);
	return w;
}

int writer_open(struct writer *w, const struct queue_settings *q, struct journal_writer *j,
	int64_t limit, struct why *why)
{
	static const struct rec_size none;
	int r;

	writer_close(w);
	w->q = q;
	w->limit = limit;
	w->memory = FLUSH_BYTES;
	if (j != NULL && journal_reserve(j, &w->file) == 0) {
		w->journal = j;
		w->memory = journal_writer_limit(j) + 1;
	} else {
		r = queue_create(q, STR(QUEUE_INCOMING), 0600, &w->file, why);
		if (r < 0)
			return r;
		w->exists = true;
	}
	rec_put_size(&w->buf, &none);
	return 0;
}

const char *writer_id(const struct writer *w)
{
	return w->file.id;
}

struct timeval writer_created(const struct writer *w)
{
	return w->file.created;
}

int64_t writer_offset(const struct writer *w)
{
	return w->written + (int64_t)w->buf.len;
}

int writer_error(const struct writer *w)
{
	return w->error;
}

/* It does not go to the journal: from now on it is a file of the same name. */
static int become_file(struct writer *w)
{
	int fd;

	if (w->journal == NULL)
		return 0;
	fd = queue_open(w->q, STR(QUEUE_INCOMING), str_of(w->file.id), O_RDWR | O_CREAT | O_EXCL,
		0600);
	if (fd < 0)
		return fd;
	w->journal = NULL;
	w->memory = FLUSH_BYTES;
	w->file.fd = fd;
	w->exists = true;
	return 0;
}

int writer_flush(struct writer *w)
{
	int r;

	if (w->error < 0 && w->error != -EFBIG)
		return w->error;
	r = become_file(w);
	if (r == 0)
		r = fd_write_all(w->file.fd, buf_str(&w->buf));
	if (r < 0 && w->error == 0)
		w->error = r;
	w->written += (int64_t)w->buf.len;
	buf_clear(&w->buf);
	return r;
}

void writer_put(struct writer *w, int type, struct str data)
{
	int r;

	if (w->error < 0)
		return;
	r = rec_put(&w->buf, type, data);
	if (r < 0)
		w->error = r == -EMSGSIZE ? -EFBIG : r;
	else if (w->limit > 0 && writer_offset(w) > w->limit)
		w->error = -EFBIG;
	else if (w->buf.len >= w->memory || (type == REC_DONE && w->journal != NULL))
		w->error = writer_flush(w);
}

static int put_size(struct writer *w, const struct rec_size *size)
{
	_cleanup_buf_ struct buf head = BUF_LOCAL(BUF_SMALL);

	rec_put_size(&head, size);
	if (w->written > 0)
		return fd_pwrite_all(w->file.fd, buf_str(&head), 0);
	check(w->buf.len >= head.len);
	memcpy(w->buf.ptr, head.ptr, head.len);
	return 0;
}

static int settle(struct writer *w, struct str queue)
{
	int r = 0;

	if (!str_eq(queue, STR(QUEUE_INCOMING)))
		r = queue_move(w->q, str_of(w->file.id), STR(QUEUE_INCOMING), queue, NULL);
	if (r == 0 && fchmod(w->file.fd, QUEUE_MODE_READY) < 0)
		r = -errno;
	if (r == 0)
		r = fd_sync(w->file.fd);
	if (r < 0)
		(void)!queue_remove(w->q, queue, str_of(w->file.id));
	return r;
}

/* 1: the journal has it; 0: it must be a file; negative errno. */
static int commit_to_journal(struct writer *w, struct str queue, struct why *why)
{
	int r;

	if (w->journal == NULL || !str_eq(queue, STR(QUEUE_INCOMING)))
		return 0;
	r = journal_commit(w->journal, &w->file, buf_str(&w->buf), why);
	if (r == -EAGAIN)
		return 0;
	w->journaled = r == 0;
	return r == 0 ? 1 : r;
}

static int commit_file(struct writer *w, struct str queue)
{
	int r = writer_flush(w);

	if (r == 0)
		r = settle(w, queue);
	if (r == 0) {
		r = fd_close_checked(TAKE_FD(w->file.fd));
		if (r < 0)
			(void)!queue_remove(w->q, queue, str_of(w->file.id));
	}
	return r;
}

int writer_commit(struct writer *w, const struct rec_size *size, struct str queue, struct why *why)
{
	struct why cause = { "" };
	int r = w->error;

	if (r == 0)
		r = put_size(w, size);
	if (r == 0)
		r = commit_to_journal(w, queue, &cause);
	if (r == 0)
		r = commit_file(w, queue);
	if (r < 0) {
		w->error = r;
		writer_remove(w);
		return cause.text[0] != '\0' ? why_set(why, r, "%s", cause.text)
					     : why_errno(why, r, "write queue file");
	}
	w->exists = false;
	return 0;
}

bool writer_is_journaled(const struct writer *w)
{
	return w->journaled;
}

void writer_remove(struct writer *w)
{
	if (!w->exists)
		return;
	w->exists = false;
	(void)!queue_remove(w->q, STR(QUEUE_INCOMING), str_of(w->file.id));
}

void writer_close(struct writer *w)
{
	fd_close(w->file.fd);
	writer_remove(w);
	buf_trim(&w->buf, KEEP_BYTES);
	*w = (struct writer){ .file.fd = -1, .buf = w->buf };
}

void writer_free(struct writer *w)
{
	if (w == NULL)
		return;
	writer_close(w);
	buf_done(&w->buf);
	free(w);
}
