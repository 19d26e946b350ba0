/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/fd.h — descriptors and files, with every result checked.
 *
 * All calls set close-on-exec, retry EINTR, and return a negative errno on failure.
 */
#pragma once

#include <poll.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/clock.h"

/** Close unless negative; the result is ignored. For descriptors that nothing was written to. */
void fd_close(int fd);
/** Cleanup function for `_cleanup_close_`. */
void fd_closep(int *fd);
#define _cleanup_close_ _cleanup_(fd_closep)
/** Close and report the error: 0 or negative errno. For descriptors that were written to. */
_must_use_ int fd_close_checked(int fd);
/** Write everything: 0 or negative errno. Blocks. */
_must_use_ int fd_write_all(int fd, struct str s);
/**
 * Read up to `n` bytes at an offset, fewer only at the end of the file.
 *
 * @return how many, or negative errno. Blocks.
 */
_must_use_ ssize_t fd_pread(int fd, void *p, size_t n, uint64_t offset);
/** pwrite everything: 0 or negative errno. Blocks. */
_must_use_ int fd_pwrite_all(int fd, struct str s, int64_t off);
/** Append everything up to end of file, or -EMSGSIZE at the buffer's limit. Blocks. */
_must_use_ int fd_read_all(int fd, struct buf *ret);
/** fsync: 0 or negative errno. Blocks. */
_must_use_ int fd_sync(int fd);
/** Open a directory's descriptor and fsync it: 0 or negative errno. */
_must_use_ int fd_sync_dir(const char *path);
/** Set or clear O_NONBLOCK: 0 or negative errno. */
_must_use_ int fd_nonblock(int fd, bool on);
/** Set or clear close-on-exec: 0 or negative errno. */
_must_use_ int fd_cloexec(int fd, bool on);
/** Wait until readable (POLLIN) or writable (POLLOUT): 0, -ETIMEDOUT, or negative errno. */
_must_use_ int fd_wait(int fd, short events, usec_t deadline);
/** open(2) with O_CLOEXEC and O_NOFOLLOW: descriptor or negative errno. */
_must_use_ int fd_open(const char *path, int flags, mode_t mode);
/** Open descriptors 0, 1 and 2 on /dev/null where they are closed. */
void fd_open_std(void);
/**
 * Read a small regular file whole, symbolic links followed: 0 or negative errno; -EMSGSIZE above the
 * limit of ret; -EISDIR or -EINVAL when it is no regular file.
 */
_must_use_ int fd_read_file(const char *path, struct buf *ret);
/** flock(2): 0, -EWOULDBLOCK with LOCK_NB, or negative errno. */
_must_use_ int fd_flock(int fd, int op);
