/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue/journal_busy.c — agents that outlived their qmgr: locks on images, and what becomes of these.
 *
 * Whoever delivers from an image has a shared lock on its bytes. A replay takes what it settles
 * exclusively; what it cannot get goes on a list, each entry with a shared lock of its own, so that the
 * segment is not claimed anew before the agent's marks were looked at.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/mem.h"
#include "queue/journal_priv.h"
#include "queue/message.h"
#include "queue/message_priv.h"

int journal_segment_lock(const struct journal_segment *seg, uint64_t offset, uint64_t length,
	bool exclusive, bool wait)
{
	struct flock l = {
		.l_type = exclusive ? F_WRLCK : F_RDLCK,
		.l_whence = SEEK_SET,
		.l_start = (off_t)offset,
		.l_len = (off_t)length,
	};

	while (fcntl(seg->fd, wait ? F_OFD_SETLKW : F_OFD_SETLK, &l) < 0) {
		if (errno == EACCES || errno == EAGAIN)
			return -EBUSY;
		if (errno != EINTR)
			return -errno;
	}
	return 0;
}

int journal_segment_unlock(const struct journal_segment *seg, uint64_t offset, uint64_t length)
{
	struct flock l = { .l_type = F_UNLCK,
		.l_whence = SEEK_SET,
		.l_start = (off_t)offset,
		.l_len = (off_t)length };

	return fcntl(seg->fd, F_OFD_SETLK, &l) < 0 ? -errno : 0;
}

bool journal_is_absent(int error)
{
	return error == -ENOENT || error == -ENOTDIR || error == -ELOOP || error == -ENXIO;
}

/* The file that a message has become, open for marking; -ENOENT: there is none; other errno: nobody knows. */
static int open_file(const struct queue_settings *q, struct str id)
{
	static const char *const queues[] = { QUEUE_ACTIVE, QUEUE_INCOMING, QUEUE_DEFERRED,
		QUEUE_HOLD };

	for (size_t i = 0; i < ARRAY_LEN(queues); i++) {
		int fd = queue_open(q, str_of(queues[i]), id, O_RDWR | O_NONBLOCK, 0);
		struct stat st;

		if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
			(st.st_mode & QUEUE_MODE_READY) == QUEUE_MODE_READY)
			return fd;
		if (fd < 0 && !journal_is_absent(fd))
			return fd;
		fd_close(fd);
	}
	return -ENOENT;
}

/* As much as there is. */
static int read_all(int fd, uint64_t offset, uint64_t length, struct buf *ret)
{
	int r = buf_reserve(ret, length);
	ssize_t n;

	if (r < 0)
		return r;
	n = fd_pread(fd, ret->ptr + ret->len, length - ret->len, offset + ret->len);
	if (n < 0)
		return (int)n;
	ret->len += (size_t)n;
	ret->ptr[ret->len] = '\0';
	return 0;
}

/* File and image were the same once; so a byte that is D here and R there is a mark. */
static int merge_bytes(struct str image, int fd)
{
	_cleanup_buf_ struct buf b = BUF_LOCAL(JOURNAL_IMAGE_MAX);
	int r = read_all(fd, 0, image.len, &b);

	for (size_t i = 0; r == 0 && i < MIN(image.len, b.len); i++)
		if (image.ptr[i] == REC_DONE && b.ptr[i] == REC_RCPT)
			r = fd_pwrite_all(fd, STR("D"), (int64_t)i);
	return r;
}

int journal_merge(const struct journal_place *p, struct queue_message *file, struct why *why)
{
	_cleanup_buf_ struct buf b = BUF_LOCAL(JOURNAL_IMAGE_MAX);
	struct journal_segment seg = JOURNAL_NO_SEGMENT;
	int r = journal_segment_open(p->segment, O_RDONLY, &seg);

	if (r == 0 && seg.generation != p->generation)
		r = -ESTALE;
	if (r == 0)
		r = read_all(seg.fd, p->offset, p->length, &b);
	if (r == 0)
		r = merge_bytes(buf_str(&b), queue_message_fd(file));
	journal_segment_close(&seg);
	return r < 0 ? why_errno(why, r, "copy marks from journal/%04u", p->segment) : 0;
}

