/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table/cdb_write.c — building PATH.cdb: PATH.cdb.tmp is written under an exclusive lock, flushed
 * and renamed over it. A table of this type cannot be changed, only built anew.
 */
#include <cdb.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "table/build_priv.h"

struct cdb_writer {
	struct cdb_make make;
	bool making; /* make holds memory */
	int fd;
	char *path;
	char *tmp;
};

/* Lock the temporary file, and be sure that the name still means the file that we locked. */
static int open_locked(struct cdb_writer *cw, mode_t mode, struct why *why)
{
	for (;;) {
		struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
		struct stat here, named;

		cw->fd = fd_open(cw->tmp, O_RDWR | O_CREAT, mode);
		if (cw->fd < 0)
			return why_errno(why, cw->fd, "open database %s", cw->tmp);
		while (fcntl(cw->fd, F_OFD_SETLKW, &fl) < 0)
			if (errno != EINTR)
				return why_errno(why, -errno, "lock %s", cw->tmp);
		if (fstat(cw->fd, &here) < 0)
			return why_errno(why, -errno, "fstat %s", cw->tmp);
		if (stat(cw->tmp, &named) == 0 && named.st_ino == here.st_ino &&
			named.st_dev == here.st_dev)
			break;
		fd_close(TAKE_FD(cw->fd));
	}
	if (ftruncate(cw->fd, 0) < 0)
		return why_errno(why, -errno, "truncate %s", cw->tmp);
	return 0;
}

static int writer_open(struct table_writer *w, mode_t mode, struct why *why)
{
	struct cdb_writer *cw = mem_new(struct cdb_writer);
	_cleanup_buf_ struct buf path = BUF_LOCAL(BUF_SMALL);

	cw->fd = -1;
	w->impl = cw;
	if ((w->write & TABLE_WRITE_BULK) == 0)
		return why_set(why, -ENOTSUP,
			"%s: a cdb table cannot be updated, only built from its source file",
			w->spec);
	if (buf_addf(&path, "%s.cdb", w->name) < 0)
		return why_set(why, -ENAMETOOLONG, "open database: name is too long");
	cw->path = mem_strdup(buf_cstr(&path));
	buf_puts(&path, ".tmp");
	cw->tmp = buf_take(&path);

	int r = open_locked(cw, mode, why);

	if (r < 0)
		return r;
	if (cdb_make_start(&cw->make, cw->fd) < 0)
		return why_errno(why, -errno, "open database %s", cw->tmp);
	cw->making = true;
	return 0;
}

static void writer_free(struct table_writer *w)
{
	struct cdb_writer *cw = w->impl;

	if (cw == NULL)
		return;
	if (cw->fd >= 0) {
		/* Not committed: the name goes before the lock does. */
		(void)unlink(cw->tmp);
		/* Only finishing frees the library's memory. */
		if (cw->making)
			(void)cdb_make_finish(&cw->make);
		fd_close(cw->fd);
	}
	free(cw->path);
	free(cw->tmp);
	free(cw);
}

static int writer_put(struct table_writer *w, struct str key, struct str value, bool replace,
	struct why *why)
{
	struct cdb_writer *cw = w->impl;
	size_t extra = w->nul ? 1 : 0;

	/* The format has 32-bit sizes. */
	if (key.len + extra > UINT_MAX / 2 || value.len + extra > UINT_MAX / 2)
		return why_set(why, -EMSGSIZE, "%s: entry is too long", w->spec);

	int r = cdb_make_put(&cw->make, key.ptr, (unsigned)(key.len + extra), value.ptr,
		(unsigned)(value.len + extra), replace ? CDB_PUT_REPLACE : CDB_PUT_INSERT);

	if (r < 0)
		return why_errno(why, errno == 0 ? -EIO : -errno, "write %s", cw->tmp);
	return r > 0 && !replace ? -EEXIST : 0;
}

static int writer_commit(struct table_writer *w, struct why *why)
{
	struct cdb_writer *cw = w->impl;

	cw->making = false;
	if (cdb_make_finish(&cw->make) < 0)
		return why_errno(why, errno == 0 ? -EIO : -errno, "finish database %s", cw->tmp);

	int r = fd_sync(cw->fd);

	if (r < 0)
		return why_errno(why, r, "fsync %s", cw->tmp);
	if (rename(cw->tmp, cw->path) < 0)
		return why_errno(why, -errno, "rename database from %s to %s", cw->tmp, cw->path);
	r = fd_close_checked(TAKE_FD(cw->fd));
	return r < 0 ? why_errno(why, r, "close database %s", cw->path) : 0;
}

const struct writer_ops table_cdb_writer_ops = {
	.type = "cdb",
	.nul = false,
	.open = writer_open,
	.free = writer_free,
	.put = writer_put,
	.commit = writer_commit,
};
