/* SPDX-License-Identifier: Apache-2.0 */
/*
 * postsuper/repair.c — remove what is left over, make names and places right.
 *
 * A file that gets another name is first called "newname#FIX", so that it never takes the place of a
 * file that has yet to be renamed; the second pass takes the suffix away.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "log/log.h"
#include "postsuper.h"

#define SUFFIX STR("#FIX")
/* Incomplete files are left alone for this long. */
#define MAX_TEMP_AGE (7 * 24 * 3600)
/* Directories below a queue are not followed deeper than this. */
#define MAX_DEPTH 64

struct walk {
	struct tool *t;
	const struct queue_info *q;
	unsigned pass;
	struct buf path; /* of the present file */
};

static bool is_incomplete(const struct walk *w, const struct stat *st)
{
	return (st->st_mode & w->q->ready) != w->q->ready;
}

/* Make missing directories above `path`, then rename. */
static int rename_to(const char *from, struct buf *to)
{
	int r = rename(from, buf_cstr(to)) == 0 ? 0 : -errno;

	if (r != -ENOENT)
		return r;
	for (char *p = strchr(to->ptr, '/'); p != NULL; p = strchr(p + 1, '/')) {
		*p = '\0';
		if (mkdir(to->ptr, 0700) < 0 && errno != EEXIST)
			log_warn("mkdir %s: %m", to->ptr);
		*p = '/';
	}
	return rename(from, buf_cstr(to)) == 0 ? 0 : -errno;
}

static void move_file(const char *from, struct buf *to)
{
	int r = strcmp(from, buf_cstr(to)) == 0 ? 0 : rename_to(from, to);

	if (r < 0)
		log_fatal("rename file %s as %s: %s", from, buf_cstr(to), strerrordesc_np(-r));
}

/* The path that a file should have; suffix or not. */
static void want_path(const struct walk *w, struct buf *b, const char *queue, struct str id,
	struct str suffix)
{
	queue_path(&w->t->queues, b, str_of(queue), id);
	buf_put(b, suffix);
}

static void rename_logs(const struct walk *w, struct str id, struct str new_id)
{
	static const char *const logs[] = { QUEUE_BOUNCE, QUEUE_DEFER, QUEUE_TRACE };

	for (size_t i = 0; i < ARRAY_LEN(logs); i++) {
		_cleanup_buf_ struct buf from = BUF_LOCAL(BUF_SMALL);
		_cleanup_buf_ struct buf to = BUF_LOCAL(BUF_SMALL);

		want_path(w, &from, logs[i], id, STR_EMPTY);
		want_path(w, &to, logs[i], new_id, SUFFIX);
		if (access(buf_cstr(&from), F_OK) == 0)
			move_file(buf_cstr(&from), &to);
	}
}

/* The id that a message file should have: false when it has it. */
static bool better_id(const struct walk *w, struct str id, const struct queue_id_parts *p,
	uint64_t inode, struct buf *ret)
{
	const struct tool *t = w->t;

	/* Out of the journal: such an id is unique without being that of an inode. */
	if (p->inode >= JOURNAL_INODE_BASE)
		return false;
	if (!p->is_long) {
		if (p->inode == inode)
			return false;
		queue_id_short(ret, p->usec, inode);
	} else if (!t->queues.long_ids) {
		queue_id_short(ret, p->usec, inode);
	} else {
		if (!t->redundant || p->inode == inode)
			return false;
		queue_id_long(ret, p->sec, p->usec, inode);
	}
	return !str_eq(buf_str(ret), id);
}

/* A file whose name is right: is it in the right place? */
static void fix_place(struct walk *w, struct str id, struct str suffix)
{
	_cleanup_buf_ struct buf to = BUF_LOCAL(BUF_SMALL);
	_cleanup_buf_ struct buf from = BUF_LOCAL(BUF_SMALL);

	buf_put(&from, buf_str(&w->path));
	want_path(w, &to, w->q->name, id, suffix);
	move_file(buf_cstr(&from), &to);
}

static void bogus(const struct walk *w)
{
	log_warn("bogus file name: %s", buf_cstr(&w->path));
}

