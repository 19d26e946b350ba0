/* SPDX-License-Identifier: Apache-2.0 */
/*
 * master/main.c — command line, becoming a daemon, locks, signals, the loop.
 *
 * As an ordinary user master runs everything as that user; as root it behaves as documented.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/num.h"
#include "lock.h"
#include "log/log.h"
#include "master.h"
#include "service/derive.h"

/* How long the parent of -w waits, and how long children may take to go at a stop. */
#define INIT_TIMEOUT (100 * USEC_PER_SEC)
#define STOP_SECONDS 4.
#define WATCHDOG     1000

struct options {
	const char *config_dir;
	bool debugger;
	bool debug;
	bool init;
	bool keep_stdout;
	bool test;
	bool wait;
	int verbose;
	uint64_t exit_time;
};

static struct master the_master;
static struct options the_options;
static struct {
	struct ev_signal hup, term, interrupt, quit, child;
	struct ev_timer stop, exit, heartbeat;
	int ending_by;
} the_events;

static void usage(void)
{
	log_fatal("usage: master [-c config_dir] [-d (debug)] [-D (debugger)] [-e exit_time] "
		  "[-i (init mode)] [-s (keep stdout)] [-t (test)] [-v] [-w (wait)]");
}

static void parse_options(int argc, char **argv)
{
	struct options *o = &the_options;
	int letter;

	while ((letter = getopt(argc, argv, "c:dDe:istvw")) != -1) {
		switch (letter) {
		case 'c':
			o->config_dir = optarg;
			break;
		case 'd':
			o->debug = true;
			break;
		case 'D':
			o->debugger = true;
			break;
		case 'e':
			if (num_u64(str_of(optarg), INT32_MAX, &o->exit_time) < 0 ||
				o->exit_time == 0)
				log_fatal("bad exit time: %s", optarg);
			break;
		case 'i':
			if (getpid() != 1)
				log_fatal("-i is allowed only for process 1");
			o->init = o->keep_stdout = true;
			break;
		case 's':
			o->keep_stdout = true;
			break;
		case 't':
			o->test = true;
			break;
		case 'v':
			o->verbose++;
			break;
		case 'w':
			o->wait = true;
			break;
		default:
			usage();
		}
	}
	if (optind < argc)
		usage();
	if (o->test && o->wait)
		log_fatal("-t and -w cannot be combined");
	if (o->init && (o->debugger || o->debug || o->wait))
		log_fatal("-i cannot be combined with -D, -d or -w");
}

static void redirect(int fd)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0 || dup2(null, fd) < 0)
		log_fatal("/dev/null: %s", strerror(errno));
	fd_close(null);
}

static void redirect_std(void)
{
	if (the_options.debug)
		return;
	redirect(STDIN_FILENO);
	redirect(STDERR_FILENO);
	if (!the_options.keep_stdout)
		redirect(STDOUT_FILENO);
}

/* The parent's part of -w: success is one byte through the pipe. */
static _noreturn_ void await_child(int fd)
{
	char byte;

	if (fd_wait(fd, POLLIN, clock_deadline(INIT_TIMEOUT)) < 0 || read(fd, &byte, 1) != 1)
		log_fatal("daemon initialization failure -- see logs for details");
	exit(0);
}

/* Go to the background when asked; the descriptor to write to when all is ready, or -1. */
static int detach(void)
{
	int ends[2];
	pid_t pid;

	if (!the_options.wait)
		return -1;
	if (pipe2(ends, O_CLOEXEC) < 0)
		log_fatal("pipe: %s", strerror(errno));
	pid = fork();
	if (pid < 0)
		log_fatal("fork: %s", strerror(errno));
	if (pid > 0) {
		fd_close(ends[1]);
		await_child(ends[0]);
	}
	fd_close(ends[0]);
	return ends[1];
}

static char *path_of(const char *dir, const char *file)
{
	_cleanup_buf_ struct buf b = BUF_LOCAL(BUF_SMALL);

	if (buf_addf(&b, "%s/%s", dir, file) < 0)
		log_fatal("directory name is too long: %s", dir);
	return buf_take(&b);
}

/* -t: exit status 0 when no master runs. */
static _noreturn_ void test_lock(const struct master *m)
{
	_cleanup_free_ char *path = path_of(m->set.process_id_directory, "master.pid");
	struct why why;
	int r = lock_test(path, &why);

	if (r < 0)
		log_fatal("%s", why.text);
	exit(r);
}

