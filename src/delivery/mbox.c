/* SPDX-License-Identifier: Apache-2.0 */
/* delivery/mbox.c — UNIX mailbox files; see mailbox.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "delivery/mailbox.h"

/* The name may change between looking and making this often. */
#define OPEN_TRIES 5

/* fsync the directory that holds `path`. */
static int sync_parent(const char *path)
{
	_cleanup_free_ char *dir = mem_strdup(path);
	char *slash = strrchr(dir, '/');

	if (slash == NULL)
		return mailbox_sync_dir(".");
	slash[slash == dir ? 1 : 0] = '\0';
	return mailbox_sync_dir(dir);
}

static int open_existing(const char *path, struct why *why)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return -errno;
	if (S_ISLNK(st.st_mode))
		return why_set(why, -ELOOP, "file is a symbolic link");

	if (S_ISFIFO(st.st_mode))
		return why_errno(why, -ENXIO, "cannot open file");
	/* A device must not block. */
	int fd = fd_open(path, O_RDWR | O_APPEND | O_NONBLOCK | O_NOCTTY, 0);

	return fd < 0 ? why_errno(why, fd, "cannot open file") : fd;
}

/* Open or make: the descriptor, and whether the name is new. */
static int open_mbox(const char *path, bool *ret_new, struct why *why)
{
	int fd = -EAGAIN;

	for (int i = 0; i < OPEN_TRIES; i++) {
		*ret_new = false;
		fd = open_existing(path, why);
		if (fd != -ENOENT)
			return fd;
		*ret_new = true;
		fd = fd_open(path, O_RDWR | O_APPEND | O_CREAT | O_EXCL, 0600);
		if (fd != -EEXIST)
			break;
	}
	return fd < 0 ? why_errno(why, fd, "cannot create file exclusively") : fd;
}

/* Is this a file that we may append to? Fills *ret when not. */
static bool is_proper(int fd, const struct mailbox_settings *s, const struct mailbox_identity *id,
	const char *path, struct stat *st, struct mailbox_result *ret)
{
	if (fstat(fd, st) < 0) {
		mailbox_fail(ret, why_errno(&ret->why, -errno, "fstat"));
		return false;
	}
	if (!S_ISREG(st->st_mode)) {
		(void)why_set(&ret->why, -EINVAL, "mail system configuration error");
		ret->outcome = MAILBOX_BOUNCED;
		ret->status = "5.3.5";
		ret->err = EINVAL;
		ret->not_regular = true;
		return false;
	}
	if (st->st_nlink != 1) {
		mailbox_fail(ret, why_set(&ret->why, -EMLINK, "file has %lu hard links",
					  (unsigned long)st->st_nlink));
		return false;
	}
	if (s->strict_ownership && st->st_uid != id->uid) {
		mailbox_fail(ret, why_set(&ret->why, -EPERM,
					  "destination %s is not owned by recipient", path));
		return false;
	}
	return true;
}

/*
 * Is what we locked still the file of this name? While we waited it may have been moved away or
 * removed, and what is written to it now would be lost or found elsewhere.
 */
static bool is_still_there(int fd, const char *path, struct stat *st, struct mailbox_result *ret)
{
	struct stat now;
	int r = 0;

	if (fstat(fd, st) < 0 || fd_nonblock(fd, false) < 0)
		r = why_errno(&ret->why, -EIO, "fstat");
	else if (lstat(path, &now) < 0)
		r = why_errno(&ret->why, -errno, "file was moved away");
	else if (now.st_ino != st->st_ino || now.st_dev != st->st_dev)
		r = why_set(&ret->why, -ESTALE, "file was replaced while waiting for a lock");
	if (r < 0)
		mailbox_fail(ret, r);
	return r == 0;
}

/* Append and flush; on failure the file has its old length. */
static int append(int fd, const struct mailbox_settings *s, const char *path, bool is_new,
	int64_t old_size, struct mail_copy *copy, struct why *why)
{
	int r;

	copy->limit = s->size_limit > 0 ? s->size_limit - old_size : 0;
	if (s->size_limit > 0 && copy->limit <= 0)
		return why_errno(why, -EFBIG, "error writing message");
	r = mail_copy(copy, fd, why);
	if (r == 0) {
		r = fd_sync(fd);
		if (r < 0)
			(void)why_errno(why, r, "error writing message");
	}
	if (r == 0 && is_new) {
		r = sync_parent(path);
		if (r < 0)
			(void)why_errno(why, r, "error writing directory");
	}
	if (r < 0 && ftruncate(fd, old_size) < 0)
		return why_errno(why, r, "%s; and the mailbox cannot be cut back (%s)", why->text,
			strerror(errno));
	return r;
}

static void deliver_locked(const struct mailbox_settings *s, const struct mailbox_identity *id,
	const char *path, struct mail_copy *copy, struct mailbox_result *ret)
{
	bool is_new = false;
	struct stat st;
	_cleanup_close_ int fd = open_mbox(path, &is_new, &ret->why);

	if (fd < 0) {
		mailbox_fail(ret, fd);
		return;
	}
	if (!is_proper(fd, s, id, path, &st, ret))
		return;

	int r = mailbox_flock(fd, &s->lock, &ret->why);

	if (r < 0) {
		mailbox_fail(ret, r);
		return;
	}
	/* The length counts from now on: nobody else appends. */
	if (!is_still_there(fd, path, &st, ret) || !is_proper(fd, s, id, path, &st, ret))
		return;
	r = append(fd, s, path, is_new, st.st_size, copy, &ret->why);
	if (r == 0) {
		r = fd_close_checked(TAKE_FD(fd));
		if (r < 0)
			(void)why_errno(&ret->why, r, "error writing message");
	}
	if (r < 0)
		mailbox_fail(ret, r);
}

void mbox_deliver(const struct mailbox_settings *s, const struct mailbox_identity *id,
	const char *path, struct mail_copy *copy, struct mailbox_result *ret)
{
	bool dot = (s->lock.methods & MAILBOX_LOCK_DOTLOCK) != 0;
	int r;

	*ret = (struct mailbox_result){ .outcome = MAILBOX_DELIVERED, .status = "2.0.0" };
	r = mailbox_become(id, &ret->why);
	if (r < 0) {
		mailbox_fail(ret, r);
		return;
	}
	r = dot ? mailbox_dotlock(path, &s->lock, &ret->why) : 0;
	if (r < 0) {
		mailbox_fail(ret, r);
	} else {
		deliver_locked(s, id, path, copy, ret);
		if (dot)
			mailbox_dotunlock(path);
	}
	mailbox_return(id);
}
