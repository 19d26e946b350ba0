/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtpd/drop.c — handing a message to postdrop(1): "sendmail -bs" of an ordinary user.
 */
#include <errno.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "ipc/attr.h"
#include "smtpd.h"

struct drop {
	struct stream *io;
	struct arena *arena;
	pid_t pid;
};

static int spawn(struct drop *d, const char *path, int fd)
{
	char name[] = "postdrop", option[] = "-r";
	char *argv[] = { name, option, NULL };
	posix_spawn_file_actions_t actions;
	int e = posix_spawn_file_actions_init(&actions);

	if (e != 0)
		return -e;
	e = posix_spawn_file_actions_adddup2(&actions, fd, STDIN_FILENO);
	if (e == 0)
		e = posix_spawn_file_actions_adddup2(&actions, fd, STDOUT_FILENO);
	if (e == 0)
		e = posix_spawn(&d->pid, path, &actions, NULL, argv, environ);
	(void)posix_spawn_file_actions_destroy(&actions);
	return -e;
}

static int start(const struct smtpd *p, struct drop *d, struct why *why)
{
	_cleanup_buf_ struct buf path = BUF_LOCAL(BUF_SMALL);
	int sv[2], r;

	buf_putf(&path, "%s/postdrop", p->c.command_directory);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) < 0)
		return why_errno(why, -errno, "socketpair");
	d->io = stream_new(sv[0]);
	stream_timeout(d->io, p->c.ipc_timeout);
	r = spawn(d, buf_cstr(&path), sv[1]);
	fd_close(sv[1]);
	if (r < 0) {
		d->pid = -1;
		return why_errno(why, r, "unable to execute %s -r", buf_cstr(&path));
	}
	return 0;
}

/* The greeting, which names the queue file. */
static int greeting(struct drop *d, char *id, size_t id_size, struct why *why)
{
	struct attr_list l;
	struct str protocol, name;
	int r = attr_list_read(d->io, ATTR_NUL, BUF_SMALL, d->arena, &l);

	if (r < 0)
		return why_errno(why, r, "unable to execute postdrop -r");
	if (attr_str(&l, "protocol", &protocol) < 0 ||
		!str_eq(protocol, STR("postdrop_protocol")) ||
		attr_str(&l, "queue_id", &name) < 0 || name.len >= id_size)
		return why_set(why, -EPROTO, "postdrop answers in another protocol");
	memcpy(id, name.ptr, name.len);
	id[name.len] = '\0';
	return 0;
}

int drop_open(const struct smtpd *p, struct drop **ret, char *id, size_t id_size, struct why *why)
{
	struct drop *d = mem_new(struct drop);
	int r;

	d->pid = -1;
	d->arena = arena_new(BUF_MEDIUM);
	r = start(p, d, why);
	if (r == 0)
		r = greeting(d, id, id_size, why);
	if (r < 0) {
		drop_free(d);
		return r;
	}
	*ret = d;
	return 0;
}

int drop_record(struct drop *d, int type, struct str data)
{
	_cleanup_buf_ struct buf b = BUF_LOCAL(BUF_MEDIUM);

	if (rec_put(&b, type, data) < 0)
		return -EMSGSIZE;
	return stream_write(d->io, buf_str(&b));
}

int drop_finish(struct drop *d, unsigned *ret_status, struct arena *a, struct str *ret_reason,
	struct why *why)
{
	struct attr_list l;
	struct str reason;
	int status = 0;
	int r = stream_flush(d->io);

	if (r == 0)
		r = attr_list_read(d->io, ATTR_NUL, BUF_SMALL, d->arena, &l);
	if (r == 0)
		r = attr_int(&l, "status", &status);
	if (r < 0)
		return why_errno(why, r, "postdrop gave no answer");
	*ret_status = (unsigned)status;
	if (attr_str(&l, "reason", &reason) == 0)
		*ret_reason = arena_str(a, reason);
	return 0;
}

void drop_free(struct drop *d)
{
	int status;

	if (d == NULL)
		return;
	stream_free(d->io);
	if (d->pid > 0)
		while (waitpid(d->pid, &status, 0) < 0 && errno == EINTR)
			;
	arena_free(d->arena);
	free(d);
}
