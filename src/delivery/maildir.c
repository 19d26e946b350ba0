/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delivery/maildir.c — maildir delivery; see mailbox.h.
 *
 * A file is made in tmp/, written and flushed, then linked to new/SECONDS.VdevIinodeMusec.host: device
 * and inode make the name unique as long as the file exists. Nobody sees it before it is complete and
 * on disk.
 *
 * In tmp/ it has no name at all, which saves two changes of a directory and leaves nothing behind
 * after a crash. File systems that cannot do that (NFS), or a system without /proc, get the classic
 * tmp/SECONDS.Ppid.host: whatever stops the short way, the long one is gone from the start and says
 * why it fails.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "delivery/mailbox.h"

struct maildir {
	const char *base; /* without '/' at the end */
	struct buf tmp;
	struct buf final;
	struct timeval now;
	const char *host;
	bool unnamed; /* the file has no name in tmp/ */
};

/* Characters that have a meaning in file names of maildirs are written in octal. */
static void put_host(struct buf *b, const char *host)
{
	for (; *host != '\0'; host++) {
		if (*host == '/')
			buf_puts(b, "\\057");
		else if (*host == ':')
			buf_puts(b, "\\072");
		else
			buf_putc(b, *host);
	}
}

/* Make a directory and those above it, each with its entry on disk. */
static int make_dirs(const char *dir)
{
	_cleanup_buf_ struct buf part = BUF_LOCAL(BUF_SMALL);
	struct str all = str_of(dir);

	for (size_t i = 1; i <= all.len; i++) {
		if (i < all.len && all.ptr[i] != '/')
			continue;
		buf_clear(&part);
		buf_put(&part, str_head(all, i));
		if (mkdir(buf_cstr(&part), 0700) < 0) {
			int err = errno;
			struct stat st;

			/* A read-only or foreign directory on the way is none of our business. */
			if (stat(buf_cstr(&part), &st) == 0 && S_ISDIR(st.st_mode))
				continue;
			return -err;
		}

		ptrdiff_t slash = str_rchr(buf_str(&part), '/');

		buf_truncate(&part, slash > 0 ? (size_t)slash : 0);

		int r = mailbox_sync_dir(
			part.len == 0 ? (dir[0] == '/' ? "/" : ".") : buf_cstr(&part));

		if (r < 0)
			return r;
	}
	return 0;
}

static int make_maildir(const struct maildir *m)
{
	static const char *const subs[] = { "tmp", "new", "cur" };
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_LEN(subs); i++) {
		_cleanup_buf_ struct buf dir = BUF_LOCAL(BUF_SMALL);

		buf_putf(&dir, "%s/%s", m->base, subs[i]);
		r = make_dirs(buf_cstr(&dir));
	}
	return r;
}

static int create_unnamed(const struct maildir *m)
{
	_cleanup_buf_ struct buf dir = BUF_LOCAL(BUF_SMALL);
	int fd;

	buf_putf(&dir, "%s/tmp", m->base);
	/* Not by fd_open(): the directory may be a symbolic link, as it may be for names in it. */
	fd = open(buf_cstr(&dir), O_WRONLY | O_TMPFILE | O_CLOEXEC, 0600);
	return fd < 0 ? -errno : fd;
}

static int create(struct maildir *m, struct why *why)
{
	buf_putf(&m->tmp, "%s/tmp/%lu.P%d.", m->base, (unsigned long)m->now.tv_sec, (int)getpid());
	put_host(&m->tmp, m->host);

	int fd = fd_open(buf_cstr(&m->tmp), O_WRONLY | O_CREAT | O_EXCL, 0600);

	if (fd == -ENOENT) {
		int r = make_maildir(m);

		fd = r < 0 ? r : fd_open(buf_cstr(&m->tmp), O_WRONLY | O_CREAT | O_EXCL, 0600);
	}
	/* What a process of the same id left behind in the same second of another life. */
	if (fd == -EEXIST && unlink(buf_cstr(&m->tmp)) == 0)
		fd = fd_open(buf_cstr(&m->tmp), O_WRONLY | O_CREAT | O_EXCL, 0600);
	return fd < 0 ? why_errno(why, fd, "create maildir file %s", buf_cstr(&m->tmp)) : fd;
}

static int write_file(int fd, const struct mailbox_settings *s, struct mail_copy *copy,
	struct why *why)
{
	int r;

	copy->limit = s->size_limit;
	r = mail_copy(copy, fd, why);
	if (r == 0) {
		r = fd_sync(fd);
		if (r < 0)
			(void)why_errno(why, r, "error writing message");
	}
	return r;
}

