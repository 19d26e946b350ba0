/* SPDX-License-Identifier: Apache-2.0 */
/*
 * postdrop.c — the other end of postdrop's conversation.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/strv.h"
#include "intake/intake.h"
#include "ipc/attr.h"
#include "log/log.h"
#include "sendmail.h"

#define LIST_MAX ((size_t)16 * 1024)
/* Most bytes of one record: an address, or one line. */
#define RECORD_MAX ((size_t)1024 * 1024)

struct postdrop {
	/* Two streams, because there may be an answer when writing has failed. */
	struct stream *to, *from;
	struct arena *a;
	struct buf record;
	const char *who; /* "SENDER(UID)" for messages */
	const char *path;
	pid_t pid;
	int rfd, wfd;
	int error;
};

/* Start it: its pid, or negative errno. */
static pid_t spawn(const char *path, struct strv *argv, int in, int out)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t defaults;
	pid_t pid;
	int e;

	check(posix_spawn_file_actions_init(&actions) == 0);
	check(posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO) == 0);
	check(posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO) == 0);
	/* We ignore SIGPIPE; a child should start with what is usual. */
	check(posix_spawnattr_init(&attr) == 0);
	check(sigemptyset(&defaults) == 0 && sigaddset(&defaults, SIGPIPE) == 0);
	check(posix_spawnattr_setsigdefault(&attr, &defaults) == 0);
	check(posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF) == 0);
	e = posix_spawn(&pid, path, &actions, &attr, argv->v, environ);
	(void)posix_spawn_file_actions_destroy(&actions);
	(void)posix_spawnattr_destroy(&attr);
	return e == 0 ? pid : -e;
}

/* Nothing more to say to each other: wait for its end, and log one that was not a good one. */
static void await_end(struct postdrop *p)
{
	int status;

	fd_close(TAKE_FD(p->wfd));
	fd_close(TAKE_FD(p->rfd));
	while (waitpid(p->pid, &status, 0) < 0)
		if (errno != EINTR)
			return;
	if (WIFSIGNALED(status))
		log_warn("command \"%s -r\" killed by signal %d", p->path, WTERMSIG(status));
	else if (WEXITSTATUS(status) != 0)
		log_warn("command \"%s -r\" exited with status %d", p->path, WEXITSTATUS(status));
}

/*
 * Its greeting, which comes when it has a place for the message. Without one, or without an answer at
 * the end (postdrop_finish), nobody is told whether the cause is one that lasts: try again later.
 */
static void read_greeting(struct postdrop *p)
{
	const char *cause = "unexpected greeting";
	struct attr_list list;
	struct str value;
	int r = attr_list_read(p->from, ATTR_NUL, LIST_MAX, p->a, &list);

	if (r == 0 && attr_str(&list, "protocol", &value) == 0 &&
		str_eq(value, STR("postdrop_protocol")))
		return;
	if (r < 0)
		cause = "no greeting";
	await_end(p);
	sendmail_die(EX_TEMPFAIL, "%s: unable to execute %s -r: %s", p->who, p->path, cause);
}

struct postdrop *postdrop_start(const struct sendmail_conf *c, const char *who, int verbose)
{
	_cleanup_strv_ struct strv argv = { 0 };
	struct postdrop *p = mem_new(struct postdrop);
	int to[2];
	int from[2];

	p->a = arena_new(0);
	p->path = arena_fmt(p->a, "%s/postdrop", c->command_directory).ptr;
	strv_add(&argv, str_of(p->path));
	strv_add(&argv, STR("-r"));
	for (int i = 0; i < verbose; i++)
		strv_add(&argv, STR("-v"));
	if (pipe2(to, O_CLOEXEC) < 0 || pipe2(from, O_CLOEXEC) < 0)
		sendmail_die(EX_TEMPFAIL, "%s: pipe: %m", who);
	p->who = who;
	p->pid = spawn(p->path, &argv, to[0], from[1]);
	if (p->pid < 0)
		sendmail_die(EX_TEMPFAIL, "%s: unable to execute %s -r: %s", who, p->path,
			strerrordesc_np(-p->pid));
	(void)close(to[0]);
	(void)close(from[1]);
	p->rfd = from[0];
	p->wfd = to[1];
	p->to = stream_new_pair(-1, p->wfd);
	p->from = stream_new_pair(p->rfd, -1);
	p->record = BUF(RECORD_MAX + 16);
	read_greeting(p);
	return p;
}

void postdrop_put(struct postdrop *p, int type, struct str data)
{
	if (p->error < 0)
		return;
	buf_clear(&p->record);
	p->error = rec_put(&p->record, type, data);
	if (p->error == 0)
		p->error = stream_write(p->to, buf_str(&p->record));
}

void postdrop_putf(struct postdrop *p, int type, const char *fmt, ...)
{
	_cleanup_buf_ struct buf b = BUF_LOCAL(RECORD_MAX);
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = buf_addv(&b, fmt, ap);
	va_end(ap);
	if (r < 0 && p->error == 0)
		p->error = r;
	postdrop_put(p, type, buf_str(&b));
}

static int exit_status(unsigned status)
{
	if ((status & INTAKE_STAT_BAD) != 0)
		return EX_SOFTWARE;
	if ((status & INTAKE_STAT_WRITE) != 0)
		return EX_TEMPFAIL;
	if ((status & INTAKE_STAT_NOPERM) != 0)
		return EX_NOPERM;
	return EX_UNAVAILABLE;
}

void postdrop_finish(struct postdrop *p)
{
	struct attr_list list;
	struct str reason = STR_EMPTY;
	int status;
	int r = p->error;

	if (r == 0)
		r = stream_flush(p->to);
	/* It must not wait for what does not come. */
	if (r < 0)
		fd_close(TAKE_FD(p->wfd));
	/* Even when writing failed there may be an answer that says why. */
	if (attr_list_read(p->from, ATTR_NUL, LIST_MAX, p->a, &list) < 0 ||
		attr_int(&list, "status", &status) < 0 || attr_str(&list, "reason", &reason) < 0) {
		await_end(p);
		sendmail_die(EX_TEMPFAIL, "%s: %s%s", p->who,
			r < 0 ? "error writing queue file: " : "queue file write error",
			r < 0 ? strerrordesc_np(-r) : "");
	}
	if (status != 0) {
		if (reason.len == 0)
			reason = str_of(intake_status_text((unsigned)status)->text);
		sendmail_die(exit_status((unsigned)status), "%s: " STR_FMT, p->who,
			STR_ARG(reason));
	}
	if (r < 0)
		sendmail_die(EX_TEMPFAIL, "%s: error writing queue file: %s", p->who,
			strerrordesc_np(-r));
	postdrop_cancel(p);
}

void postdrop_cancel(struct postdrop *p)
{
	int status;

	stream_free(p->to);
	stream_free(p->from);
	fd_close(TAKE_FD(p->wfd));
	fd_close(TAKE_FD(p->rfd));
	arena_free(p->a);
	buf_done(&p->record);
	while (waitpid(p->pid, &status, 0) < 0 && errno == EINTR)
		;
	free(p);
}
