/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delivery/command.c — see command.h.
 *
 * The child tells through a pipe that closes at execve() what went wrong before; so the parent knows
 * whether the command ever ran.
 */
#include "delivery/command.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"

/* Where the child failed. */
enum step {
	STEP_DESCRIPTORS,
	STEP_CHROOT,
	STEP_IDENTITY,
	STEP_DIRECTORY,
	STEP_EXEC,
};

struct failure {
	enum step step;
	int error;
};

/* Tell the parent, and end. 75: who sees only the status takes it for a temporary failure. */
static _noreturn_ void give_up(int channel, enum step step)
{
	struct failure f = { .step = step, .error = errno };

	IGNORE(write(channel, &f, sizeof f) < 0);
	_exit(75);
}

/* Descriptors 0, 1, 2 are those given; all others close at execve(). Returns the channel's new number. */
static int set_descriptors(const int fds[3], int channel)
{
	int high[3];

	/* Out of the way of 0 to 2 first, so that none is overwritten before it was used. */
	channel = fcntl(channel, F_DUPFD_CLOEXEC, 3);
	for (int i = 0; channel >= 0 && i < 3; i++) {
		high[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 3);
		if (high[i] < 0)
			give_up(channel, STEP_DESCRIPTORS);
	}
	if (channel < 0)
		_exit(75);
	for (int i = 0; i < 3; i++) {
		if (dup2(high[i], i) < 0)
			give_up(channel, STEP_DESCRIPTORS);
	}
	if (close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
		give_up(channel, STEP_DESCRIPTORS);
	return channel;
}

/* For good: no saved id is left, and root cannot be had back. */
static bool change_identity(const struct command_identity *id)
{
	if (setgroups(1, &id->gid) < 0 || setresgid(id->gid, id->gid, id->gid) < 0 ||
		setresuid(id->uid, id->uid, id->uid) < 0)
		return false;
	if (id->uid != 0 && (setuid(0) == 0 || seteuid(0) == 0)) {
		errno = EPERM;
		return false;
	}
	return true;
}

static _noreturn_ void child(const struct command *c, const int fds[3], int channel)
{
	sigset_t none;

	(void)setsid();
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	channel = set_descriptors(fds, channel);
	if (c->chroot != NULL && (chroot(c->chroot) < 0 || chdir("/") < 0))
		give_up(channel, STEP_CHROOT);
	if (c->id.change && !change_identity(&c->id))
		give_up(channel, STEP_IDENTITY);
	if (c->directory != NULL && chdir(c->directory) < 0)
		give_up(channel, STEP_DIRECTORY);
	environ = c->env;
	(void)execvp(c->argv[0], c->argv);
	give_up(channel, STEP_EXEC);
}

static int explain(const struct command *c, const struct failure *f, struct why *why)
{
	switch (f->step) {
	case STEP_CHROOT:
		(void)why_errno(why, -f->error, "chroot(%s)", c->chroot);
		break;
	case STEP_IDENTITY:
		(void)why_errno(why, -f->error, "cannot become uid=%u gid=%u", c->id.uid,
			c->id.gid);
		break;
	case STEP_DIRECTORY:
		(void)why_errno(why, -f->error,
			"cannot change directory to \"%s\" for uid=%u gid=%u", c->directory,
			c->id.change ? c->id.uid : geteuid(), c->id.change ? c->id.gid : getegid());
		break;
	case STEP_EXEC:
		(void)why_errno(why, -f->error, "%s: execvp %s", c->caller, c->argv[0]);
		break;
	case STEP_DESCRIPTORS:
	default:
		(void)why_errno(why, -f->error, "%s: descriptors", c->caller);
		break;
	}
	return -ENOEXEC;
}

static void close_end(int *fd)
{
	fd_close(*fd);
	*fd = -1;
}

static int reap(struct command_run *r)
{
	int status = 0;

	while (waitpid(r->pid, &status, 0) < 0)
		check(errno == EINTR);
	close_end(&r->pidfd);
	return status;
}

static void close_pipes(struct command_run *r)
{
	close_end(&r->in);
	close_end(&r->out);
}

void command_kill(struct command_run *r)
{
	/* The group may be gone, or, so early, not be there yet. */
	if (kill(-r->pid, SIGKILL) < 0)
		(void)kill(r->pid, SIGKILL);
	close_pipes(r);
	(void)reap(r);
}

/* Wait until the channel closes: the command runs. */
static int confirm(const struct command *c, struct command_run *r, int channel, struct why *why)
{
	struct failure f;
	ssize_t n = -1;
	int e = fd_wait(channel, POLLIN, r->deadline);

	if (e == 0)
		n = read(channel, &f, sizeof f);
	if (e == 0 && n == 0)
		return 0;
	command_kill(r);
	if (e == 0 && n == (ssize_t)sizeof f)
		return explain(c, &f, why);
	return why_errno(why, e < 0 ? e : -EIO, "start %s", c->argv[0]);
}

int command_start_on(const struct command *c, const int fds[3], struct command_run *ret,
	struct why *why)
{
	int channel[2];

	*ret = (struct command_run){ .in = -1,
		.out = -1,
		.pidfd = -1,
		.output = BUF(COMMAND_OUTPUT_MAX),
		.limit = c->time_limit,
		.deadline = clock_deadline(c->time_limit) };
	if (pipe2(channel, O_CLOEXEC) < 0)
		return why_errno(why, -errno, "pipe");
	ret->pid = fork();
	if (ret->pid == 0)
		child(c, fds, channel[1]);

	int e = ret->pid < 0 ? why_errno(why, -errno, "fork") : 0;

	fd_close(channel[1]);
	if (e == 0) {
		ret->pidfd = pidfd_open(ret->pid, 0);
		if (ret->pidfd < 0) {
			e = why_errno(why, -errno, "pidfd_open");
			command_kill(ret);
		}
	}
	if (e == 0)
		e = confirm(c, ret, channel[0], why);
	fd_close(channel[0]);
	return e;
}

int command_start(const struct command *c, struct command_run *ret, struct why *why)
{
	int in[2], out[2];
	int e;

	if (pipe2(in, O_CLOEXEC) < 0)
		return why_errno(why, -errno, "pipe");
	if (pipe2(out, O_CLOEXEC) < 0) {
		e = why_errno(why, -errno, "pipe");
		fd_close(in[0]);
		fd_close(in[1]);
		return e;
	}
	e = command_start_on(c, (const int[3]){ in[0], out[1], out[1] }, ret, why);
	fd_close(in[0]);
	fd_close(out[1]);
	if (e < 0) {
		fd_close(in[1]);
		fd_close(out[0]);
		return e;
	}
	ret->in = in[1];
	ret->out = out[0];
	/* Ours only: the command's ends are file descriptions of their own. */
	check(fd_nonblock(ret->in, true) == 0 && fd_nonblock(ret->out, true) == 0);
	return 0;
}

/* Take what there is; at end of file, or when enough was kept, the output is closed. */
static void keep_output(struct command_run *r)
{
	char piece[COMMAND_OUTPUT_MAX];
	ssize_t n = read(r->out, piece, COMMAND_OUTPUT_MAX - r->output.len);

	if (n > 0)
		buf_put(&r->output, str_from(piece, (size_t)n));
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		close_end(&r->out);
	if (r->output.len == COMMAND_OUTPUT_MAX)
		close_end(&r->out);
}

/* Bytes written; 0 not now; -EPIPE. */
static ssize_t feed_some(struct command_run *r, struct str data)
{
	ssize_t n = write(r->in, data.ptr, data.len);

	if (n >= 0)
		return n;
	return errno == EAGAIN || errno == EINTR ? 0 : -EPIPE;
}

/* poll(), for input unless `events` is 0, and for output. 0; -ETIMEDOUT; other errno. */
static int wait_for(struct command_run *r, struct pollfd p[2], int first, short events)
{
	int n;

	/* A descriptor of -1 is left out. */
	p[0] = (struct pollfd){ .fd = first, .events = events };
	p[1] = (struct pollfd){ .fd = r->out, .events = POLLIN };
	n = poll(p, 2, clock_poll_ms(r->deadline));
	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	return n == 0 && clock_now() >= r->deadline ? -ETIMEDOUT : 0;
}

int command_feed(struct command_run *r, struct str data)
{
	while (data.len > 0) {
		struct pollfd p[2];
		ssize_t n = r->input_refused ? -EPIPE : feed_some(r, data);

		if (n < 0) {
			r->input_refused = true;
			return (int)n;
		}
		if (n > 0) {
			r->deadline = clock_deadline(r->limit);
			data = str_skip(data, (size_t)n);
			continue;
		}

		int e = wait_for(r, p, r->in, POLLOUT);

		if (e < 0) {
			r->late = true;
			return -ETIMEDOUT;
		}
		if (r->out >= 0 && p[1].revents != 0)
			keep_output(r);
	}
	return 0;
}

/* Until output and command have ended: 0 or -ETIMEDOUT. */
static int drain(struct command_run *r)
{
	for (;;) {
		struct pollfd p[2];
		int e;

		/* Its end is of no interest as long as somebody holds its output open. */
		e = wait_for(r, p, r->out >= 0 ? -1 : r->pidfd, POLLIN);
		if (e < 0)
			return e;
		if (r->out >= 0 && p[1].revents != 0)
			keep_output(r);
		else if (r->out < 0 && p[0].revents != 0)
			return 0;
	}
}

void command_finish(struct command_run *r, struct command_result *ret)
{
	int status;

	*ret = (struct command_result){ .end = COMMAND_TIMEOUT, .phase = COMMAND_WRITE };
	close_end(&r->in);
	if (r->late || drain(r) < 0) {
		if (!r->late)
			ret->phase = r->out >= 0 ? COMMAND_READ : COMMAND_WAIT;
		command_kill(r);
		return;
	}
	status = reap(r);
	if (WIFSIGNALED(status))
		*ret = (struct command_result){ COMMAND_SIGNALED, COMMAND_WAIT, WTERMSIG(status) };
	else
		*ret = (struct command_result){ COMMAND_EXITED, COMMAND_WAIT, WEXITSTATUS(status) };
}

void command_done(struct command_run *r)
{
	buf_done(&r->output);
}
