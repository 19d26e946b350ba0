/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue/journal_state.c — the page that writers and the reader share.
 *
 * What is in it is worth nothing after a crash of the machine: the reader sets it right before it announces
 * itself. Whoever reads it bounds what it says by what the segments are.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "queue/journal_priv.h"

#define STATE_PATH  QUEUE_JOURNAL "/state"
#define STATE_MAGIC "PRSTATE1"

/* Bytes of the file that are locked. */
#define READER_BYTE 0
#define CLAIM_BYTE  1

#define CLAIM_TIMEOUT (5 * USEC_PER_SEC)

/* Generations follow the clock at this pace when segments last longer. */
#define GENERATION_SECONDS 4
#define GENERATION_EPOCH   1735689600 /* 2025 */

/* Blocks are written, so that no access to the mapping ever lacks one. */
static int fill(int fd)
{
	_cleanup_free_ struct journal_page *page = mem_new(struct journal_page);

	memcpy(page->magic, STATE_MAGIC, sizeof(page->magic));
	return fd_pwrite_all(fd, str_from((const char *)page, sizeof(*page)), 0);
}

/*
 * A file that is none yet, or not whole, is made one. One that cannot be read is let alone: others may
 * have it mapped.
 */
static int check_file(int fd, bool create, struct stat *st)
{
	char magic[8] = { 0 };
	ssize_t n;

	if (fstat(fd, st) < 0)
		return -errno;
	if (!S_ISREG(st->st_mode))
		return -EBADMSG;
	n = fd_pread(fd, magic, sizeof(magic), 0);
	if (n < 0)
		return (int)n;
	if (st->st_size == (off_t)sizeof(struct journal_page) &&
		memcmp(magic, STATE_MAGIC, sizeof(magic)) == 0)
		return 0;
	return create ? fill(fd) : -EBADMSG;
}

static int open_state(int flags, struct journal_state **ret)
{
	bool create = (flags & O_CREAT) != 0;
	int prot = (flags & O_ACCMODE) == O_RDWR ? PROT_READ | PROT_WRITE : PROT_READ;
	struct journal_state *s;
	struct stat st;
	int fd = fd_open(STATE_PATH, flags | O_NONBLOCK, 0600);
	int r;
	void *p;

	if (fd < 0)
		return fd;
	r = check_file(fd, create, &st);
	p = r < 0 ? MAP_FAILED : mmap(NULL, sizeof(struct journal_page), prot, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED) {
		r = r < 0 ? r : -errno;
		fd_close(fd);
		return r;
	}
	s = mem_new(struct journal_state);
	s->fd = fd;
	s->dev = st.st_dev;
	s->ino = st.st_ino;
	s->page = p;
	*ret = s;
	return 0;
}

int journal_state_open(bool create, struct journal_state **ret)
{
	return open_state(O_RDWR | (create ? O_CREAT : 0), ret);
}

int journal_state_open_to_read(struct journal_state **ret)
{
	return open_state(O_RDONLY, ret);
}

void journal_state_close(struct journal_state *st)
{
	if (st == NULL)
		return;
	(void)munmap(st->page, sizeof(struct journal_page));
	fd_close(st->fd);
	free(st);
}

bool journal_state_is_stale(const struct journal_state *st)
{
	struct stat now;

	return stat(STATE_PATH, &now) < 0 || now.st_dev != st->dev || now.st_ino != st->ino;
}

static int lock_byte(const struct journal_state *st, int cmd, short type, off_t byte)
{
	struct flock l = { .l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1 };
	int r;

	do {
		r = fcntl(st->fd, cmd, &l) < 0 ? -errno : 0;
	} while (r == -EINTR);
	return r;
}

int journal_state_lock_reader(const struct journal_state *st)
{
	int r = lock_byte(st, F_OFD_SETLK, F_WRLCK, READER_BYTE);

	return r == -EAGAIN || r == -EACCES ? -EBUSY : r;
}

bool journal_state_has_reader(const struct journal_state *st, bool look)
{
	struct flock l = { .l_type = F_RDLCK,
		.l_whence = SEEK_SET,
		.l_start = READER_BYTE,
		.l_len = 1 };

	if (atomic_load(&st->page->ready) != 1)
		return false;
	return !look || (fcntl(st->fd, F_OFD_GETLK, &l) == 0 && l.l_type != F_UNLCK);
}

int journal_state_lock_claim(const struct journal_state *st)
{
	const usec_t deadline = clock_deadline(CLAIM_TIMEOUT);
	const struct timespec pause = { .tv_nsec = 2 * 1000 * 1000L };
	int r;

	/* Who holds it may have been stopped: mail goes to files meanwhile. */
	while ((r = lock_byte(st, F_OFD_SETLK, F_WRLCK, CLAIM_BYTE)) == -EAGAIN || r == -EACCES) {
		if (clock_now() >= deadline)
			return -EBUSY;
		(void)nanosleep(&pause, NULL);
	}
	return r;
}

void journal_state_unlock_claim(const struct journal_state *st)
{
	(void)!lock_byte(st, F_OFD_SETLK, F_UNLCK, CLAIM_BYTE);
}

uint32_t journal_segments_allowed(const struct journal_settings *s)
{
	int64_t n = s->limit / MAX(s->segment_size, (int64_t)1);

	return (uint32_t)MAX(MIN(n, (int64_t)JOURNAL_SEGMENTS), (int64_t)1);
}

uint32_t journal_generation_floor(void)
{
	int64_t n = (clock_wall() / USEC_PER_SEC - GENERATION_EPOCH) / GENERATION_SECONDS;

	return (uint32_t)MAX(MIN(n, (int64_t)UINT32_MAX / 2), (int64_t)1);
}
