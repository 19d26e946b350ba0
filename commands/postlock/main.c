/* SPDX-License-Identifier: Apache-2.0 */
/*
 * postlock — run a command while a mailbox is locked, as the delivery agents lock it:
 * postlock [-c config_dir] [-l lock_style] [-v] file command...
 *
 * Exit status: that of the command; 1 when a signal ended it; 75 when the lock cannot be had or the
 * command cannot be run. The lock goes when the command has ended, also when a signal asks us to
 * end: it is passed on to the command, and we wait for that.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/fd.h"
#include "delivery/lock.h"
#include "service/derive.h"

struct postlock_conf {
	const char *mailbox_delivery_lock;
	int64_t deliver_lock_attempts, fork_attempts;
	usec_t deliver_lock_delay, fork_delay, stale_lock_time;
};

static const struct conf_var vars[] = {
	CV_STR(struct postlock_conf, mailbox_delivery_lock),
	CV_INT(struct postlock_conf, deliver_lock_attempts),
	CV_TIME(struct postlock_conf, deliver_lock_delay),
	CV_TIME(struct postlock_conf, stale_lock_time),
	CV_INT(struct postlock_conf, fork_attempts),
	CV_TIME(struct postlock_conf, fork_delay),
	CV_END,
};

struct lock {
	const char *file;
	int fd;                         /* -1 until it is open */
	struct mailbox_lock_settings s; /* of one attempt: the pauses are ours */
	sigset_t ends, waits;           /* signals that end us; those and SIGCHLD */
	sigset_t before;                /* the mask that the command gets */
};

_noreturn_ static void usage(void)
{
	log_fatal("usage: postlock [-c config_dir] [-l lock_style] [-v] file command...");
}

/* Hold back signals from here on: a lock file must not stay behind. Ignored ones stay ignored. */
static void hold_signals(struct lock *l)
{
	static const int numbers[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM };

	sigemptyset(&l->ends);
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		struct sigaction now;

		if (sigaction(numbers[i], NULL, &now) < 0)
			log_fatal("sigaction: %m");
		if (now.sa_handler != SIG_IGN)
			sigaddset(&l->ends, numbers[i]);
	}
	l->waits = l->ends;
	sigaddset(&l->waits, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &l->waits, &l->before) < 0)
		log_fatal("sigprocmask: %m");
}

/* Wait between attempts; a signal ends us, and what we hold goes with us. */
static void pause_between(struct lock *l, usec_t delay)
{
	struct timespec ts = { .tv_sec = delay / USEC_PER_SEC,
		.tv_nsec = delay % USEC_PER_SEC * 1000 };
	int sig = sigtimedwait(&l->ends, NULL, &ts);

	if (sig < 0)
		return;
	if (l->fd >= 0 && (l->s.methods & MAILBOX_LOCK_DOTLOCK) != 0)
		mailbox_dotunlock(l->file);
	(void)raise(sig);
	(void)sigprocmask(SIG_SETMASK, &l->before, NULL);
	_exit(EX_TEMPFAIL);
}

_noreturn_ static void give_up(const struct lock *l, const char *text)
{
	if (l->fd >= 0 && (l->s.methods & MAILBOX_LOCK_DOTLOCK) != 0)
		mailbox_dotunlock(l->file);
	log_fatal_status(EX_TEMPFAIL);
	log_fatal("open file %s: %s", l->file, text);
}

/* The file, made when it is not there. -1: not opened, errno. A FIFO without a reader must not block. */
static int open_file(const char *file)
{
	return open(file, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600);
}

static void take(struct lock *l, const struct postlock_conf *c)
{
	bool dot = (l->s.methods & MAILBOX_LOCK_DOTLOCK) != 0;
	struct why why;
	int r;

	for (int64_t i = 1; dot; i++) {
		r = mailbox_dotlock(l->file, &l->s, &why);
		if (r == 0)
			break;
		if (r != -EEXIST || i >= c->deliver_lock_attempts)
			give_up(l, why.text);
		pause_between(l, c->deliver_lock_delay);
	}
	l->fd = open_file(l->file);
	if (l->fd < 0) {
		(void)why_errno(&why, -errno, "cannot open file");
		if (dot)
			mailbox_dotunlock(l->file);
		give_up(l, why.text);
	}
	for (int64_t i = 1;; i++) {
		r = mailbox_flock(l->fd, &l->s, &why);
		if (r == 0)
			return;
		if ((r != -EAGAIN && r != -EINTR) || i >= c->deliver_lock_attempts)
			give_up(l, why.text);
		pause_between(l, c->deliver_lock_delay);
	}
}

static pid_t start(struct lock *l, const struct postlock_conf *c, char **argv)
{
	for (int64_t i = 1;; i++) {
		pid_t pid = fork();

		if (pid > 0)
			return pid;
		if (pid == 0) {
			if (sigprocmask(SIG_SETMASK, &l->before, NULL) == 0)
				execvp(argv[0], argv);
			log_fatal_status(EX_TEMPFAIL);
			log_fatal("execvp %s: %m", argv[0]);
		}
		if (i >= c->fork_attempts)
			give_up(l, "cannot start the command");
		log_warn("fork: %m");
		pause_between(l, c->fork_delay);
	}
}

/* Until the command ends; what asks us to end goes to it. */
static int supervise(const struct lock *l, pid_t pid)
{
	int status;

	for (;;) {
		pid_t done = waitpid(pid, &status, WNOHANG);
		siginfo_t info;

		if (done == pid)
			return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
		if (done < 0 && errno != EINTR)
			return EX_TEMPFAIL;
		if (sigwaitinfo(&l->waits, &info) > 0 && info.si_signo != SIGCHLD)
			(void)kill(pid, info.si_signo);
	}
}

int main(int argc, char **argv)
{
	struct lock l = { .fd = -1 };
	struct postlock_conf pc;
	struct conf *conf;
	struct why why;
	const char *dir = NULL, *style = NULL;
	int verbose = 0, c, status;

	fd_open_std();
	log_fatal_status(EX_TEMPFAIL);
	while ((c = getopt(argc, argv, "+c:l:v")) > 0) {
		if (c == 'c')
			dir = optarg;
		else if (c == 'l')
			style = optarg;
		else if (c == 'v')
			verbose++;
		else
			usage();
	}
	if (argc - optind < 2)
		usage();
	log_set_verbose(verbose);
	conf = derive_command_conf("postlock", dir);
	if (conf_fill(conf, vars, &pc, &why) < 0)
		log_fatal("%s", why.text);
	if (style == NULL)
		style = pc.mailbox_delivery_lock;
	if (mailbox_lock_parse(str_of(style), &l.s.methods, &why) < 0)
		log_fatal("mailbox_delivery_lock value \"%s\": %s", style, why.text);
	l.file = argv[optind];
	/* The second one is for a lock file that was forgotten; pauses are ours. */
	l.s.attempts = 2;
	l.s.stale = pc.stale_lock_time;
	hold_signals(&l);
	take(&l, &pc);
	status = supervise(&l, start(&l, &pc, argv + optind + 1));
	if ((l.s.methods & MAILBOX_LOCK_DOTLOCK) != 0)
		mailbox_dotunlock(l.file);
	conf_free(conf);
	return status;
}
