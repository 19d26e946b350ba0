/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crash/blockdev.c — a disk that writes down every write and flush: the file that a loop device lies on.
 *
 * blockdev IMAGE LOG MOUNTPOINT: mounts (FUSE, the kernel's protocol, no library) a file system that is one
 * regular file at MOUNTPOINT, an existing file. Its content is IMAGE, changed in place. A loop device over it passes
 * each write of the file system on it as a WRITE, each flush (REQ_PREFLUSH, FUA) as an FSYNC. LOG gets a
 * struct block_record for each, in the order in which they came, with the bytes written. Ends when MOUNTPOINT is
 * unmounted.
 *
 * One request at a time, so the order of the log is the order of what the disk did. Reads are not logged. Discards and the
 * like are refused, and the file system does without. blocklog.py reads the log.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define MAX_WRITE (1U << 20)
#define ROOM      (MAX_WRITE + 4096U)
#define PAGE      4096U

enum block_type {
	BLOCK_WRITE = 1, /* `length` bytes at `offset` follow; the time is that of its arrival */
	BLOCK_FLUSH,     /* all before is stable; the time is that before its answer */
};

struct block_record {
	uint32_t type;
	uint32_t zero;
	uint64_t time; /* CLOCK_MONOTONIC, nanoseconds */
	uint64_t offset;
	uint64_t length;
};

struct disk {
	int fuse;
	int log;
	char *bytes;
	uint64_t size;
};

static _Noreturn void die(const char *what)
{
	perror(what);
	exit(1);
}

static uint64_t now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

/* A record that is cut short would be a lie: no answer is given after a failure. */
static void put(const struct disk *d, enum block_type type, uint64_t offset, const char *p,
	uint64_t n)
{
	struct block_record r = { .type = type, .time = now(), .offset = offset, .length = n };
	struct iovec v[] = { { &r, sizeof(r) }, { (void *)(uintptr_t)p, n } };

	if (writev(d->log, v, n > 0 ? 2 : 1) != (ssize_t)(sizeof(r) + n))
		die("blockdev: log");
}

static void answer(const struct disk *d, uint64_t unique, int error, const void *p, size_t n)
{
	struct fuse_out_header h = { .len = (uint32_t)(sizeof(h) + n),
		.error = error,
		.unique = unique };
	struct iovec v[] = { { &h, sizeof(h) }, { (void *)(uintptr_t)p, n } };

	/* ENOENT: the one who asked has been interrupted. */
	if (writev(d->fuse, v, n > 0 ? 2 : 1) < 0 && errno != ENOENT)
		die("blockdev: answer");
}

static void init(const struct disk *d, uint64_t unique, const struct fuse_init_in *in)
{
	struct fuse_init_out out = { .major = FUSE_KERNEL_VERSION,
		.minor = FUSE_KERNEL_MINOR_VERSION,
		.max_readahead = in->max_readahead,
		.flags = in->flags & (FUSE_BIG_WRITES | FUSE_MAX_PAGES),
		.max_background = 16,
		.congestion_threshold = 12,
		.max_write = MAX_WRITE,
		.time_gran = 1,
		.max_pages = MAX_WRITE / PAGE };

	if (in->major != FUSE_KERNEL_VERSION || in->minor < 31) {
		(void)fprintf(stderr, "blockdev: FUSE %u.%u is too old\n", in->major, in->minor);
		exit(1);
	}
	out.minor = in->minor < out.minor ? in->minor : out.minor;
	answer(d, unique, 0, &out, sizeof(out));
}

static void attributes(const struct disk *d, uint64_t unique)
{
	struct fuse_attr_out out = { .attr_valid = 3600 };

	out.attr.ino = FUSE_ROOT_ID;
	out.attr.size = d->size;
	out.attr.blocks = d->size / 512;
	out.attr.mode = S_IFREG | 0600;
	out.attr.nlink = 1;
	out.attr.blksize = PAGE;
	answer(d, unique, 0, &out, sizeof(out));
}

static void read_bytes(const struct disk *d, uint64_t unique, const struct fuse_read_in *in)
{
	uint64_t left = in->offset < d->size ? d->size - in->offset : 0;

	answer(d, unique, 0, d->bytes + in->offset, in->size < left ? in->size : left);
}

static void write_bytes(const struct disk *d, uint64_t unique, const struct fuse_write_in *in)
{
	struct fuse_write_out out = { .size = in->size };
	const char *p = (const char *)(in + 1);

	if (in->offset > d->size || in->size > d->size - in->offset) {
		answer(d, unique, -ENOSPC, NULL, 0);
		return;
	}
	put(d, BLOCK_WRITE, in->offset, p, in->size);
	memcpy(d->bytes + in->offset, p, in->size);
	answer(d, unique, 0, &out, sizeof(out));
}

static void serve(const struct disk *d, const char *request)
{
	const struct fuse_in_header *h = (const void *)request;
	const void *arg = h + 1;
	struct fuse_open_out opened = { .open_flags = FOPEN_DIRECT_IO };
	struct fuse_statfs_out fs = { .st = { .bsize = PAGE, .frsize = PAGE } };

	switch (h->opcode) {
	case FUSE_INIT:
		init(d, h->unique, arg);
		break;
	case FUSE_GETATTR:
	case FUSE_SETATTR:
		attributes(d, h->unique);
		break;
	case FUSE_OPEN:
		answer(d, h->unique, 0, &opened, sizeof(opened));
		break;
	case FUSE_READ:
		read_bytes(d, h->unique, arg);
		break;
	case FUSE_WRITE:
		write_bytes(d, h->unique, arg);
		break;
	case FUSE_FSYNC:
		put(d, BLOCK_FLUSH, 0, NULL, 0);
		answer(d, h->unique, 0, NULL, 0);
		break;
	case FUSE_STATFS:
		answer(d, h->unique, 0, &fs, sizeof(fs));
		break;
	case FUSE_FLUSH:
	case FUSE_RELEASE:
	case FUSE_ACCESS:
	case FUSE_DESTROY:
		answer(d, h->unique, 0, NULL, 0);
		break;
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
		break; /* no answer */
	default:
		answer(d, h->unique, -ENOSYS, NULL, 0);
	}
}

static void open_disk(struct disk *d, const char *image, const char *log)
{
	int fd = open(image, O_RDWR | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		die(image);
	d->size = (uint64_t)st.st_size;
	d->bytes = mmap(NULL, d->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (d->bytes == MAP_FAILED)
		die(image);
	(void)close(fd);
	d->log = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (d->log < 0)
		die(log);
}

int main(int argc, char **argv)
{
	_Alignas(8) static char request[ROOM];
	struct disk d = { .fuse = -1 };
	char options[128];

	if (argc != 4) {
		(void)fprintf(stderr, "usage: blockdev IMAGE LOG MOUNTPOINT\n");
		return 2;
	}
	open_disk(&d, argv[1], argv[2]);
	d.fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (d.fuse < 0)
		die("/dev/fuse");
	(void)snprintf(options, sizeof(options),
		"fd=%d,rootmode=%o,user_id=0,group_id=0,max_read=%u", d.fuse, S_IFREG | 0600U,
		MAX_WRITE);
	if (mount("blockdev", argv[3], "fuse", MS_NOSUID | MS_NODEV, options) < 0)
		die("blockdev: mount");
	for (;;) {
		ssize_t n = read(d.fuse, request, sizeof(request));

		if (n < 0 && errno == ENODEV)
			return 0; /* unmounted */
		if (n < 0 && errno != EINTR && errno != ENOENT && errno != EAGAIN)
			die("blockdev: request");
		if (n >= (ssize_t)sizeof(struct fuse_in_header))
			serve(&d, request);
	}
}
