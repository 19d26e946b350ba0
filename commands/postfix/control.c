/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control.c — start, stop and their relatives.
 *
 * A master runs when pid/master.pid is locked; its content is the process id. quick-stop leaves a
 * marker in the queue directory that spares the next start the checks.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "postfix.h"

#include "base/fd.h"
#include "base/num.h"
#include "log/log.h"

/** How long stop waits before it uses force. */
#define STOP_SECONDS 5

pid_t control_master(const struct instance *in)
{
	_cleanup_buf_ struct buf path = BUF_LOCAL(BUF_SMALL);
	_cleanup_buf_ struct buf text = BUF_LOCAL(256);
	_cleanup_close_ int fd = -1;
	uint64_t pid = 0;
	int r;

	buf_putf(&path, "%s/%s/master.pid", in->queue_directory, in->process_id_directory);
	fd = fd_open(buf_cstr(&path), O_RDWR, 0);
	if (fd == -ENOENT)
		return 0;
	if (fd < 0)
		log_fatal("open lock file %s: %s", buf_cstr(&path), strerror(-fd));
	r = fd_flock(fd, LOCK_EX | LOCK_NB);
	if (r == 0)
		return 0;
	if (r != -EWOULDBLOCK)
		log_fatal("lock %s: %s", buf_cstr(&path), strerror(-r));
	if (fd_read_all(fd, &text) < 0 || num_u64(str_trim(buf_str(&text)), INT32_MAX, &pid) < 0 ||
		pid <= 1)
		log_fatal("%s is locked, but holds no process id", buf_cstr(&path));
	return (pid_t)pid;
}

/** As control_master, but it is an error when none runs. Process 1 may be one (containers). */
static pid_t must_run(const struct instance *in)
{
	pid_t pid = control_master(in);

	if (pid == 0)
		log_fatal("the Postfix mail system is not running");
	return pid;
}

static void signal_master(pid_t pid, int sig)
{
	if (kill(pid, sig) < 0)
		log_fatal("send signal %d to process %d: %s", sig, (int)pid, strerror(errno));
}

/** postsuper without arguments (or for one queue): cleans up file names and strays. */
static bool postsuper(const struct instance *in, const char *queue, bool wait)
{
	_cleanup_line_ struct command_line line = { 0 };

	run_line(&line, in->command_directory, "postsuper",
		queue != NULL ? (const char *const[]){ queue, NULL }
			      : (const char *const[]){ NULL });
	if (!run_exists(&line)) {
		log_warn("the queue is not checked: %s: %s", line.argv.v[0], strerror(errno));
		return true;
	}
	if (wait)
		return run_wait(&line) == 0;
	run_background(&line);
	return true;
}

static void marker_path(const struct instance *in, struct buf *ret)
{
	buf_putf(ret, "%s/quick-start", in->queue_directory);
}

static void check_before_start(const struct instance *in, bool quick)
{
	_cleanup_buf_ struct buf marker = BUF_LOCAL(BUF_SMALL);
	bool marked;

	marker_path(in, &marker);
	marked = unlink(buf_cstr(&marker)) == 0;
	layout_create(in);
	if (!quick && !marked) {
		check_settings(in, false);
		(void)check_values(in);
		check_files(in);
		if (!postsuper(in, NULL, true))
			log_fatal("Postfix integrity check failed!");
	}
	check_level(in);
}

int control_start(const struct instance *in, bool foreground, bool quick)
{
	_cleanup_line_ struct command_line line = { 0 };

	if (foreground && in->multi_instance_directories[0] != '\0')
		log_fatal("start-fg does not support multi_instance_directories");
	if (control_master(in) != 0)
		log_fatal("the Postfix mail system is already running");
	check_before_start(in, quick);
	log_info("starting the Postfix mail system");
	if (foreground) {
		run_line(&line, in->daemon_directory, "master",
			(const char *const[]){ getpid() == 1 ? "-i" : "-s", NULL });
		run_exec(&line);
		log_fatal("exec %s: %s", line.argv.v[0], strerror(errno));
	}
	run_line(&line, in->daemon_directory, "master", (const char *const[]){ "-w", NULL });
	if (run_wait(&line) != 0)
		log_fatal("mail system startup failed");
	return 0;
}

