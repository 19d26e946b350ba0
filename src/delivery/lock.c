/* SPDX-License-Identifier: Apache-2.0 */
/* delivery/lock.c — see lock.h. */
#include "delivery/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"

int mailbox_lock_parse(struct str list, unsigned *ret, struct why *why)
{
	static const struct {
		const char *name;
		unsigned bit;
	} known[] = {
		{ "fcntl", MAILBOX_LOCK_FCNTL },
		{ "flock", MAILBOX_LOCK_FLOCK },
		{ "dotlock", MAILBOX_LOCK_DOTLOCK },
	};
	struct str rest = list, word;
	unsigned bits = 0;

	while (str_word(&rest, ", \t\r\n", &word)) {
		size_t i = 0;

		while (i < ARRAY_LEN(known) && !str_eq(word, str_of(known[i].name)))
			i++;
		if (i == ARRAY_LEN(known))
			return why_set(why, -EINVAL, "unknown lock method \"" STR_FMT "\"",
				STR_ARG(word));
		bits |= known[i].bit;
	}
	*ret = bits;
	return 0;
}

static void pause_between(const struct mailbox_lock_settings *s)
{
	struct timespec ts = { .tv_sec = s->delay / USEC_PER_SEC,
		.tv_nsec = s->delay % USEC_PER_SEC * 1000 };

	(void)nanosleep(&ts, NULL);
}

/* Older than `stale`? By the change of its inode: nobody can set that, and a copied file has it too. */
static bool is_stale(const struct stat *st, const struct mailbox_lock_settings *s)
{
	return s->stale > 0 && !S_ISDIR(st->st_mode) &&
	       (usec_t)(time(NULL) - st->st_ctim.tv_sec) * USEC_PER_SEC > s->stale;
}

/*
 * Remove a lock file that was forgotten: 0 it is gone, -EEXIST it still counts, other errno.
 *
 * Another process may do the same at this moment and already hold a lock file of its own, which
 * must not be removed: what was taken away is looked at again, and put back when it is not the one.
 * Between these two calls a third one could make its own; only a kernel lock closes that gap.
 */
static int remove_stale(const char *lock, const struct mailbox_lock_settings *s)
{
	_cleanup_buf_ struct buf aside = BUF_LOCAL(BUF_SMALL);
	struct stat before, taken;
	int r;

	if (lstat(lock, &before) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!is_stale(&before, s))
		return -EEXIST;
	r = buf_addf(&aside, "%s.%d", lock, (int)getpid());
	if (r < 0)
		return r;
	if (rename(lock, buf_cstr(&aside)) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (lstat(buf_cstr(&aside), &taken) == 0 &&
		(taken.st_ino != before.st_ino || taken.st_dev != before.st_dev))
		r = link(buf_cstr(&aside), lock) < 0 && errno != EEXIST ? -errno : -EEXIST;
	if (unlink(buf_cstr(&aside)) < 0 && r == 0)
		r = -errno;
	return r;
}

static int try_dotlock(const char *lock)
{
	int fd = fd_open(lock, O_WRONLY | O_CREAT | O_EXCL, 0600);

	if (fd < 0)
		return fd;
	fd_close(fd);
	return 0;
}

int mailbox_dotlock(const char *path, const struct mailbox_lock_settings *s, struct why *why)
{
	_cleanup_buf_ struct buf lock = BUF_LOCAL(BUF_SMALL);
	int r = buf_addf(&lock, "%s.lock", path);

	for (int i = 1; r == 0; i++) {
		r = try_dotlock(buf_cstr(&lock));
		if (r == 0)
			return 0;
		if (r != -EEXIST || i >= s->attempts)
			break;
		r = remove_stale(buf_cstr(&lock), s);
		if (r == -EEXIST) {
			pause_between(s);
			r = 0;
		}
	}
	return why_errno(why, r, "unable to create lock file %s", buf_cstr(&lock));
}

void mailbox_dotunlock(const char *path)
{
	_cleanup_buf_ struct buf lock = BUF_LOCAL(BUF_SMALL);

	if (buf_addf(&lock, "%s.lock", path) == 0)
		(void)unlink(buf_cstr(&lock));
}

static int try_locks(int fd, unsigned methods)
{
	struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	/* The classic lock: one delivery a process, and it is what mail readers use. */
	if ((methods & MAILBOX_LOCK_FCNTL) != 0 && fcntl(fd, F_SETLK, &fl) < 0)
		return errno == EACCES ? -EAGAIN : -errno;
	if ((methods & MAILBOX_LOCK_FLOCK) != 0 && flock(fd, LOCK_EX | LOCK_NB) < 0)
		return -errno;
	return 0;
}

int mailbox_flock(int fd, const struct mailbox_lock_settings *s, struct why *why)
{
	int r = 0;

	for (int i = 0;; i++) {
		r = try_locks(fd, s->methods);
		if (r == 0)
			return 0;
		if ((r != -EAGAIN && r != -EINTR) || i + 1 >= s->attempts)
			break;
		pause_between(s);
	}
	return why_errno(why, r, "unable to lock for exclusive access");
}
