/* SPDX-License-Identifier: Apache-2.0 */
/* service/table_build.c — from a source file to a table; see table_tool.h. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "log/log.h"
#include "service/table_tool.h"

/* Root works as the owner of the source, who could otherwise make root write elsewhere. */
static void become(const struct stat *st)
{
	if (st->st_uid == geteuid() && st->st_gid == getegid())
		return;
	if (setgroups(1, &st->st_gid) < 0 || setegid(st->st_gid) < 0 || seteuid(st->st_uid) < 0)
		log_fatal("become uid %u gid %u: %s", st->st_uid, st->st_gid, strerror(errno));
}

/* `st` NULL: nobody's file, root stays root. */
static void become_owner(const struct table_tool *t, const struct stat *st)
{
	if (t->opt.keep_root || getuid() != 0)
		return;
	/* Several tables may have several owners. */
	if (seteuid(0) < 0 || setegid(0) < 0)
		log_fatal("become root: %s", strerror(errno));
	if (st != NULL && st->st_uid != 0)
		become(st);
}

void table_tool_become_owner(const struct table_tool *t, const char *path)
{
	struct stat st;

	become_owner(t, stat(path, &st) == 0 ? &st : NULL);
}

/* A database that root owns where others can replace it serves whoever may do that. */
static void warn_unsafe(const char *path)
{
	_cleanup_free_ char *dir = mem_strdup(path);
	char *slash = strrchr(dir, '/');
	struct stat st;

	if (geteuid() != 0)
		return;
	if (slash != NULL)
		slash[slash == dir ? 1 : 0] = '\0';
	if (stat(slash == NULL ? "." : dir, &st) == 0 && st.st_uid != 0)
		log_warn("%s: root-owned database in a directory that is owned by uid %u", path,
			st.st_uid);
}

/* The source, open, and what a new database inherits from it; we are its owner afterwards. */
static void open_source(const struct table_tool *t, const char *path, struct textfile *ret,
	mode_t *ret_mode)
{
	struct why why = { "" };
	struct stat st;
	int fd = STDIN_FILENO;

	*ret_mode = 0644;
	if (!t->opt.incremental)
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		log_fatal("open %s: %s", path, strerror(errno));
	if (fstat(fd, &st) < 0)
		log_fatal("fstat %s: %s", path, strerror(errno));
	if (!t->opt.incremental && !t->opt.default_mode)
		*ret_mode = 0600 | (st.st_mode & 0044);
	if (textfile_from_fd(ret, fd, path, &why) < 0)
		log_fatal("%s", why.text);
	if (fd != STDIN_FILENO)
		fd_close(fd);
	/* The owner of the file that was read, whatever its name says by now. */
	if (t->opt.incremental)
		table_tool_become_owner(t, path);
	else
		become_owner(t, &st);
}

static void put_lines(const struct table_tool *t, struct textfile *f, const char *path,
	struct table_writer *w)
{
	_cleanup_buf_ struct buf line = BUF_LOCAL(TEXTLINE_MAX);
	_cleanup_buf_ struct buf key = BUF_LOCAL(TEXTLINE_MAX);
	_cleanup_buf_ struct buf value = BUF_LOCAL(TEXTLINE_MAX);

	while (textfile_next(f, path, t->settings.notes, &line)) {
		_cleanup_buf_ struct buf where = BUF_LOCAL(BUF_SMALL);
		struct why why = { "" };

		buf_putf(&where, "%s, line %d", path, f->line);
		buf_clear(&key);
		buf_clear(&value);
		if (!t->kind->line(t, buf_str(&line), buf_cstr(&where), &key, &value))
			continue;

		int r = table_writer_put(w, buf_str(&key), buf_str(&value), t->opt.dup, &why);

		if (r < 0 && r != -EEXIST)
			log_fatal("%s: %s", buf_cstr(&where), why.text);
	}
}

/* Signals wait until the table is whole. */
static void block_signals(void)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGHUP);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGQUIT);
	(void)sigaddset(&set, SIGTERM);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
}

void table_tool_build(const struct table_tool *t, struct str spec)
{
	ptrdiff_t colon = str_chr(spec, ':');
	const char *path = spec.ptr + (colon < 0 ? 0 : colon + 1);
	unsigned write = t->opt.write | (t->opt.incremental ? 0 : TABLE_WRITE_BULK);
	struct table_writer *w = NULL;
	struct why why = { "" };
	struct textfile f;
	mode_t mode;

	open_source(t, path, &f, &mode);
	(void)umask(022);
	block_signals();

	int r = table_writer_open(&t->settings, spec, t->flags, write, mode, &w, &why);

	if (r < 0)
		log_fatal("%s", why.text);
	warn_unsafe(path);
	put_lines(t, &f, path, w);
	textfile_done(&f);
	if (t->kind->finish != NULL)
		r = t->kind->finish(w, &why);
	if (r == 0)
		r = table_writer_commit(w, &why);
	table_writer_free(w);
	if (r < 0)
		log_fatal("%s", why.text);
}
