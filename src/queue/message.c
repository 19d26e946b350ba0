/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue/message.c — the handle on a stored message, and what is changed in place.
 */
#include "queue/message.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "queue/journal_priv.h"
#include "queue/message_priv.h"

/* Data of a W or pointer record: one column number. */
#define NUMBER_WIDTH 15

/* Look at the file: 0, or -EINVAL when it cannot be a queue file. */
static int look_at(struct queue_message *m, struct why *why)
{
	struct stat st;

	if (fstat(m->fd, &st) < 0)
		return why_errno(why, -errno, "fstat queue file");
	if (!S_ISREG(st.st_mode))
		return why_set(why, -EINVAL, "not a regular file");
	if (st.st_nlink != 1)
		return why_set(why, -EINVAL, "file has %lu hard links", (unsigned long)st.st_nlink);
	m->size = st.st_size;
	m->mtime = st.st_mtime;
	m->mode = st.st_mode & 07777;
	return 0;
}

int queue_message_open(const struct queue_settings *s, struct str queue_name, struct str queue_id,
	bool writable, struct queue_message **ret, struct why *why)
{
	struct queue_message *m;
	/* A fifo that somebody put there must not make us wait. */
	int fd = queue_open(s, queue_name, queue_id,
		(writable ? O_RDWR : O_RDONLY) | O_NONBLOCK | O_NOCTTY, 0);
	int r;

	if (fd < 0)
		return why_errno(why, fd, "open " STR_FMT "/" STR_FMT, STR_ARG(queue_name),
			STR_ARG(queue_id));
	m = mem_new(struct queue_message);
	m->fd = fd;
	r = look_at(m, why);
	if (r < 0) {
		queue_message_close(m);
		return r;
	}
	*ret = m;
	return 0;
}

/* The head, and the image when there is room for both. */
static int read_place(const struct journal_segment *seg, const struct journal_place *p, char *room,
	struct journal_head *ret)
{
	const size_t n = sizeof(*ret);
	ssize_t got;

	if (room == NULL)
		return fd_pread(seg->fd, ret, n, p->offset - n) == (ssize_t)n ? 0 : -EIO;
	got = fd_pread(seg->fd, room, n + (size_t)p->length, p->offset - n);
	if (got != (ssize_t)(n + (size_t)p->length))
		return -EIO;
	memcpy(ret, room, n);
	return 0;
}

/* The record's head must be that of the place: places come from other processes. */
static int look_at_place(const struct journal_segment *seg, const struct journal_place *p,
	char *room, struct journal_head *ret)
{
	struct journal_head copy;
	const size_t n = sizeof(*ret);

	if (seg->generation != p->generation)
		return -ESTALE;
	if (p->offset < JOURNAL_DATA + n || p->offset > seg->allocated ||
		p->length > seg->allocated - p->offset)
		return -EINVAL;
	if (read_place(seg, p, room, ret) < 0)
		return -EIO;
	copy = *ret;
	journal_head_seal(&copy);
	if (ret->tag != seg->tag || ret->generation != seg->generation ||
		ret->length != p->length || ret->head_crc != copy.head_crc)
		return -EINVAL;
	/* It has ended, or it is a file by now. */
	return ret->state == JOURNAL_REMOVED || ret->state == JOURNAL_SETTLED ? -ESTALE : 0;
}

int queue_message_in_segment(const struct journal_segment *seg, const struct journal_place *p,
	char *room, struct queue_message **ret, struct why *why)
{
	struct journal_head head;
	struct queue_message *m;
	int r;

	if (p->length > QUEUE_IMAGE_ROOM - sizeof(head))
		room = NULL;
	r = look_at_place(seg, p, room, &head);
	if (r < 0)
		return why_errno(why, r, "open message at %llu of journal/%04u",
			(unsigned long long)p->offset, p->segment);
	m = mem_new(struct queue_message);
	m->fd = seg->fd;
	m->base = (int64_t)p->offset;
	m->size = (int64_t)p->length;
	m->mtime = head.created;
	m->mode = QUEUE_MODE_READY;
	if (room != NULL)
		m->bytes = m->copy = room + sizeof(head);
	*ret = m;
	return 0;
}

int queue_message_open_image(const struct journal_place *p, int flags, char *room,
	struct journal_segment *seg, struct queue_message **ret, struct why *why)
{
	int r = journal_segment_open_image(p, flags, seg);