/* Both locks last as long as the process: their descriptors are never closed. */
static void take_locks(const struct master *m)
{
	_cleanup_free_ char *pid_file = path_of(m->set.process_id_directory, "master.pid");
	_cleanup_free_ char *lock_file = path_of(m->set.data_directory, "master.lock");
	bool as_owner = geteuid() == 0;
	struct why why;
	int r;

	if (lock_take(pid_file, &why) < 0)
		log_fatal("%s", why.text);
	if (as_owner && (setegid(m->owner_gid) < 0 || seteuid(m->owner_uid) < 0))
		log_fatal("cannot act as the mail owner: %s", strerror(errno));
	r = lock_take(lock_file, &why);
	if (as_owner && (seteuid(0) < 0 || setegid(getgid()) < 0))
		log_fatal("cannot act as root again: %s", strerror(errno));
	if (r < 0)
		log_fatal("%s", why.text);
}

static void start_log(const struct master *m)
{
	derive_log_master(m->conf, m->debug);
	log_set_verbose(m->verbose);
}

/* The end: by the signal that asked for it, so that the parent sees why. */
static void die(void)
{
	struct sigaction dfl = { .sa_handler = SIG_DFL };

	if (the_options.init)
		_exit(0);
	(void)sigaction(the_events.ending_by, &dfl, NULL);
	(void)raise(the_events.ending_by);
	_exit(1);
}

static void on_stop_timeout(struct ev_loop *ev, struct ev_timer *timer, int events)
{
	(void)ev;
	(void)timer;
	(void)events;
	die();
}

static void on_term(struct ev_loop *ev, struct ev_signal *sig, int events)
{
	struct master *m = &the_master;

	(void)events;
	if (m->stopping)
		return;
	m->stopping = true;
	the_events.ending_by = sig->signum;
	/* postlogd is about to go: what is said from now on is written directly. */
	derive_log_direct(m->conf, "master", m->debug);
	log_info("terminating on signal %d", sig->signum);
	LIST_FOREACH(it, &m->services) {
		struct service_state *s = list_entry(it, struct service_state, node);

		wakeup_stop(s);
		service_adjust(s);
	}
	if (getpgrp() == getpid())
		(void)kill(-getpid(), SIGTERM);
	else
		children_kill(m, SIGTERM);
	if (children_count(m) == 0)
		die();
	ev_timer_start(ev, &the_events.stop);
}

static void on_child(struct ev_loop *ev, struct ev_signal *sig, int events)
{
	(void)ev;
	(void)sig;
	(void)events;
	children_reap(&the_master);
	if (the_master.stopping && children_count(&the_master) == 0)
		die();
}

static void on_hup(struct ev_loop *ev, struct ev_signal *sig, int events)
{
	struct master *m = &the_master;

	(void)ev;
	(void)sig;
	(void)events;
	if (m->stopping || master_load_conf(m, true) < 0)
		return;
	start_log(m);
	log_info("reload -- version %s, configuration %s", m->set.mail_version,
		m->set.config_directory);
	conf_warn_unheeded(m->conf, &log_notes);
	master_clean_environment(m);
	if (master_load_services(m, true) < 0)
		return;
}

static void on_exit_time(struct ev_loop *ev, struct ev_timer *timer, int events)
{
	(void)ev;
	(void)timer;
	(void)events;
	log_info("master exit time has arrived");
	exit(0);
}

static void on_heartbeat(struct ev_loop *ev, struct ev_timer *timer, int events)
{
	(void)ev;
	(void)timer;
	(void)events;
	(void)alarm(WATCHDOG);
}

static void on_alarm(int sig)
{
	(void)sig;
	log_fatal("watchdog timeout");
}

/* A fault of our own: the children must not outlive us unwatched. */
static void on_fault(int sig)
{
	if (getpgrp() == getpid())
		(void)kill(-getpid(), SIGTERM);
	(void)raise(sig);
}

static void watch_signal(struct ev_signal *w, void (*fn)(struct ev_loop *, struct ev_signal *, int),
	int sig)
{
	ev_signal_init(w, fn, sig);
	ev_signal_start(the_master.ev, w);
}

