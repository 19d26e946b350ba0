/* SPDX-License-Identifier: Apache-2.0 */
/*
 * edit.c — replacing a configuration file, and its text in pieces that can be left as they are.
 *
 * The new text goes to <file>.tmp under an exclusive lock, is flushed and renamed: whoever reads
 * sees the old file or the new one, also after a crash.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

#include "postconf.h"

#include "base/fd.h"
#include "base/mem.h"
#include "log/log.h"

#define FILE_MAX ((size_t)16 * 1024 * 1024)

struct replacement {
	char *path;
	char *tmp;
	int fd;
	struct stat st;
};

/** Open and lock the temporary file; the one that we hold must still be the one with the name. */
static int open_locked(const char *tmp)
{
	for (;;) {
		int fd = fd_open(tmp, O_RDWR | O_CREAT, 0644);
		struct stat mine, named;
		int r;

		if (fd < 0)
			log_fatal("open %s: %s", tmp, strerror(-fd));
		r = fd_flock(fd, LOCK_EX);
		if (r < 0)
			log_fatal("lock %s: %s", tmp, strerror(-r));
		if (fstat(fd, &mine) == 0 && stat(tmp, &named) == 0 &&
			mine.st_ino == named.st_ino && mine.st_dev == named.st_dev)
			return fd;
		fd_close(fd);
	}
}

struct replacement *replace_start(const char *path, struct buf *ret_old)
{
	struct replacement *r = mem_new(struct replacement);
	struct buf tmp = BUF(BUF_SMALL);
	_cleanup_close_ int fd = -1;
	char *real = realpath(path, NULL);

	/* A symbolic link stays one: its target is replaced. */
	r->path = real != NULL ? real : mem_strdup(path);
	buf_putf(&tmp, "%s.tmp", r->path);
	r->tmp = buf_take(&tmp);
	r->fd = open_locked(r->tmp);
	remember_temporary(r->tmp);
	fd = open(r->path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &r->st) < 0)
		log_fatal("open %s for reading: %s", path, strerror(errno));
	if (fd_read_all(fd, ret_old) < 0)
		log_fatal("read %s: I/O error or more than %zu bytes", path, FILE_MAX);
	if (ret_old->len > 0 && ret_old->ptr[ret_old->len - 1] != '\n')
		buf_putc(ret_old, '\n');
	return r;
}

static void done(struct replacement *r)
{
	fd_close(r->fd);
	free(r->path);
	free(r->tmp);
	free(r);
}

/** 0 or negative errno, with the file that is concerned. */
static int put_in_place(struct replacement *r, struct str text, const char **ret_file)
{
	int e;

	*ret_file = r->tmp;
	if (ftruncate(r->fd, 0) < 0)
		return -errno;
	e = fd_write_all(r->fd, text);
	if (e < 0)
		return e;
	if (geteuid() == 0 && fchown(r->fd, r->st.st_uid, r->st.st_gid) < 0)
		return -errno;
	if (fchmod(r->fd, r->st.st_mode & 07777) < 0)
		return -errno;
	e = fd_sync(r->fd);
	if (e < 0)
		return e;
	*ret_file = r->path;
	if (rename(r->tmp, r->path) < 0)
		return -errno;
	return 0;
}

void replace_commit(struct replacement *r, struct str text)
{
	_cleanup_free_ char *dir = mem_strdup(r->path);
	const char *file = NULL;
	char *slash = strrchr(dir, '/');
	int e = put_in_place(r, text, &file);

	if (e < 0)
		log_fatal("write %s: %s", file, strerror(-e));
	remember_temporary(NULL);
	if (slash != NULL)
		slash[slash == dir ? 1 : 0] = '\0';
	e = fd_sync_dir(slash != NULL ? dir : ".");
	if (e < 0)
		log_fatal("flush directory %s: %s", dir, strerror(-e));
	done(r);
}

static struct str first_line(struct str s)
{
	ptrdiff_t end = str_chr(s, '\n');

	return end < 0 ? s : str_head(s, (size_t)end + 1);
}

/** Blank lines and lines whose first other character is '#'. */
static bool is_comment(struct str line)
{
	line = str_trim(line);
	return line.len == 0 || line.ptr[0] == '#';
}

static bool is_continuation(struct str line)
{
	return !is_comment(line) && is_space((unsigned char)line.ptr[0]);
}

bool next_chunk(struct str *rest, struct buf *logical, struct chunk *ret)
{
	struct str line = first_line(*rest), ahead;
	size_t len = line.len;

	if (rest->len == 0)
		return false;
	buf_clear(logical);
	if (!is_comment(line)) {
		buf_put(logical, str_rtrim(line));
		/* Comments belong to the entry only when a continuation follows them. */
		for (ahead = str_skip(*rest, len); ahead.len > 0;) {
			line = first_line(ahead);
			ahead = str_skip(ahead, line.len);
			if (is_continuation(line)) {
				buf_put(logical, str_rtrim(line));
				len = rest->len - ahead.len;
			} else if (!is_comment(line)) {
				break;
			}
		}
	}
	ret->text = str_head(*rest, len);
	ret->logical = buf_str(logical);
	*rest = str_skip(*rest, len);
	return true;
}

void chunk_without_entry(const struct chunk *c, struct buf *ret)
{
	struct str rest = c->text;

	while (rest.len > 0) {
		struct str line = first_line(rest);

		rest = str_skip(rest, line.len);
		if (is_comment(line))
			buf_put(ret, line);
	}
}

void chunk_commented(const struct chunk *c, struct buf *ret)
{
	struct str rest = c->text;

	while (rest.len > 0) {
		struct str line = first_line(rest);

		rest = str_skip(rest, line.len);
		if (!is_comment(line))
			buf_putc(ret, '#');
		buf_put(ret, line);
	}
}
