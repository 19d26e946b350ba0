/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A private system for tests: a directory with configuration and queue, a real master, daemons that
 * are testd under several names. Everything waits for events with a deadline.
 */
#pragma once

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pwd.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/num.h"
#include "io/stream.h"
#include "net/socket.h"

#define WAIT_LIMIT (20 * USEC_PER_SEC)

static char the_dir[128];
static char the_bin[512]; /* build directory of the tests */
static pid_t the_master;

static _unused_ void path_in(char ret[512], const char *name)
{
	(void)snprintf(ret, 512, "%s/%s", the_dir, name);
}

static _unused_ void write_file(const char *name, const char *text)
{
	char path[512];
	int fd;

	path_in(path, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, str_of(text)), 0);
	fd_close(fd);
}

/* The content of a file in the private directory; empty when it is not there. Caller frees. */
static _unused_ char *read_file(const char *name)
{
	struct buf b = BUF(BUF_MEDIUM);
	char path[512];

	path_in(path, name);
	if (fd_read_file(path, &b) < 0)
		buf_clear(&b);
	return buf_take(&b);
}

static _unused_ void pause_a_little(void)
{
	struct timespec ts = { .tv_nsec = 10 * 1000 * 1000 };

	(void)nanosleep(&ts, NULL);
}

/* Wait until a file holds a text `times` times. */
static _unused_ void await_text_times(const char *file, const char *text, int times)
{
	usec_t end = clock_deadline(WAIT_LIMIT);

	for (;;) {
		char *have = read_file(file);
		int n = 0;

		for (char *p = have; (p = strstr(p, text)) != NULL; p += strlen(text))
			n++;
		if (n < times && clock_now() > end)
			fail_msg("\"%s\" is not in %s:\n%s\nerrors:\n%s", text, file, have,
				read_file("err"));
		free(have);
		if (n >= times)
			return;
		pause_a_little();
	}
}

static _unused_ void await_text(const char *file, const char *text)
{
	await_text_times(file, text, 1);
}

static _unused_ bool log_has(const char *text)
{
	char *have = read_file("log");
	bool found = strstr(have, text) != NULL;

	free(have);
	return found;
}

static void make_dir(const char *name)
{
	char path[512];

	path_in(path, name);
	assert_int_equal(mkdir(path, 0755), 0);
}

static void link_program(const char *name, const char *target)
{
	char from[1024];
	char path[512];

	(void)snprintf(from, sizeof from, "%s/%s", the_bin, target);
	(void)snprintf(path, sizeof path, "%s/libexec/%s", the_dir, name);
	assert_int_equal(symlink(from, path), 0);
}

static const char *owner_name(char room[64])
{
	const struct passwd *pw = getpwuid(geteuid() == 0 ? 65534 : geteuid());

	assert_non_null(pw);
	(void)snprintf(room, 64, "%s", pw->pw_name);
	return room;
}

/* main.cf of a private system, with more settings behind it. */
static _unused_ void write_main_cf(const char *more)
{
	_cleanup_buf_ struct buf b = BUF(BUF_SMALL);
	char owner[64];

	buf_putf(&b,
		"compatibility_level = 3.6\nqueue_directory = %s/spool\ndata_directory = %s/data\n"
		"daemon_directory = %s/libexec\nmaillog_file = %s/log\n"
		"maillog_file_prefixes = %s\nmyhostname = mx.example.com\nmail_owner = %s\n"
		"setgid_group = root\ninet_protocols = ipv4\ninet_interfaces = 127.0.0.1\n"
		"import_environment = TZ, LANG=C, ASAN_OPTIONS, TSAN_OPTIONS, { TEST_WORDS = a b }\n%s",
		the_dir, the_dir, the_dir, the_dir, the_dir, owner_name(owner), more);
	write_file("etc/main.cf", buf_cstr(&b));
}

static _unused_ void write_master_cf(const char *text)
{
	_cleanup_buf_ struct buf b = BUF(BUF_SMALL);

	buf_putf(&b, "postlog unix-dgram n - n - 1 postlogd\n%s", text);
	write_file("etc/master.cf", buf_cstr(&b));
}

