/* SPDX-License-Identifier: Apache-2.0 */
/*
 * master/lock.c — the files that say that a master runs.
 */
#include "lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/fd.h"

/* Columns of the process id in the file: four for each byte of a long. */
#define PID_WIDTH ((int)(4 * sizeof(long)))

int lock_take(const char *path, struct why *why)
{
	char text[64];
	int fd = fd_open(path, O_RDWR | O_CREAT, 0600);
	int n;
	int r;

	if (fd < 0)
		return why_errno(why, fd, "open lock file %s", path);
	r = fd_flock(fd, LOCK_EX | LOCK_NB);
	if (r < 0) {
		fd_close(fd);
		return why_errno(why, r, "open lock file %s: unable to set exclusive lock", path);
	}
	n = snprintf(text, sizeof text, "%*lu\n", PID_WIDTH, (unsigned long)getpid());
	r = ftruncate(fd, 0) < 0 ? -errno : fd_pwrite_all(fd, str_from(text, (size_t)n), 0);
	if (r < 0) {
		fd_close(fd);
		return why_errno(why, r, "write lock file %s", path);
	}
	return fd;
}

int lock_test(const char *path, struct why *why)
{
	int fd = fd_open(path, O_RDWR, 0);
	int r;

	if (fd == -ENOENT)
		return 0;
	if (fd < 0)
		return why_errno(why, fd, "open lock file %s", path);
	r = fd_flock(fd, LOCK_EX | LOCK_NB);
	fd_close(fd);
	if (r == -EWOULDBLOCK)
		return 1;
	return r < 0 ? why_errno(why, r, "lock %s", path) : 0;
}