static int link_unnamed(const struct maildir *m, int fd)
{
	_cleanup_buf_ struct buf path = BUF_LOCAL(BUF_SMALL);

	buf_putf(&path, "/proc/self/fd/%d", fd);
	return linkat(AT_FDCWD, buf_cstr(&path), AT_FDCWD, buf_cstr(&m->final), AT_SYMLINK_FOLLOW) <
			       0
		       ? -errno
		       : 0;
}

/* From tmp/ to new/ without replacing anything there. */
static int move(const struct maildir *m, int fd)
{
	if (m->unnamed)
		return link_unnamed(m, fd);
	if (link(buf_cstr(&m->tmp), buf_cstr(&m->final)) == 0) {
		(void)unlink(buf_cstr(&m->tmp));
		return 0;
	}
	/* Some file systems have no hard links. */
	if (errno != EPERM && errno != EOPNOTSUPP && errno != ENOSYS && errno != EMLINK)
		return -errno;
	return renameat2(AT_FDCWD, buf_cstr(&m->tmp), AT_FDCWD, buf_cstr(&m->final),
		       RENAME_NOREPLACE) < 0
		       ? -errno
		       : 0;
}

static int publish(struct maildir *m, int fd, struct why *why)
{
	_cleanup_buf_ struct buf dir = BUF_LOCAL(BUF_SMALL);
	struct stat st;
	int r;

	if (fstat(fd, &st) < 0)
		return why_errno(why, -errno, "fstat");
	buf_clear(&m->final);
	buf_putf(&dir, "%s/new", m->base);
	buf_putf(&m->final, "%s/%lu.V%lxI%lxM%lu.", buf_cstr(&dir), (unsigned long)m->now.tv_sec,
		(unsigned long)st.st_dev, (unsigned long)st.st_ino, (unsigned long)m->now.tv_usec);
	put_host(&m->final, m->host);
	r = move(m, fd);
	if (r == -ENOENT) {
		r = make_maildir(m);
		if (r == 0)
			r = move(m, fd);
	}
	if (r < 0)
		return why_errno(why, r, "create maildir file %s", buf_cstr(&m->final));
	m->unnamed = false; /* it has a name now: what fails from here on has failed */
	r = mailbox_sync_dir(buf_cstr(&dir));
	/* It will be tried again: one copy less. */
	if (r < 0)
		(void)unlink(buf_cstr(&m->final));
	return r < 0 ? why_errno(why, r, "error writing directory %s", buf_cstr(&dir)) : 0;
}

/* Write what was created and give it its name. */
static int complete(struct maildir *m, int fd, const struct mailbox_settings *s,
	struct mail_copy *copy, bool *ret_written, struct why *why)
{
	int r = write_file(fd, s, copy, why), c;

	*ret_written = r == 0;
	if (r == 0)
		r = publish(m, fd, why);
	c = fd_close_checked(fd);
	if (r == 0 && c < 0) {
		(void)unlink(buf_cstr(&m->final));
		r = why_errno(why, c, "error writing message");
	}
	return r;
}

static int deliver(struct maildir *m, const struct mailbox_settings *s, struct mail_copy *copy,
	struct why *why)
{
	int fd = s->named ? -EOPNOTSUPP : create_unnamed(m), r;
	bool written;

	if (fd >= 0) {
		m->unnamed = true;
		r = complete(m, fd, s, copy, &written, why);
		if (r == 0 || !written || !m->unnamed)
			return r;
	}
	m->unnamed = false;
	fd = create(m, why);
	if (fd < 0)
		return fd;
	r = complete(m, fd, s, copy, &written, why);
	if (r < 0)
		(void)unlink(buf_cstr(&m->tmp));
	return r;
}

void maildir_deliver(const struct mailbox_settings *s, const struct mailbox_identity *id,
	const char *path, struct mail_copy *copy, struct mailbox_result *ret)
{
	_cleanup_free_ char *base = str_dup(str_of(path));
	struct maildir m = { .base = base,
		.tmp = BUF(BUF_SMALL),
		.final = BUF(BUF_SMALL),
		.host = s->hostname };
	size_t len = strlen(base);
	int r;

	*ret = (struct mailbox_result){ .outcome = MAILBOX_DELIVERED, .status = "2.0.0" };
	while (len > 1 && base[len - 1] == '/')
		base[--len] = '\0';
	/* Names of files add less than 1,000 bytes; a longer path cannot be opened anyway. */
	if (len > 8192) {
		mailbox_fail(ret, why_errno(&ret->why, -ENAMETOOLONG, "maildir"));
		return;
	}
	(void)gettimeofday(&m.now, NULL);
	r = mailbox_become(id, &ret->why);
	if (r == 0) {
		r = deliver(&m, s, copy, &ret->why);
		mailbox_return(id);
	}
	if (r < 0)
		mailbox_fail(ret, r);
	buf_done(&m.tmp);
	buf_done(&m.final);
}