/* Make the directory; the working directory of the test is where testd was built. */
static _unused_ int private_setup(void **state)
{
	static const char *const names[] = { "single", "threaded", "multi", "event", "trigger",
		"dgram", "solitary", "unlimited" };
	static const char *const owned[] = { "data", "spool", "spool/private", "spool/public" };

	(void)state;
	if (the_bin[0] == '\0' && getcwd(the_bin, sizeof the_bin) == NULL)
		return -1;
	(void)snprintf(the_dir, sizeof the_dir, "/tmp/test-service-XXXXXX");
	if (mkdtemp(the_dir) == NULL || chmod(the_dir, 0755) < 0)
		return -1;
	make_dir("etc");
	make_dir("libexec");
	for (size_t i = 0; i < ARRAY_LEN(owned); i++) {
		char path[512];

		make_dir(owned[i]);
		path_in(path, owned[i]);
		if (geteuid() == 0 && chown(path, 65534, 65534) < 0)
			return -1;
	}
	make_dir("spool/pid");
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		link_program(names[i], "service/testd");
	link_program("postlogd", "../../libexec/postlogd");
	write_main_cf("");
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static _unused_ void stop_master(void)
{
	int status = 0;

	if (the_master <= 0)
		return;
	(void)kill(the_master, SIGTERM);
	assert_int_equal(waitpid(the_master, &status, 0), the_master);
	the_master = 0;
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
}

static _unused_ void kill_master(void)
{
	int status = 0;

	assert_int_equal(kill(the_master, SIGKILL), 0);
	assert_int_equal(waitpid(the_master, &status, 0), the_master);
	the_master = 0;
}

/* Wait until nobody listens at a socket below the queue directory any more. */
static _unused_ void await_refusal(const char *socket)
{
	usec_t end = clock_deadline(WAIT_LIMIT);
	char path[512];
	struct why why;
	int fd;

	(void)snprintf(path, sizeof path, "%s/spool/%s", the_dir, socket);
	while ((fd = net_connect_unix(path, end, &why)) != -ECONNREFUSED) {
		fd_close(fd);
		if (clock_now() > end)
			fail_msg("%s: somebody listens, or %s", socket, why.text);
		pause_a_little();
	}
}

static _unused_ int private_teardown(void **state)
{
	(void)state;
	stop_master();
	return nftw(the_dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* Start a program with arguments and standard error in the file "err"; its process id. */
static _unused_ pid_t start_program(const char *path, char *const argv[])
{
	char err[512];
	pid_t pid = fork();

	path_in(err, "err");
	if (pid == 0) {
		int fd = open(err, O_WRONLY | O_CREAT | O_APPEND, 0644);
		int null = open("/dev/null", O_RDWR);

		(void)dup2(null, 0);
		(void)dup2(null, 1);
		(void)dup2(fd, 2);
		(void)setpgid(0, 0);
		(void)execv(path, argv);
		_exit(98);
	}
	assert_true(pid > 0);
	return pid;
}

static _unused_ void launch_master(void)
{
	char path[1024];
	char etc[512];
	char arg_d[] = "-d";
	char arg_c[] = "-c";
	char name[] = "master";
	char *argv[] = { name, arg_d, arg_c, etc, NULL };

	path_in(etc, "etc");
	(void)snprintf(path, sizeof path, "%s/../../libexec/master", the_bin);
	the_master = start_program(path, argv);
}

static _unused_ void start_master(void)
{
	launch_master();
	await_text("log", "daemon started -- version");
}

static _unused_ void reload_master(int times)
{
	assert_int_equal(kill(the_master, SIGHUP), 0);
	await_text_times("log", "reload -- version", times);
}

/* A connection to a service by its socket below the queue directory. */
static _unused_ struct stream *connect_to(const char *socket)
{
	char path[512];
	struct why why = { "" };
	struct stream *s;
	int fd;

	(void)snprintf(path, sizeof path, "%s/spool/%s", the_dir, socket);
	fd = net_connect_unix(path, clock_deadline(WAIT_LIMIT), &why);
	if (fd < 0)
		fail_msg("%s", why.text);
	s = stream_new(fd);
	stream_timeout(s, WAIT_LIMIT);
	return s;
}

/* Ask a testd: the reply line, or "" when it hung up. */
static _unused_ const char *ask(struct stream *s, const char *request)
{
	static char reply[256];
	_cleanup_buf_ struct buf line = BUF(BUF_SMALL);
	struct str text;

	IGNORE(stream_printf(s, "%s\n", request));
	if (stream_line(s, 200, &line) < 0)
		buf_clear(&line);
	text = str_head(str_rtrim(buf_str(&line)), sizeof reply - 1);
	memcpy(reply, text.ptr, text.len);
	reply[text.len] = '\0';
	return reply;
}

static _unused_ pid_t ask_pid(struct stream *s)
{
	uint64_t pid = 0;

	if (num_u64(str_of(ask(s, "pid")), INT32_MAX, &pid) < 0)
		return -1;
	return (pid_t)pid;
}

/* Wait until a process is gone. */
static _unused_ void await_exit(pid_t pid)
{
	usec_t end = clock_deadline(WAIT_LIMIT);

	while (kill(pid, 0) == 0) {
		if (clock_now() > end)
			fail_msg("process %d does not end", (int)pid);
		pause_a_little();
	}
}
