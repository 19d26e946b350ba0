/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue/journal_settle.c — a young message becomes a queue file.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "queue/journal_priv.h"

#define COPY_BYTES ((size_t)64 * 1024)

/* What an interrupted settling left is replaced; a whole file is not touched. */
static int create(const struct queue_settings *q, struct str queue, struct str id)
{
	for (unsigned i = 0;; i++) {
		int fd = queue_open(q, queue, id, O_RDWR | O_CREAT | O_EXCL, 0600);
		_cleanup_close_ int old = -1;
		struct stat st;
		int r;

		if (fd != -EEXIST || i > 0)
			return fd;
		old = queue_open(q, queue, id, O_RDONLY | O_NONBLOCK, 0);
		if (old < 0 || fstat(old, &st) < 0 || !S_ISREG(st.st_mode) ||
			(st.st_mode & QUEUE_MODE_READY) == QUEUE_MODE_READY)
			return -EEXIST;
		r = queue_remove(q, queue, id);
		if (r < 0 && r != -ENOENT)
			return r;
	}
}

static int copy(int from, uint64_t offset, uint64_t length, int to)
{
	_cleanup_free_ char *bytes = mem_alloc(COPY_BYTES);

	for (uint64_t done = 0; done < length;) {
		ssize_t n = fd_pread(from, bytes, (size_t)MIN(length - done, (uint64_t)COPY_BYTES),
			offset + done);
		int r;

		if (n <= 0)
			return n < 0 ? (int)n : -EBADMSG;
		r = fd_write_all(to, str_from(bytes, (size_t)n));
		if (r < 0)
			return r;
		done += (uint64_t)n;
	}
	return 0;
}

/* Write queue/id, complete it with `mode`, close. Nothing is left after a failure. */
static int write_file(const struct queue_settings *q, const struct journal_segment *seg,
	const struct journal_place *p, struct str queue, struct str id, mode_t mode, bool sync)
{
	int fd = create(q, queue, id);
	int closed;
	int r;

	if (fd < 0)
		return fd;
	r = copy(seg->fd, p->offset, p->length, fd);
	if (r == 0 && fchmod(fd, mode) < 0)
		r = -errno;
	if (r == 0 && sync)
		r = fd_sync(fd);
	closed = fd_close_checked(fd);
	r = r < 0 ? r : closed;
	if (r < 0)
		(void)!queue_remove(q, queue, id);
	return r;
}

int journal_settle(const struct queue_settings *q, const struct journal_entry *e, struct str queue,
	bool sync, struct why *why)
{
	struct journal_segment seg = JOURNAL_NO_SEGMENT;
	int r = journal_segment_open(e->place.segment, O_RDONLY, &seg);

	if (r == 0 && seg.generation != e->place.generation)
		r = -ESTALE;
	if (r == 0)
		r = write_file(q, &seg, &e->place, queue, str_of(e->id), QUEUE_MODE_READY, sync);
	journal_segment_close(&seg);
	if (r < 0)
		return why_errno(why, r, "write " STR_FMT "/%s from journal/%04u", STR_ARG(queue),
			e->id, e->place.segment);
	return 0;
}

int journal_keep(const struct queue_settings *q, const struct journal_segment *seg, uint64_t offset,
	uint64_t length, const char *name)
{
	const struct journal_place p = { .offset = offset, .length = length };
	int r = write_file(q, seg, &p, STR(QUEUE_CORRUPT), str_of(name), QUEUE_MODE_CORRUPT, true);

	return r == -EEXIST ? 0 : r;
}

int journal_keep_gap(const struct queue_settings *q, const struct journal_segment *seg,
	uint64_t offset, uint64_t length, const struct notes *notes)
{
	char name[64];
	int r;

	(void)snprintf(name, sizeof(name), "journal_%u_%llu", seg->generation,
		(unsigned long long)offset);
	r = journal_keep(q, seg, offset, length, name);
	note(notes, NOTE_ERROR,
		"journal/%04u: %llu bytes at %llu are damaged: %s " QUEUE_CORRUPT "/%s%s%s",
		seg->number, (unsigned long long)length, (unsigned long long)offset,
		r < 0 ? "cannot be kept as" : "kept as", name, r < 0 ? ": " : "",
		r < 0 ? strerrordesc_np(-r) : "");
	return r;
}