/* The file has got a new id in this or an interrupted run; pass 2 finishes that. */
static void finish_rename(struct walk *w, struct str id, const struct stat *st)
{
	struct queue_id_parts p;

	if (w->pass == 1) {
		fix_place(w, id, SUFFIX);
	} else if (w->q->messages && (queue_id_parse(id, &p) < 0 || p.inode != st->st_ino)) {
		bogus(w);
	} else {
		w->t->renamed += w->q->messages;
		fix_place(w, id, STR_EMPTY);
	}
}

static void fix_name(struct walk *w, struct str name, const struct stat *st)
{
	_cleanup_buf_ struct buf id = BUF_LOCAL(BUF_SMALL);
	_cleanup_buf_ struct buf to = BUF_LOCAL(BUF_SMALL);
	struct queue_id_parts p = { 0 };

	if (str_ends(name, SUFFIX) && queue_id_ok(str_head(name, name.len - SUFFIX.len))) {
		finish_rename(w, str_head(name, name.len - SUFFIX.len), st);
		return;
	}
	if (!queue_id_ok(name) || (w->q->named_by_id && queue_id_parse(name, &p) < 0)) {
		bogus(w);
		return;
	}
	if (!w->q->messages || !better_id(w, name, &p, st->st_ino, &id)) {
		fix_place(w, name, STR_EMPTY);
		return;
	}
	if (w->pass == 2)
		return; /* a new arrival */
	rename_logs(w, name, buf_str(&id));
	want_path(w, &to, w->q->name, buf_str(&id), SUFFIX);
	move_file(buf_cstr(&w->path), &to);
	log_info(STR_FMT ": renamed to %s", STR_ARG(name), buf_cstr(&id));
}

static void on_file(struct walk *w, struct str name, const struct stat *st)
{
	if (!S_ISREG(st->st_mode)) {
		if (w->t->purge && unlink(buf_cstr(&w->path)) < 0)
			log_warn("remove %s: %m", buf_cstr(&w->path));
		return;
	}
	if (w->t->purge && is_incomplete(w, st) && time(NULL) - st->st_mtime > MAX_TEMP_AGE) {
		if (unlink(buf_cstr(&w->path)) < 0 && errno != ENOENT)
			log_warn("remove %s: %m", buf_cstr(&w->path));
		return;
	}
	if (w->t->structure)
		fix_name(w, name, st);
}

static void walk_dir(struct walk *w, unsigned depth);

static unsigned wanted_depth(const struct walk *w)
{
	return queue_is_hashed(&w->t->queues, str_of(w->q->name)) ? w->t->queues.hash_depth : 0;
}

static void on_directory(struct walk *w, struct str name, unsigned depth)
{
	if (name.len > 1 || strcmp(w->q->name, QUEUE_MAILDROP) == 0) {
		if (w->t->purge)
			(void)rmdir(buf_cstr(&w->path));
		return;
	}
	if (depth < MAX_DEPTH)
		walk_dir(w, depth + 1);
	if (w->t->structure && depth + 1 > wanted_depth(w))
		(void)rmdir(buf_cstr(&w->path));
}

/* w->path is a directory `depth` levels below the queue's. */
static void walk_dir(struct walk *w, unsigned depth)
{
	int fd = fd_open(buf_cstr(&w->path), O_RDONLY | O_DIRECTORY, 0);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	size_t len = w->path.len;
	struct dirent *e;

	if (d == NULL) {
		fd_close(fd);
		log_fatal("open directory %s: %s", buf_cstr(&w->path),
			fd < 0 ? strerrordesc_np(-fd) : "cannot read");
	}
	while ((e = readdir(d)) != NULL) {
		struct stat st;

		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		buf_truncate(&w->path, len);
		buf_putf(&w->path, "/%s", e->d_name);
		if (lstat(buf_cstr(&w->path), &st) < 0)
			continue;
		if (S_ISDIR(st.st_mode))
			on_directory(w, str_of(e->d_name), depth);
		else
			on_file(w, str_of(e->d_name), &st);
	}
	(void)closedir(d);
	buf_truncate(&w->path, len);
}

void repair_queue(struct tool *t, const struct queue_info *q, unsigned pass)
{
	struct walk w = { .t = t, .q = q, .pass = pass, .path = BUF(BUF_MEDIUM) };

	log_debug("queue: %s", q->name);
	buf_puts(&w.path, q->name);
	if (access(q->name, F_OK) == 0)
		walk_dir(&w, 0);
	buf_done(&w.path);
}