int journal_merge_known(const struct queue_settings *q, struct str id, struct str image)
{
	_cleanup_close_ int fd = open_file(q, id);
	int r;

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	r = merge_bytes(image, fd);
	return r < 0 ? r : 1;
}

bool journal_is_locked(const struct journal_segment *seg, const struct journal_place *p)
{
	struct flock l = { .l_type = F_WRLCK,
		.l_whence = SEEK_SET,
		.l_start = (off_t)p->offset,
		.l_len = (off_t)p->length };

	return fcntl(seg->fd, F_OFD_GETLK, &l) == 0 && l.l_type != F_UNLCK;
}

int journal_busy_add(struct journal_busy *b, const struct journal_entry *e, bool settled)
{
	struct journal_segment seg = JOURNAL_NO_SEGMENT;
	int r = journal_segment_open(e->place.segment, O_RDWR, &seg);

	if (r == 0)
		r = journal_segment_lock(&seg, e->place.offset, e->place.length, false, false);
	if (r < 0) {
		journal_segment_close(&seg);
		return r;
	}
	b->v = mem_resize(b->v, b->n + 1, sizeof(*b->v));
	b->v[b->n++] = (struct journal_busy_one){ .e = *e, .seg = seg, .settled = settled };
	return 0;
}

void journal_busy_done(struct journal_busy *b)
{
	for (size_t i = 0; i < b->n; i++)
		journal_segment_close(&b->v[i].seg);
	free(b->v);
	*b = (struct journal_busy){ .v = NULL };
}

struct journal_busy_one *journal_busy_find(const struct journal_busy *b,
	const struct journal_place *p)
{
	for (size_t i = 0; i < b->n; i++)
		if (b->v[i].e.place.segment == p->segment && b->v[i].e.place.offset == p->offset)
			return &b->v[i];
	return NULL;
}

bool journal_busy_has(const struct journal_busy *b, struct str id)
{
	for (size_t i = 0; i < b->n; i++)
		if (str_eq(str_of(b->v[i].e.id), id))
			return true;
	return false;
}

/* The agent has gone: its marks into the file, or all of it into a file. */
static int finish_one(const struct queue_settings *q, const struct journal_busy_one *o,
	struct journal_report *report, struct why *why)
{
	_cleanup_buf_ struct buf image = BUF_LOCAL(JOURNAL_IMAGE_MAX);
	int r = read_all(o->seg.fd, o->e.place.offset, o->e.place.length, &image);

	if (r < 0)
		return why_errno(why, r, "read journal/%04u", o->seg.number);
	r = journal_merge_known(q, str_of(o->e.id), buf_str(&image));
	if (r < 0)
		return why_errno(why, r, "%s: copy marks", o->e.id);
	if (r > 0) {
		report->known++;
	} else if (!o->settled) {
		r = journal_settle(q, &o->e, STR(QUEUE_INCOMING), true, why);
		if (r < 0)
			return r;
		report->settled++;
	}
	if (!o->settled)
		IGNORE(journal_segment_mark(&o->seg, o->e.place.offset, JOURNAL_SETTLED) < 0);
	return 0;
}

int journal_busy_retry(struct journal_busy *b, const struct queue_settings *q,
	void (*done)(void *arg, const struct journal_busy_one *o), void *arg,
	struct journal_report *report, struct why *why)
{
	size_t left = 0;
	int result = 0;

	for (size_t i = 0; i < b->n; i++) {
		struct journal_busy_one *o = &b->v[i];
		int r = journal_segment_lock(&o->seg, o->e.place.offset, o->e.place.length, true,
			false);

		if (r == 0) {
			r = finish_one(q, o, report, why);
			result = r < 0 ? r : result;
		}
		if (r < 0) {
			b->v[left++] = *o;
			continue;
		}
		done(arg, o);
		journal_segment_close(&o->seg);
	}
	b->n = left;
	report->busy = left;
	return result;
}
