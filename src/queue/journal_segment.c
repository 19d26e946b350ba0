/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue/journal_segment.c — files of segments: opening, claiming, growing, marking.
 *
 * Invariant: a segment's header is on disk before a record is written with its generation, so no
 * generation is ever given out twice.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "queue/journal_priv.h"

/* Zeros are written in pieces of this. */
#define ZERO_BYTES ((size_t)64 * 1024)

void journal_segment_path(struct buf *b, uint32_t number)
{
	buf_putf(b, QUEUE_JOURNAL "/%04u", number);
}

void journal_segment_close(struct journal_segment *seg)
{
	fd_close(TAKE_FD(seg->fd));
}

static int open_file(uint32_t number, int flags, struct stat *st)
{
	_cleanup_buf_ struct buf path = BUF_LOCAL(BUF_SMALL);
	int fd;

	check(number < JOURNAL_SEGMENTS);
	journal_segment_path(&path, number);
	fd = fd_open(buf_cstr(&path), flags | O_NONBLOCK, 0600);
	if (fd < 0)
		return fd == -ELOOP || fd == -EISDIR ? -EBADMSG : fd;
	if (fstat(fd, st) < 0 || !S_ISREG(st->st_mode) || st->st_nlink != 1) {
		fd_close(fd);
		return -EBADMSG;
	}
	return fd;
}

static bool is_zero(const struct journal_header *h)
{
	static const struct journal_header zero;

	return memcmp(h, &zero, sizeof(zero)) == 0;
}

/* 0, -ENODATA, -EBADMSG or another errno. */
static int read_header(int fd, uint32_t number, struct journal_header *ret)
{
	static const uint64_t places[] = { 0, JOURNAL_HEADER_COPY };
	bool zero = true;

	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		struct journal_header h = { 0 };
		ssize_t n = fd_pread(fd, &h, sizeof(h), places[i]);

		if (n < 0)
			return (int)n;
		if (n == (ssize_t)sizeof(h) && journal_header_ok(&h, number)) {
			*ret = h;
			return 0;
		}
		zero = zero && is_zero(&h);
	}
	return zero ? -ENODATA : -EBADMSG;
}

/* The header is read when the bytes are locked: a claim needs all of the file. */
static int open_segment(uint32_t number, int flags, const struct journal_place *lock,
	struct journal_segment *ret)
{
	struct journal_header h = { 0 };
	struct stat st;
	int fd = open_file(number, flags, &st);
	int r = 0;

	if (fd < 0)
		return fd;
	if (lock != NULL)
		r = journal_segment_lock(&(struct journal_segment){ .fd = fd }, lock->offset,
			lock->length, false, true);
	if (r == 0)
		r = read_header(fd, number, &h);
	if (r < 0) {
		fd_close(fd);
		return r;
	}
	*ret = (struct journal_segment){ .fd = fd,
		.number = number,
		.generation = h.generation,
		.tag = h.tag,
		.size = h.size,
		.allocated = (uint64_t)st.st_size };
	return 0;
}

int journal_segment_open(uint32_t number, int flags, struct journal_segment *ret)
{
	return open_segment(number, flags, NULL, ret);
}

int journal_segment_open_image(const struct journal_place *p, int flags,
	struct journal_segment *ret)
{
	if (p->segment >= JOURNAL_SEGMENTS || p->offset > INT64_MAX || p->length == 0 ||
		p->length > JOURNAL_IMAGE_MAX)
		return -EINVAL;
	return open_segment(p->segment, flags, p, ret);
}

bool journal_segment_has_writer(const struct journal_segment *seg)
{
	struct flock l = { .l_type = F_RDLCK, .l_whence = SEEK_SET, .l_len = JOURNAL_ALIGN };

	return fcntl(seg->fd, F_OFD_GETLK, &l) == 0 && l.l_type != F_UNLCK;
}

int journal_segment_grow(struct journal_segment *seg, uint64_t end)
{
	_cleanup_free_ char *zeros = NULL;
	uint64_t want = (end + JOURNAL_STEP - 1) / JOURNAL_STEP * JOURNAL_STEP;

	if (end <= seg->allocated)
		return 0;
	if (end > seg->size)
		return -EFBIG;
	want = MIN(want, seg->size);
	zeros = mem_alloc(ZERO_BYTES);
	for (uint64_t at = seg->allocated; at < want; at += ZERO_BYTES) {
		size_t n = (size_t)MIN(want - at, (uint64_t)ZERO_BYTES);
		int r = fd_pwrite_all(seg->fd, str_from(zeros, n), (int64_t)at);

		if (r < 0)
			return r;
	}
	if (fdatasync(seg->fd) < 0)
		return errno == ENOSPC || errno == EDQUOT ? -errno : -EIO;
	seg->allocated = want;
	return 0;
}

/* Both copies, and flush. */
static int write_header(const struct journal_segment *seg)
{
	struct journal_header h = { .number = seg->number,
		.generation = seg->generation,
		.size = seg->size,
		.tag = seg->tag };
	struct str bytes = str_from((const char *)&h, sizeof(h));
	int r;

	journal_header_seal(&h);
	r = fd_pwrite_all(seg->fd, bytes, 0);
	if (r == 0)
		r = fd_pwrite_all(seg->fd, bytes, (int64_t)JOURNAL_HEADER_COPY);
	if (r == 0 && fdatasync(seg->fd) < 0)
		r = -errno;
	return r;
}

/* The file is locked and open: make it a segment of this generation. */
static int begin(struct journal_segment *seg, bool is_new)
{
	int r;

	if (getrandom(&seg->tag, sizeof(seg->tag), 0) != sizeof(seg->tag))
		return -errno;
	r = journal_segment_grow(seg, JOURNAL_DATA + JOURNAL_ALIGN);
	if (r == 0)
		r = write_header(seg);
	/* What names it must be as durable as what is in it. */
	if (r == 0 && is_new)
		r = fd_sync(seg->fd);
	if (r == 0 && is_new)
		r = fd_sync_dir(QUEUE_JOURNAL);
	return r;
}

int journal_segment_claim(uint32_t number, uint32_t generation, uint64_t size,
	struct journal_segment *ret)
{
	struct journal_segment seg = { .number = number, .generation = generation, .size = size };
	struct stat st;
	int r;

	seg.fd = open_file(number, O_RDWR | O_CREAT, &st);
	if (seg.fd < 0)
		return seg.fd;
	/* All of it, until the header is there: nobody is left who reads old images. */
	r = journal_segment_lock(&seg, 0, 0, true, false);
	seg.allocated = (uint64_t)st.st_size / JOURNAL_ALIGN * JOURNAL_ALIGN;
	if (r == 0)
		r = begin(&seg, st.st_size == 0);
	/* What a writer needs stays locked as long as the file is open; others may look at images again. */
	if (r == 0)
		r = journal_segment_unlock(&seg, JOURNAL_ALIGN, 0);
	if (r < 0) {
		journal_segment_close(&seg);
		return r;
	}
	*ret = seg;
	return 0;
}

int journal_segment_mark(const struct journal_segment *seg, uint64_t offset, enum journal_mark mark)
{
	char c = (char)mark;

	return fd_pwrite_all(seg->fd, str_from(&c, 1),
		(int64_t)(offset - sizeof(struct journal_head) +
			  offsetof(struct journal_head, state)));
}
