/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue/scan.c — walk through a queue directory without holding more of it than its open directories.
 *
 * Invariant: path holds the directory of the innermost level, with a '/' at its end, plus the name
 * of the entry that was returned last.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/mem.h"
#include "queue/dir.h"

/* Far deeper than any hash_queue_depth makes sense; what lies deeper is not a queue. */
#define MAX_DEPTH 64

struct queue_scan {
	DIR *dir[MAX_DEPTH];
	size_t dir_len[MAX_DEPTH]; /* length of path for each level */
	unsigned depth;            /* open levels */
	bool flat;
	struct buf path;
};

/* Open path as the next level: 0; negative errno. A directory that vanished meanwhile is no error. */
static int push_dir(struct queue_scan *s)
{
	int fd = fd_open(buf_cstr(&s->path), O_RDONLY | O_DIRECTORY | O_NONBLOCK, 0);
	DIR *d;

	if (fd < 0)
		return fd;
	d = fdopendir(fd);
	if (d == NULL) {
		int r = -errno;

		fd_close(fd);
		return r;
	}
	buf_putc(&s->path, '/');
	s->dir[s->depth] = d;
	s->dir_len[s->depth] = s->path.len;
	s->depth++;
	return 0;
}

static void pop_dir(struct queue_scan *s)
{
	s->depth--;
	(void)closedir(s->dir[s->depth]);
	s->dir[s->depth] = NULL;
}

int queue_scan_open(struct str queue, struct queue_scan **ret)
{
	struct queue_scan *s;
	int r;

	if (!queue_name_ok(queue))
		return -EINVAL;
	s = mem_new(struct queue_scan);
	s->path = BUF(BUF_SMALL);
	buf_put(&s->path, queue);
	r = push_dir(s);
	if (r < 0) {
		queue_scan_close(s);
		return r;
	}
	*ret = s;
	return 0;
}

void queue_scan_close(struct queue_scan *s)
{
	if (s == NULL)
		return;
	while (s->depth > 0)
		pop_dir(s);
	buf_done(&s->path);
	free(s);
}

void queue_scan_flat(struct queue_scan *s)
{
	s->flat = true;
}

const char *queue_scan_path(const struct queue_scan *s)
{
	return buf_cstr(&s->path);
}

/* True when the entry is a directory; asks the file system only when readdir does not tell. */
static bool entry_is_dir(const struct queue_scan *s, const struct dirent *e)
{
	struct stat st;

	if (e->d_type != DT_UNKNOWN)
		return e->d_type == DT_DIR;
	return fstatat(dirfd(s->dir[s->depth - 1]), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISDIR(st.st_mode);
}

int queue_scan_next(struct queue_scan *s, struct str *ret_id)
{
	while (s->depth > 0) {
		struct dirent *e;
		struct str name;
		size_t len = s->dir_len[s->depth - 1];

		buf_truncate(&s->path, len);
		errno = 0;
		e = readdir(s->dir[s->depth - 1]);
		if (e == NULL) {
			if (errno != 0)
				return -errno;
			pop_dir(s);
			continue;
		}
		name = str_of(e->d_name);
		if (!queue_id_ok(name))
			continue;
		buf_put(&s->path, name);
		if (s->flat || !entry_is_dir(s, e)) {
			*ret_id = str_skip(buf_str(&s->path), len);
			return 1;
		}
		if (name.len == 1 && s->depth < MAX_DEPTH) {
			int r = push_dir(s);

			if (r < 0 && r != -ENOENT)
				return r;
		}
	}
	return 0;
}