	if (r < 0)
		return why_errno(why, r, "open journal/%04u for a message", p->segment);
	r = queue_message_in_segment(seg, p, room, ret, why);
	if (r < 0)
		journal_segment_close(seg);
	return r;
}

int queue_message_open_place(const struct journal_place *p, bool writable,
	struct queue_message **ret, struct why *why)
{
	struct journal_segment seg;

	return queue_message_open_image(p, writable ? O_RDWR : O_RDONLY, NULL, &seg, ret, why);
}

struct queue_message *queue_message_of_bytes(struct str bytes)
{
	struct queue_message *m = mem_new(struct queue_message);

	m->fd = -1;
	m->bytes = bytes.ptr;
	m->size = (int64_t)bytes.len;
	m->mode = QUEUE_MODE_READY;
	return m;
}

struct queue_message *queue_message_of_fd(int fd)
{
	struct queue_message *m = mem_new(struct queue_message);
	struct stat st;

	m->fd = fd;
	if (fstat(fd, &st) == 0) {
		m->size = st.st_size;
		m->mtime = st.st_mtime;
		m->mode = st.st_mode & 07777;
	}
	return m;
}

void queue_message_close(struct queue_message *m)
{
	if (m == NULL)
		return;
	if (m->files != NULL)
		journal_files_put(m->files, m->kept, (uint64_t)m->base, (uint64_t)m->size);
	else
		fd_close(m->fd);
	free(m);
}

int queue_message_fd(const struct queue_message *m)
{
	return m->fd;
}

int64_t queue_message_size(const struct queue_message *m)
{
	return m->size;
}

int64_t queue_message_mtime(const struct queue_message *m)
{
	return m->mtime;
}

unsigned queue_message_mode(const struct queue_message *m)
{
	return m->mode;
}

ssize_t queue_message_pread(const struct queue_message *m, char *p, size_t n, int64_t offset)
{
	if (m->base != 0 || m->bytes != NULL) {
		/* What follows in the segment is not of this message. */
		if (offset < 0 || offset >= m->size)
			return 0;
		n = (size_t)MIN((int64_t)n, m->size - offset);
	}
	if (m->bytes != NULL) {
		(void)memcpy(p, m->bytes + offset, n);
		return (ssize_t)n;
	}
	return fd_pread(m->fd, p, n, (uint64_t)(m->base + offset));
}

/* Change a type byte that is `from`; one that is `to` already is left alone. */
static int change_type(struct queue_message *m, int64_t offset, char from, char to)
{
	char now;
	ssize_t r;

	if (offset == -1)
		return 0;
	if (offset <= 0)
		return -EBADMSG;
	r = queue_message_pread(m, &now, 1, offset);
	if (r < 0)
		return (int)r;
	if (r == 1 && now == to)
		return 0;
	if (r != 1 || now != from)
		return -EBADMSG;
	r = fd_pwrite_all(m->fd, str_from(&to, 1), m->base + offset);
	if (r == 0 && m->copy != NULL)
		m->copy[offset] = to;
	return (int)r;
}

int queue_message_mark_done(struct queue_message *m, int64_t offset)
{
	return change_type(m, offset, REC_RCPT, REC_DONE);
}

bool queue_message_is_done(const struct queue_message *m, int64_t offset)
{
	char type = 0;

	return offset > 0 && queue_message_pread(m, &type, 1, offset) == 1 && type == REC_DONE;
}

int queue_message_kill(struct queue_message *m, int64_t offset)
{
	if (m->base != 0)
		return -EROFS;
	return change_type(m, offset, REC_ATTR, REC_KILL);
}

int queue_message_mark_warned(struct queue_message *m, int64_t offset)
{
	char head[2];
	ssize_t r;

	if (m->base != 0)
		return -EROFS;
	if (offset <= 0)
		return offset == -1 ? 0 : -EBADMSG;
	r = queue_message_pread(m, head, sizeof(head), offset);
	if (r < 0)
		return (int)r;
	if (r != sizeof(head) || head[0] != REC_WARN || head[1] != NUMBER_WIDTH)
		return -EBADMSG;
	return fd_pwrite_all(m->fd, STR("             -1"), offset + (int64_t)sizeof(head));
}

int queue_message_mark_corrupt(struct queue_message *m)
{
	if (m->base != 0)
		return -EROFS;
	return fchmod(m->fd, QUEUE_MODE_CORRUPT) == 0 ? 0 : -errno;
}
