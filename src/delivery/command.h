/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delivery/command.h — run a command of the administrator's: as another user, with an environment of
 * its own, within a time limit, in a process group that dies as a whole at the limit.
 *
 * No shell stands between us and the command: its arguments are handed over as they are. The
 * identity changes in the child only. The command is in a session of its own, has no descriptors but
 * 0, 1 and 2, one group, and no way back to root; signals that the caller ignores remain ignored.
 *
 * Two uses: with descriptors of the caller's (spawn: the client's socket), then command_wait(); or
 * with a pipe to its input and one from its output, which are served at the same time so that
 * neither side can block the other, then command_finish().
 *
 * The limit begins anew whenever the command has taken input. Output does not extend it.
 * For processes that have one thread and ignore SIGPIPE.
 */
#pragma once

#include <sys/types.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/strv.h"
#include "base/why.h"

/** What the command runs as. */
struct command_identity {
	uid_t uid;
	gid_t gid;   /* its only group */
	bool change; /* false: stay what we are (not root) */
};

struct command {
	char *const *argv; /* NULL-terminated; argv[0] is looked up in PATH of env */
	char **env;        /* NULL-terminated; the whole environment */
	struct command_identity id;
	const char *chroot;    /* NULL: none; entered as root, and the working directory */
	const char *directory; /* NULL: where we are; entered as the user */
	usec_t time_limit;     /* above 0 */
	const char *caller;    /* begins the text of "execvp" failures */
};

/** Most bytes of output that are kept; nothing is read beyond. */
#define COMMAND_OUTPUT_MAX ((size_t)4096)

enum command_end {
	COMMAND_EXITED,   /* code is the exit status */
	COMMAND_SIGNALED, /* code is the signal */
	COMMAND_TIMEOUT,  /* killed, with its group */
};

/** What it was doing when the time was up. */
enum command_phase {
	COMMAND_WRITE, /* not taking its input */
	COMMAND_READ,  /* output was open */
	COMMAND_WAIT,  /* output was closed, or there was none */
};

struct command_result {
	enum command_end end;
	enum command_phase phase;
	int code;
};

/** A running command. */
struct command_run {
	pid_t pid;
	int pidfd;
	int in, out;        /* our ends of its input and output; -1 closed */
	struct buf output;  /* at most COMMAND_OUTPUT_MAX */
	usec_t limit;       /* time_limit */
	usec_t deadline;    /* monotonic */
	bool input_refused; /* it closed its input before it had read all */
	bool late;          /* the limit passed while it took no input */
};

/**
 * Start a command whose input and output are ours: descriptors 1 and 2 are one pipe.
 *
 * Returns when execve() was called. On failure nothing is left running.
 * @param ret   ended by command_finish() or command_kill(); must stay where it is
 * @return 0; -ENOEXEC with why: the child could not change root, identity or directory, or not run
 *         the command ("CALLER: execvp ARGV0: REASON"); -EAGAIN, -EMFILE, ... : no process, pipe or
 *         descriptor; -ETIMEDOUT: not started within the limit
 * Blocks: until the command runs, at most for the time limit.
 */
_must_use_ int command_start(const struct command *c, struct command_run *ret, struct why *why);
/**
 * As command_start(), on descriptors of the caller's, which stay open here.
 *
 * @param fds   become 0, 1 and 2; may be the same; not closed
 */
_must_use_ int command_start_on(const struct command *c, const int fds[3], struct command_run *ret,
	struct why *why);
/**
 * Hand bytes to its input; meanwhile its output is kept.
 *
 * @return 0; -EPIPE it reads no more (whether that matters, its exit status tells); -ETIMEDOUT
 * Blocks: until all was taken, at most for the time limit without progress.
 */
_must_use_ int command_feed(struct command_run *r, struct str data);
/** End its input, keep its output, wait for its end; at the limit kill the group. Output stays in r. */
void command_finish(struct command_run *r, struct command_result *ret);
/** Kill the group now, and wait for the command. */
void command_kill(struct command_run *r);
/** Free the output; after command_finish() or command_kill(). */
void command_done(struct command_run *r);