/** Wait up to a second for the master to go away. */
static bool is_gone(const struct instance *in)
{
	for (int i = 0; i < 50; i++) {
		struct timespec pause = { .tv_nsec = 20 * 1000 * 1000L };

		if (control_master(in) == 0)
			return true;
		(void)nanosleep(&pause, NULL);
	}
	return false;
}

/** Forbid the next start its checks: a clean stop of a system that was checked. */
static void leave_marker(const struct instance *in)
{
	_cleanup_buf_ struct buf marker = BUF_LOCAL(BUF_SMALL);
	int fd;

	marker_path(in, &marker);
	fd = fd_open(buf_cstr(&marker), O_WRONLY | O_CREAT, 0644);
	if (fd < 0)
		log_fatal("create %s: %s", buf_cstr(&marker), strerror(-fd));
	fd_close(fd);
}

/** Young messages become files: a stopped queue is one that any postfix understands. */
static void settle_journal(const struct instance *in)
{
	_cleanup_line_ struct command_line line = { 0 };
	_cleanup_buf_ struct buf journal = BUF_LOCAL(BUF_SMALL);

	/* There is none where Postfix's programs were at work. */
	buf_putf(&journal, "%s/journal", in->queue_directory);
	if (access(buf_cstr(&journal), F_OK) < 0 && errno == ENOENT)
		return;
	run_line(&line, in->command_directory, "postsuper", (const char *const[]){ "-J", NULL });
	if (run_exists(&line) && run_wait(&line) != 0)
		log_warn("the journal is not empty: see what postsuper says");
}

int control_stop(const struct instance *in, bool quick)
{
	pid_t pid = must_run(in);

	log_info("stopping the Postfix mail system");
	signal_master(pid, SIGTERM);
	for (int i = 0; i < STOP_SECONDS; i++) {
		if (is_gone(in)) {
			settle_journal(in);
			if (quick)
				leave_marker(in);
			return 0;
		}
		log_info("waiting for the Postfix mail system to terminate");
	}
	log_info("stopping the Postfix mail system with force");
	pid = control_master(in);
	if (pid != 0 && kill(-pid, SIGKILL) < 0 && errno != ESRCH)
		log_fatal("kill process group %d: %s", (int)pid, strerror(errno));
	if (!is_gone(in))
		log_fatal("the Postfix mail system does not stop");
	settle_journal(in);
	return 0;
}

int control_abort(const struct instance *in)
{
	pid_t pid = must_run(in);

	log_info("aborting the Postfix mail system");
	signal_master(pid, SIGTERM);
	if (is_gone(in))
		settle_journal(in);
	return 0;
}

int control_drain(const struct instance *in)
{
	pid_t pid = must_run(in);

	log_info("stopping the Postfix mail system");
	signal_master(pid, SIGKILL);
	return 0;
}

int control_reload(const struct instance *in)
{
	pid_t pid = must_run(in);

	log_info("refreshing the Postfix mail system");
	check_settings(in, false);
	check_services(in);
	if (!check_values(in))
		log_fatal("main.cf or master.cf has unusable values: the system is not reloaded");
	check_level(in);
	if (!postsuper(in, "active", true))
		log_fatal("postsuper active failed: the system is not reloaded");
	signal_master(pid, SIGHUP);
	(void)postsuper(in, NULL, false);
	return 0;
}

int control_flush(const struct instance *in)
{
	_cleanup_line_ struct command_line line = { 0 };

	run_line(&line, in->command_directory, "postqueue", (const char *const[]){ "-f", NULL });
	run_exec(&line);
	log_fatal("exec %s: %s", line.argv.v[0], strerror(errno));
}

int control_status(const struct instance *in)
{
	pid_t pid = control_master(in);

	if (pid == 0) {
		log_info("the Postfix mail system is not running");
		return 1;
	}
	log_info("the Postfix mail system is running: PID: %d", (int)pid);
	return 0;
}
