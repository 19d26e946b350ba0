/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/fd.c — descriptors and files; see fd.h.
 */
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/auxv.h>
#include <sys/file.h>
#include <unistd.h>

void fd_close(int fd)
{
	if (fd >= 0)
		(void)close(fd);
}

void fd_closep(int *fd)
{
	fd_close(*fd);
}

int fd_close_checked(int fd)
{
	/* After EINTR Linux has closed the descriptor and flushed what close flushes. */
	return close(fd) < 0 && errno != EINTR ? -errno : 0;
}

int fd_write_all(int fd, struct str s)
{
	while (s.len > 0) {
		ssize_t n = write(fd, s.ptr, s.len);

		if (n > 0)
			s = str_skip(s, (size_t)n);
		else if (n == 0)
			return -EIO;
		else if (errno == EAGAIN) {
			int r = fd_wait(fd, POLLOUT, USEC_NEVER);

			if (r < 0)
				return r;
		} else if (errno != EINTR)
			return -errno;
	}
	return 0;
}

ssize_t fd_pread(int fd, void *p, size_t n, uint64_t offset)
{
	size_t done = 0;

	while (done < n) {
		ssize_t r = pread(fd, (char *)p + done, n - done, (off_t)(offset + done));

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -errno;
		if (r == 0)
			break;
		done += (size_t)r;
	}
	return (ssize_t)done;
}

int fd_pwrite_all(int fd, struct str s, int64_t off)
{
	while (s.len > 0) {
		ssize_t n = pwrite(fd, s.ptr, s.len, off);

		if (n > 0) {
			s = str_skip(s, (size_t)n);
			off += n;
		} else if (n == 0)
			return -EIO;
		else if (errno != EINTR)
			return -errno;
	}
	return 0;
}

int fd_read_all(int fd, struct buf *ret)
{
	char chunk[8192];

	for (;;) {
		ssize_t n = read(fd, chunk, sizeof chunk);
		int r = 0;

		if (n == 0)
			return 0;
		if (n > 0)
			r = buf_add(ret, str_from(chunk, (size_t)n));
		else if (errno == EAGAIN)
			r = fd_wait(fd, POLLIN, USEC_NEVER);
		else if (errno != EINTR)
			r = -errno;
		if (r < 0)
			return r;
	}
}

int fd_sync(int fd)
{
	while (fsync(fd) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	return 0;
}

int fd_sync_dir(const char *path)
{
	_cleanup_close_ int fd = fd_open(path, O_RDONLY | O_DIRECTORY, 0);

	return fd < 0 ? fd : fd_sync(fd);
}

/* Set or clear one flag by a pair of fcntl commands. */
static int change_flag(int fd, int get, int set, int flag, bool on)
{
	int old = fcntl(fd, get);
	int new;

	if (old < 0)
		return -errno;
	new = on ? old | flag : old & ~flag;
	if (new != old && fcntl(fd, set, new) < 0)
		return -errno;
	return 0;
}

int fd_nonblock(int fd, bool on)
{
	return change_flag(fd, F_GETFL, F_SETFL, O_NONBLOCK, on);
}

int fd_cloexec(int fd, bool on)
{
	return change_flag(fd, F_GETFD, F_SETFD, FD_CLOEXEC, on);
}

int fd_wait(int fd, short events, usec_t deadline)
{
	for (;;) {
		struct pollfd p = { .fd = fd, .events = events };
		int n = poll(&p, 1, clock_poll_ms(deadline));

		if (n > 0)
			return (p.revents & POLLNVAL) != 0 ? -EBADF : 0;
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return -errno;
		if (deadline != USEC_NEVER && clock_now() >= deadline)
			return -ETIMEDOUT;
	}
}

/* open(2) with close-on-exec and EINTR retried. */
static int open_retry(const char *path, int flags, mode_t mode)
{
	for (;;) {
		int fd = open(path, flags | O_CLOEXEC, mode);

		if (fd >= 0)
			return fd;
		if (errno != EINTR)
			return -errno;
	}
}

int fd_open(const char *path, int flags, mode_t mode)
{
	return open_retry(path, flags | O_NOFOLLOW, mode);
}

/*
 * Of a set-id program glibc has opened what was closed, so that using it fails: input that cannot be
 * read and output that cannot be written.
 */
static bool is_stand_in(int fd)
{
	int flags = getauxval(AT_SECURE) != 0 ? fcntl(fd, F_GETFL) : -1;

	return flags >= 0 && (flags & O_ACCMODE) == (fd == 0 ? O_WRONLY : O_RDONLY);
}

void fd_open_std(void)
{
	for (int fd = 0; fd <= 2; fd++) {
		int got;

		if (is_stand_in(fd))
			(void)close(fd);
		if (fcntl(fd, F_GETFD) >= 0)
			continue;
		/* All below are open, so that the lowest free descriptor is this one. */
		got = open("/dev/null", O_RDWR); // NOLINT(android-cloexec-open): it is inherited
		check(got == fd);
	}
}

int fd_read_file(const char *path, struct buf *ret)
{
	_cleanup_close_ int fd = open_retry(path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	struct stat st;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
	return fd_read_all(fd, ret);
}

int fd_flock(int fd, int op)
{
	while (flock(fd, op) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	return 0;
}