static void watch_faults(void)
{
#ifndef POSTROAD_SANITIZED
	static const int sigs[] = { SIGILL, SIGBUS, SIGSEGV };
	struct sigaction act = { .sa_handler = on_fault, .sa_flags = SA_RESETHAND };

	for (size_t i = 0; i < ARRAY_LEN(sigs); i++)
		(void)sigaction(sigs[i], &act, NULL);
#else
	(void)on_fault;
#endif
}

static void watch_signals(void)
{
	struct sigaction ign = { .sa_handler = SIG_IGN };
	struct sigaction act = { .sa_handler = on_alarm };

	(void)sigaction(SIGPIPE, &ign, NULL);
	(void)sigaction(SIGALRM, &act, NULL);
	watch_faults();
	watch_signal(&the_events.hup, on_hup, SIGHUP);
	watch_signal(&the_events.term, on_term, SIGTERM);
	watch_signal(&the_events.interrupt, on_term, SIGINT);
	watch_signal(&the_events.quit, on_term, SIGQUIT);
	watch_signal(&the_events.child, on_child, SIGCHLD);
	ev_timer_init(&the_events.stop, on_stop_timeout, STOP_SECONDS, 0.);
	ev_timer_init(&the_events.heartbeat, on_heartbeat, 0., WATCHDOG / 2.);
	ev_timer_start(the_master.ev, &the_events.heartbeat);
	if (the_options.exit_time > 0) {
		ev_timer_init(&the_events.exit, on_exit_time, (double)the_options.exit_time, 0.);
		ev_timer_start(the_master.ev, &the_events.exit);
	}
}

static void make_flow_pipe(struct master *m)
{
	if (pipe2(m->flow, O_CLOEXEC | O_NONBLOCK) < 0)
		log_fatal("pipe: %s", strerror(errno));
}

static void raise_limits(void)
{
	struct rlimit limit = { RLIM_INFINITY, RLIM_INFINITY };

	/* Ordinary users may not raise the hard limit: they keep what they have. */
	if (setrlimit(RLIMIT_FSIZE, &limit) < 0 && geteuid() == 0)
		log_warn("cannot raise the file size limit: %s", strerror(errno));
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
			log_warn("cannot raise the descriptor limit: %s", strerror(errno));
	}
}

static void start(struct master *m, int ready)
{
	bool debug_env = getenv("MAIL_DEBUG") != NULL;

	take_locks(m);
	master_clean_environment(m);
	make_flow_pipe(m);
	raise_limits();
	m->ev = ev_loop_new(EVFLAG_AUTO);
	check(m->ev != NULL);
	watch_signals();
	conf_warn_unheeded(m->conf, &log_notes);
	if (master_load_services(m, false) < 0)
		log_fatal("cannot start the services");
	if (the_options.debugger || debug_env)
		derive_debug(m->set.debugger_command);
	log_info("daemon started -- version %s, configuration %s", m->set.mail_version,
		m->set.config_directory);
	if (ready >= 0) {
		if (write(ready, "", 1) != 1)
			log_warn("cannot tell the parent that all is ready");
		fd_close(ready);
	}
}

/* The configuration directory as an absolute path: the process changes directory. */
static char *absolute_dir(const char *dir)
{
	_cleanup_free_ char *cwd = NULL;

	if (dir[0] == '/')
		return mem_strdup(dir);
	cwd = getcwd(NULL, 0);
	if (cwd == NULL)
		log_fatal("current directory: %s", strerror(errno));
	return path_of(cwd, dir);
}

int main(int argc, char **argv)
{
	struct log_settings early = { .tag = "postfix/master", .to_stderr = true };
	struct master *m = &the_master;
	int ready;

	fd_open_std();
	(void)umask(077);
	(void)close_range(3, ~0U, 0);
	log_init(&early);
	parse_options(argc, argv);
	list_init(&m->services);
	list_init(&m->orphans);
	m->debug = the_options.debug;
	m->verbose = the_options.verbose;
	m->config_dir = absolute_dir(derive_config_dir(the_options.config_dir));
	check(setenv("MAIL_CONFIG", m->config_dir, 1) == 0);
	if (master_load_conf(m, false) < 0)
		return 1;
	if (chdir(m->set.queue_directory) < 0)
		log_fatal("chdir(%s): %s", m->set.queue_directory, strerror(errno));
	if (the_options.test)
		test_lock(m);
	ready = detach();
	if (!the_options.debug && !the_options.init)
		(void)setsid();
	redirect_std();
	start_log(m);
	start(m, ready);
	ev_run(m->ev, 0);
	log_fatal("the event loop has ended");
}
