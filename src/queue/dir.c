/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue/dir.c — hashed paths; creating, opening, moving and removing files in queue directories.
 */
#include "queue/dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

/* A new name is tried this often before giving up; each try takes a new time. */
#define MAX_TRIES 1000

bool queue_is_hashed(const struct queue_settings *s, struct str queue)
{
	if (s == NULL || s->hashed == NULL)
		return false;
	for (const char *const *h = s->hashed; *h != NULL; h++)
		if (str_ieq(str_of(*h), queue))
			return true;
	return false;
}

/* Append "queue/a/b/" for an id. Long ids are hashed by their microseconds, as short ones are. */
static void put_dir(const struct queue_settings *s, struct buf *b, struct str queue, struct str id)
{
	struct queue_id_parts parts;
	char hex[9];
	struct str key = id;

	buf_put(b, queue);
	buf_putc(b, '/');
	if (!queue_is_hashed(s, queue))
		return;
	if (queue_id_parse(id, &parts) == 0 && parts.is_long) {
		int n = snprintf(hex, sizeof(hex), "%05X", parts.usec);

		key = str_from(hex, (size_t)n);
	}
	for (unsigned i = 0; i < s->hash_depth; i++) {
		buf_putc(b, i < key.len ? key.ptr[i] : '_');
		buf_putc(b, '/');
	}
}

void queue_path(const struct queue_settings *s, struct buf *b, struct str queue, struct str id)
{
	put_dir(s, b, queue, id);
	buf_put(b, id);
}

/* Make the directories above the file `path`, mode 0700; the first component must exist. */
static int make_parents(struct buf *path)
{
	char *p = path->ptr;

	for (char *slash = strchr(p, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		int r;

		*slash = '\0';
		r = mkdir(p, 0700) < 0 && errno != EEXIST ? -errno : 0;
		*slash = '/';
		if (r < 0)
			return r;
	}
	return 0;
}

/* rename(2); when the target's directory is missing it is made. */
static int rename_to(const char *from, struct buf *to)
{
	int r;

	if (rename(from, buf_cstr(to)) == 0)
		return 0;
	if (errno != ENOENT)
		return -errno;
	if (access(from, F_OK) < 0)
		return -ENOENT;
	r = make_parents(to);
	if (r < 0)
		return r;
	return rename(from, buf_cstr(to)) == 0 ? 0 : -errno;
}

int queue_move(const struct queue_settings *s, struct str id, struct str from, struct str to,
	struct why *why)
{
	_cleanup_buf_ struct buf src = BUF_LOCAL(BUF_SMALL);
	_cleanup_buf_ struct buf dst = BUF_LOCAL(BUF_SMALL);
	int r;

	if (!queue_id_ok(id) || !queue_name_ok(from) || !queue_name_ok(to))
		return why_set(why, -EINVAL, "bad queue name or queue id: " STR_FMT "/" STR_FMT,
			STR_ARG(from), STR_ARG(id));
	queue_path(s, &src, from, id);
	queue_path(s, &dst, to, id);
	r = rename_to(buf_cstr(&src), &dst);
	if (r < 0)
		return why_errno(why, r, "rename %s to %s", buf_cstr(&src), buf_cstr(&dst));
	return 0;
}

int queue_remove(const struct queue_settings *s, struct str queue, struct str id)
{
	_cleanup_buf_ struct buf path = BUF_LOCAL(BUF_SMALL);

	if (!queue_id_ok(id) || !queue_name_ok(queue))
		return -EINVAL;
	queue_path(s, &path, queue, id);
	return unlink(buf_cstr(&path)) == 0 ? 0 : -errno;
}

int queue_open(const struct queue_settings *s, struct str queue, struct str id, int flags,
	mode_t mode)
{
	_cleanup_buf_ struct buf path = BUF_LOCAL(BUF_SMALL);
	int r;

	if (!queue_id_ok(id) || !queue_name_ok(queue))
		return -EINVAL;
	queue_path(s, &path, queue, id);
	r = fd_open(buf_cstr(&path), flags, mode);
	if (r != -ENOENT || (flags & O_CREAT) == 0)
		return r;
	r = make_parents(&path);
	return r < 0 ? r : fd_open(buf_cstr(&path), flags, mode);
}

/* Create "queue/<usec>.<pid>": no scanner takes a name with '.'. */
static int create_temp(struct str queue, mode_t mode, struct buf *path, struct why *why)
{
	int r = -EEXIST;

	for (unsigned i = 0; i < MAX_TRIES && (r == -EEXIST || r == -EISDIR); i++) {
		struct timeval now;

		(void)gettimeofday(&now, NULL);
		buf_clear(path);
		buf_putf(path, STR_FMT "/%06ld.%d", STR_ARG(queue), (long)now.tv_usec, getpid());
		r = fd_open(buf_cstr(path), O_RDWR | O_CREAT | O_EXCL, mode);
	}
	if (r < 0)
		return why_errno(why, r, "create file %s", buf_cstr(path));
	return r;
}

/* Give the file at `temp` its name; a time that is taken is never used again by another inode. */
static int name_file(const struct queue_settings *s, struct str queue, const char *temp,
	uint64_t inode, struct queue_file *ret)
{
	_cleanup_buf_ struct buf id = BUF_LOCAL(QUEUE_ID_MAX);
	_cleanup_buf_ struct buf path = BUF_LOCAL(BUF_SMALL);
	int r = -EPERM;

	for (unsigned i = 0; i < MAX_TRIES && (r == -EPERM || r == -EISDIR); i++) {
		(void)gettimeofday(&ret->created, NULL);
		buf_clear(&id);
		buf_clear(&path);
		if (s != NULL && s->long_ids)
			queue_id_long(&id, ret->created.tv_sec, (uint32_t)ret->created.tv_usec,
				inode);
		else
			queue_id_short(&id, (uint32_t)ret->created.tv_usec, inode);
		queue_path(s, &path, queue, buf_str(&id));
		r = rename_to(temp, &path);
	}
	if (r == 0)
		memcpy(ret->id, buf_cstr(&id), id.len + 1);
	return r;
}

static int create(const struct queue_settings *s, struct str queue, mode_t mode,
	struct queue_file *ret, struct why *why)
{
	_cleanup_buf_ struct buf temp = BUF_LOCAL(BUF_SMALL);
	struct queue_file f = { .fd = -1 };
	struct stat st;
	int r;

	f.fd = create_temp(queue, mode, &temp, why);
	if (f.fd < 0)
		return f.fd;
	r = fstat(f.fd, &st) < 0 ? -errno : name_file(s, queue, buf_cstr(&temp), st.st_ino, &f);
	if (r < 0) {
		(void)unlink(buf_cstr(&temp));
		fd_close(f.fd);
		return why_errno(why, r, "name queue file %s", buf_cstr(&temp));
	}
	*ret = f;
	return 0;
}

int queue_create(const struct queue_settings *s, struct str queue, mode_t mode,
	struct queue_file *ret, struct why *why)
{
	pthread_mutex_t *creating = s == NULL ? NULL : s->creating;
	int r;

	if (!queue_name_ok(queue))
		return why_set(why, -EINVAL, "bad queue name: " STR_FMT, STR_ARG(queue));
	if (creating != NULL)
		(void)pthread_mutex_lock(creating);
	r = create(s, queue, mode, ret, why);
	if (creating != NULL)
		(void)pthread_mutex_unlock(creating);
	return r;
}
