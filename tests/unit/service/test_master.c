/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of the master daemon: command line, locks, reload, throttling, stress, signals.
 */
#include "private.h"

static int run_master(const char *options)
{
	char path[1024];
	char etc[512];
	char opts[32];
	char arg_c[] = "-c";
	char name[] = "master";
	char *argv[] = { name, opts, arg_c, etc, NULL };
	int status = 0;
	pid_t pid;

	(void)snprintf(opts, sizeof opts, "%s", options);
	path_in(etc, "etc");
	(void)snprintf(path, sizeof path, "%s/../../libexec/master", the_bin);
	pid = start_program(path, argv);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* The process that the lock file names. */
static pid_t locked_pid(void)
{
	char *text = read_file("spool/pid/master.pid");
	uint64_t pid = 0;

	assert_int_equal(strlen(text), 33);
	assert_int_equal(num_u64(str_trim(str_of(text)), INT32_MAX, &pid), 0);
	free(text);
	return (pid_t)pid;
}

static void test_lock(void **state)
{
	char *text;

	(void)state;
	write_master_cf("s unix - - n - 1 single\n");
	assert_int_equal(run_master("-t"), 0);
	start_master();
	assert_int_equal(run_master("-t"), 1);
	assert_int_equal(locked_pid(), the_master);
	text = read_file("data/master.lock");
	assert_int_equal(strlen(text), 33);
	free(text);
	/* A second one does not start and leaves the first alone. */
	assert_int_equal(run_master("-d"), 1);
	await_text("err", "unable to set exclusive lock: Resource temporarily unavailable");
	stop_master();
	assert_true(log_has("terminating on signal 15"));
	assert_int_equal(run_master("-t"), 0);
}

static void test_wait(void **state)
{
	struct stream *s;
	pid_t pid;

	(void)state;
	write_master_cf("s unix - - n - 1 single\n");
	assert_int_equal(run_master("-w"), 0);
	pid = locked_pid();
	s = connect_to("private/s");
	assert_true(ask_pid(s) > 0);
	/* A session of its own, and all of it ends. */
	assert_int_equal(getpgid(pid), pid);
	assert_int_equal(getpgid(ask_pid(s)), pid);
	assert_int_equal(kill(pid, SIGTERM), 0);
	assert_int_equal(stream_getc(s), -ENODATA);
	stream_free(s);
	await_exit(pid);
	/* A failure of the child is one of the parent. */
	write_master_cf("s unix - - n - 1\n");
	assert_int_equal(run_master("-w"), 1);
	await_text("err", "daemon initialization failure -- see logs for details");
	assert_true(log_has("fatal: "));
}

static void test_usage(void **state)
{
	(void)state;
	write_master_cf("s unix - - n - 1 single\n");
	assert_int_equal(run_master("-i"), 1);
	assert_int_equal(run_master("-tw"), 1);
	assert_int_equal(run_master("-q"), 1);
	assert_int_equal(run_master("-e0"), 1);
	assert_int_equal(run_master("-de1"), 0);
	await_text("err", "master exit time has arrived");
}

static void test_bad_files(void **state)
{
	(void)state;
	write_master_cf("s unix x - n - 1 single\n");
	assert_int_equal(run_master("-d"), 1);
	await_text("err", "field \"private\": bad value: \"x\"");
	write_master_cf("nohost.invalid:25 inet n - n - 1 single\n");
	assert_int_equal(run_master("-d"), 1);
	await_text("err", "bad hostname or network address");
	write_main_cf("default_process_limit = x\n");
	assert_int_equal(run_master("-d"), 1);
	await_text("err", "default_process_limit");
}

static void test_throttle(void **state)
{
	struct stream *s;

	(void)state;
	write_main_cf("service_throttle_time = 1s\n");
	write_master_cf("s unix - - n - 1 single\n");
	write_file("spool/fail", "");
	start_master();
	s = connect_to("private/s");
	await_text("log", "fatal: s will not start");
	await_text("log", "exit status 1");
	await_text("log", "bad command startup -- throttling");
	{
		char path[512];

		path_in(path, "spool/fail");
		assert_int_equal(unlink(path), 0);
	}
	assert_true(ask_pid(s) > 0);
	stream_free(s);
}

static void test_reload(void **state)
{
	struct stream *gone;
	struct stream *kept;

	(void)state;
	write_master_cf("kept unix - - n - 5 single -o max_idle=50\ngone unix - - n - 5 single\n");
	start_master();
	kept = connect_to("private/kept");
	gone = connect_to("private/gone");
	assert_true(ask_pid(kept) > 0 && ask_pid(gone) > 0);
	write_master_cf("kept unix - - n - 5 threaded\nfresh unix n - n - 5 single\n");
	reload_master(1);
	/* A removed service is terminated, its socket closed. */
	assert_int_equal(stream_getc(gone), -ENODATA);
	assert_int_equal(stream_getc(kept), -ENODATA);
	stream_free(gone);
	stream_free(kept);
	await_refusal("private/gone");
	kept = connect_to("private/kept");
	/* It is another program now; the process of before may still count. */
	assert_in_range(ask(kept, "clients")[0], '4', '5');
	stream_free(kept);
	kept = connect_to("public/fresh");
	assert_true(ask_pid(kept) > 0);
	stream_free(kept);
	assert_false(log_has("killed by signal"));
}

/* A bad configuration is refused; the last good one stays in force. */
static void test_bad_reload(void **state)
{
	struct stream *s;

	(void)state;
	write_master_cf("s unix - - n - 5 single\n");
	start_master();
	write_master_cf("s unix - - n - 5\n");
	reload_master(1);
	await_text("log", "the last good one stays in force");
	s = connect_to("private/s");
	assert_true(ask_pid(s) > 0);
	stream_free(s);
	write_main_cf("default_process_limit = x\n");
	assert_int_equal(kill(the_master, SIGHUP), 0);
	await_text_times("log", "the last good one stays in force", 2);
	s = connect_to("private/s");
	assert_true(ask_pid(s) > 0);
	stream_free(s);
}

static struct stream *connect_inet(uint16_t port)
{
	struct net_addr a;
	struct stream *s;
	int fd;

	assert_int_equal(net_addr_parse(STR("127.0.0.1"), port, &a), 0);
	fd = net_connect(&a, NULL, clock_deadline(WAIT_LIMIT), NULL);
	assert_true(fd >= 0);
	s = stream_new(fd);
	stream_timeout(s, WAIT_LIMIT);
	return s;
}

/* A port that is free now. */
static uint16_t free_port(void)
{
	struct net_addr a;
	uint16_t port = 0;
	int fd = -EADDRINUSE;

	/* Below those that the kernel gives to clients, which may be anybody's a moment later. */
	for (int i = 0; fd == -EADDRINUSE && i < 1000; i++) {
		port = (uint16_t)(12000 + arc4random_uniform(20000));
		assert_int_equal(net_addr_parse(STR("0.0.0.0"), port, &a), 0);
		fd = net_listen(&a, 1, NULL);
	}
	assert_true(fd >= 0);
	fd_close(fd);
	return port;
}

static void test_inet(void **state)
{
	uint16_t port = free_port();
	char text[128];
	struct stream *s;

	(void)state;
	(void)snprintf(text, sizeof text, "%u inet n - n - 3 single\n", (unsigned)port);
	write_master_cf(text);
	start_master();
	s = connect_inet(port);
	assert_true(ask_pid(s) > 0);
	/* Loopback only: no stress parameter. */
	assert_string_equal(ask(s, "stress"), "stress=");
	stream_free(s);
}

/* Wait until a service at a port is the threaded one: between the two nobody listens. */
static void await_threaded(uint16_t port)
{
	usec_t end = clock_deadline(WAIT_LIMIT);
	bool there = false;

	while (!there) {
		struct net_addr a;
		int fd;

		assert_true(clock_now() < end);
		assert_int_equal(net_addr_parse(STR("127.0.0.1"), port, &a), 0);
		fd = net_connect(&a, NULL, clock_deadline(WAIT_LIMIT), NULL);
		if (fd >= 0) {
			struct stream *s = stream_new(fd);

			stream_timeout(s, WAIT_LIMIT);
			there = strcmp(ask(s, "clients"), "3") == 0;
			stream_free(s);
		}
		if (!there)
			pause_a_little();
	}
}

/*
 * An address that ends elsewhere is waited for: at a start after a stop, and at a reload that gives it
 * from one service to another, whose processes must end first.
 */
static void test_address_in_use(void **state)
{
	uint16_t port = free_port();
	char text[128];
	struct net_addr a;
	struct stream *s;
	int fd;

	(void)state;
	assert_int_equal(net_addr_parse(STR("127.0.0.1"), port, &a), 0);
	fd = net_listen(&a, 1, NULL);
	assert_true(fd >= 0);
	(void)snprintf(text, sizeof text, "%u inet n - n - 3 single\n", (unsigned)port);
	write_master_cf(text);
	launch_master();
	await_text("err", "Address already in use: waiting for it to become free");
	fd_close(fd);
	await_text("log", "daemon started -- version");
	s = connect_inet(port);
	assert_true(ask_pid(s) > 0);
	(void)snprintf(text, sizeof text, "127.0.0.1:%u inet n - n - 3 threaded\n", (unsigned)port);
	write_master_cf(text);
	reload_master(1);
	assert_int_equal(stream_getc(s), -ENODATA);
	stream_free(s);
	await_threaded(port);
	assert_false(log_has("could not be started"));
}

/*
 * The second of two processes exhausts the limit of a service that other hosts can reach: it is told
 * of the stress, and the process of before leaves when its client has gone.
 */
static void test_stress(void **state)
{
	uint16_t port = free_port();
	char text[128];
	struct stream *a;
	struct stream *b;
	pid_t first;

	(void)state;
	write_main_cf("inet_interfaces = all\nclients_per_process = 1\n");
	(void)snprintf(text, sizeof text, "%u inet n - n - 2 threaded\n", (unsigned)port);
	write_master_cf(text);
	start_master();
	a = connect_inet(port);
	first = ask_pid(a);
	assert_string_equal(ask(a, "stress"), "stress=");
	b = connect_inet(port);
	assert_string_equal(ask(b, "stress"), "stress=yes");
	/* Idle connections of the first process end with it. */
	assert_int_equal(stream_getc(a), -ENODATA);
	stream_free(a);
	await_exit(first);
	stream_free(b);
}

/* One process with all the clients of the limit: those that come when it is full find another. */
static void test_stress_threaded(void **state)
{
	uint16_t port = free_port();
	char text[128];
	struct stream *s[3];

	(void)state;
	write_main_cf("inet_interfaces = all\n");
	(void)snprintf(text, sizeof text, "%u inet n - n - 2 threaded\n", (unsigned)port);
	write_master_cf(text);
	start_master();
	for (int i = 0; i < 3; i++) {
		s[i] = connect_inet(port);
		assert_string_equal(ask(s[i], "stress"), i < 2 ? "stress=" : "stress=yes");
	}
	for (int i = 0; i < 3; i++)
		stream_free(s[i]);
}

/* A reached limit is mentioned. */
static void test_limit_warning(void **state)
{
	uint16_t port = free_port();
	char text[128];
	struct stream *s;

	(void)state;
	write_main_cf("inet_interfaces = all\n");
	(void)snprintf(text, sizeof text, "%u inet n - n - 1 single\n", (unsigned)port);
	write_master_cf(text);
	start_master();
	s = connect_inet(port);
	assert_true(ask_pid(s) > 0);
	await_text("log", "has reached its process limit \"1\": new clients may experience");
	stream_free(s);
}

static void test_disabled(void **state)
{
	char path[512];

	(void)state;
	write_main_cf("master_service_disable = !a/unix, unix\n");
	write_master_cf("a unix - - n - 1 single\nb unix - - n - 1 single\n");
	start_master();
	path_in(path, "spool/private/b");
	assert_int_equal(access(path, F_OK), -1);
	path_in(path, "spool/private/a");
	assert_int_equal(access(path, F_OK), 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, private_setup, private_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_lock),
		CASE(test_wait),
		CASE(test_usage),
		CASE(test_bad_files),
		CASE(test_throttle),
		CASE(test_reload),
		CASE(test_bad_reload),
		CASE(test_inet),
		CASE(test_address_in_use),
		CASE(test_stress),
		CASE(test_stress_threaded),
		CASE(test_limit_warning),
		CASE(test_disabled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
