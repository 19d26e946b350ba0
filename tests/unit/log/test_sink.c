/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of log/sink.c: the order of sinks, a postlogd that goes and comes back.
 */
#include "log/sink_priv.h"

#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/fd.h"

static char the_dir[64];
static char the_socket[128];
static char the_file[128];

static int setup(void **state)
{
	(void)state;
	(void)snprintf(the_dir, sizeof the_dir, "/tmp/test-sink-XXXXXX");
	if (mkdtemp(the_dir) == NULL)
		return -1;
	(void)snprintf(the_socket, sizeof the_socket, "%s/postlog", the_dir);
	(void)snprintf(the_file, sizeof the_file, "%s/maillog", the_dir);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	(void)unlink(the_socket);
	(void)unlink(the_file);
	return rmdir(the_dir);
}

static int listen_dgram(void)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	(void)unlink(the_socket);
	memcpy(un.sun_path, the_socket, strlen(the_socket) + 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof un), 0);
	return fd;
}

static void expect_dgram(int fd, const char *want)
{
	char got[256] = "";
	ssize_t n = recv(fd, got, sizeof got - 1, 0);

	if (want == NULL) {
		assert_int_equal(n, -1);
		return;
	}
	assert_string_equal(got, want);
}

static void test_order(void **state)
{
	struct log_settings s = { .hostname = "mx.example.com",
		.postlog_socket = the_socket,
		.file = the_file,
		.facility = "mail",
		.no_syslog = true };
	_cleanup_buf_ struct buf b = BUF(BUF_SMALL);
	struct sinks *k;
	int fd;

	(void)state;
	k = sinks_new(&s);
	sinks_write(k, STR("Nov 03 09:00:00"), STR("t[1]: one"), LOG_INFO);
	fd = listen_dgram();
	sinks_write(k, STR("Nov 03 09:00:01"), STR("t[1]: two"), LOG_INFO);
	expect_dgram(fd, "Nov 03 09:00:01 mx t[1]: two");
	expect_dgram(fd, NULL);
	fd_close(fd);
	sinks_write(k, STR("Nov 03 09:00:02"), STR("t[1]: three"), LOG_INFO);
	fd = listen_dgram();
	sinks_write(k, STR("Nov 03 09:00:03"), STR("t[1]: four"), LOG_INFO);
	expect_dgram(fd, "Nov 03 09:00:03 mx t[1]: four");
	fd_close(fd);
	assert_int_equal(sinks_dropped(k), 0);
	sinks_free(k);
	assert_int_equal(fd_read_file(the_file, &b), 0);
	assert_string_equal(buf_cstr(&b), "Nov 03 09:00:00 mx t[1]: one\n"
					  "Nov 03 09:00:02 mx t[1]: three\n");
}

/* In a jail the absolute path leads nowhere, the two last parts do. */
static void test_jail_path(void **state)
{
	char path[256];
	struct log_settings s = { .hostname = "mx", .postlog_socket = path, .no_syslog = true };
	const char *last = strrchr(the_dir, '/');
	struct sinks *k;
	int fd = listen_dgram();

	(void)state;
	(void)snprintf(path, sizeof path, "/nowhere%s/postlog", last);
	assert_int_equal(chdir("/tmp"), 0);
	k = sinks_new(&s);
	sinks_write(k, STR("Nov 03 09:00:00"), STR("t[1]: jailed"), LOG_INFO);
	expect_dgram(fd, "Nov 03 09:00:00 mx t[1]: jailed");
	sinks_free(k);
	fd_close(fd);
}

static void test_nowhere(void **state)
{
	struct log_settings s = { .postlog_socket = the_socket, .no_syslog = true };
	struct sinks *k = sinks_new(&s);
	int fd;

	(void)state;
	sinks_write(k, STR("Nov 03 09:00:00"), STR("t[1]: lost"), LOG_INFO);
	assert_int_equal(sinks_dropped(k), 1);
	/* When somebody listens again the loss is told once. */
	fd = listen_dgram();
	sinks_write(k, STR("Nov 03 09:00:01"), STR("t[1]: here: again"), LOG_INFO);
	sinks_write(k, STR("Nov 03 09:00:02"), STR("t[1]: more"), LOG_INFO);
	expect_dgram(fd, "Nov 03 09:00:01 localhost t[1]: here: again");
	expect_dgram(fd, "Nov 03 09:00:01 localhost t[1]: warning: 1 log lines were lost");
	expect_dgram(fd, "Nov 03 09:00:02 localhost t[1]: more");
	expect_dgram(fd, NULL);
	fd_close(fd);
	sinks_free(k);
	sinks_free(NULL);
	assert_true(log_facility_ok("local7"));
	assert_false(log_facility_ok("local8"));
}

/* A reader that does not read holds a writer up once, not at every line. */
static void test_full(void **state)
{
	struct log_settings s = { .hostname = "mx",
		.postlog_socket = the_socket,
		.no_syslog = true };
	int fd = listen_dgram();
	struct sinks *k = sinks_new(&s);
	usec_t start = clock_now();

	(void)state;
	for (int i = 0; i < 2000; i++)
		sinks_write(k, STR("Nov 03 09:00:00"), STR("t[1]: flood"), LOG_INFO);
	assert_true(sinks_dropped(k) > 0);
	assert_true(clock_now() - start < 4 * USEC_PER_SEC);
	sinks_free(k);
	fd_close(fd);
}

/*
 * Who must not wait for the reader, as it is he who starts it, writes elsewhere what the reader has no room
 * for. The best of some attempts counts, as the machine may be busy.
 */
static void test_no_wait(void **state)
{
	char file[256];
	struct log_settings s = { .hostname = "mx",
		.postlog_socket = the_socket,
		.file = file,
		.no_syslog = true,
		.no_wait = true };
	usec_t best = USEC_NEVER;
	int fd = listen_dgram();

	(void)state;
	(void)snprintf(file, sizeof file, "%s/full", the_dir);
	for (int n = 0; n < 5 && best > USEC_PER_SEC; n++) {
		struct sinks *k = sinks_new(&s);
		usec_t start = clock_now();

		for (int i = 0; i < 1000; i++)
			sinks_write(k, STR("Nov 03 09:00:00"), STR("t[1]: flood"), LOG_INFO);
		best = MIN(best, clock_now() - start);
		assert_int_equal(sinks_dropped(k), 0);
		sinks_free(k);
	}
	assert_true(best < USEC_PER_SEC);
	assert_int_equal(unlink(file), 0);
	fd_close(fd);
}

/* Held lines go as one datagram, as many as fit. */
static void test_hold(void **state)
{
	struct log_settings s = { .hostname = "mx",
		.postlog_socket = the_socket,
		.no_syslog = true };
	int fd = listen_dgram();
	struct sinks *k = sinks_new(&s);
	char long_line[1500];

	(void)state;
	sinks_hold(k, true);
	sinks_write(k, STR("Nov 03 09:00:00"), STR("t[1]: one"), LOG_INFO);
	sinks_write(k, STR("Nov 03 09:00:00"), STR("t[1]: two"), LOG_INFO);
	expect_dgram(fd, NULL);
	sinks_flush(k);
	expect_dgram(fd, "Nov 03 09:00:00 mx t[1]: one\nNov 03 09:00:00 mx t[1]: two");
	memset(long_line, 'x', sizeof long_line);
	for (int i = 0; i < 3; i++)
		sinks_write(k, STR("Nov 03 09:00:00"), str_from(long_line, sizeof long_line),
			LOG_INFO);
	/* The third one filled it: the first two went together, it alone. */
	for (int i = 0; i < 2; i++) {
		char got[8192];
		ssize_t n = recv(fd, got, sizeof got, 0);

		assert_int_equal(n, i == 0 ? 2 * 1520 - 1 : 1519);
	}
	sinks_write(k, STR("Nov 03 09:00:01"), STR("t[1]: last"), LOG_INFO);
	sinks_hold(k, false);
	expect_dgram(fd, "Nov 03 09:00:01 mx t[1]: last");
	sinks_write(k, STR("Nov 03 09:00:02"), STR("t[1]: at once"), LOG_INFO);
	expect_dgram(fd, "Nov 03 09:00:02 mx t[1]: at once");
	sinks_free(k);
	fd_close(fd);
}

#define WRITERS 8
#define LINES   500

static struct sinks *the_sinks;

static void *write_many(void *arg)
{
	char line[64];

	for (int i = 0; i < LINES; i++) {
		(void)snprintf(line, sizeof line, "t[%d]: %d", *(int *)arg, i);
		sinks_write(the_sinks, STR("Nov 03 09:00:00"), str_of(line), LOG_INFO);
	}
	return NULL;
}

/* "Nov 03 09:00:00 h t[who]: what", what counting up for each writer: the number of lines. */
static size_t count_lines(struct str lines, int *next)
{
	size_t n = 0;

	while (lines.len > 0) {
		char want[64];
		ptrdiff_t end = str_chr(lines, '\n');
		struct str line = end < 0 ? lines : str_head(lines, (size_t)end);
		int who = line.ptr[strlen("Nov 03 09:00:00 h t[")] - '0';

		assert_in_range(who, 0, WRITERS - 1);
		(void)snprintf(want, sizeof want, "Nov 03 09:00:00 h t[%d]: %d", who, next[who]++);
		assert_true(str_eq(line, str_of(want)));
		lines = str_skip(lines, MIN(lines.len, line.len + 1));
		n++;
	}
	return n;
}

/* Lines of many threads arrive whole, each thread's in its order, and none is lost at the end. */
static void test_threads(void **state)
{
	struct log_settings s = { .hostname = "h",
		.postlog_socket = the_socket,
		.no_syslog = true };
	int fd = listen_dgram();
	int next[WRITERS] = { 0 };
	int number[WRITERS];
	pthread_t t[WRITERS];
	size_t total = 0;
	size_t datagrams = 0;

	(void)state;
	the_sinks = sinks_new(&s);
	for (int i = 0; i < WRITERS; i++) {
		number[i] = i;
		assert_int_equal(pthread_create(&t[i], NULL, write_many, &number[i]), 0);
	}
	while (total < WRITERS * LINES) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		char got[8192];
		ssize_t n;

		assert_int_equal(poll(&p, 1, 10000), 1);
		n = recv(fd, got, sizeof got - 1, 0);
		assert_true(n > 0);
		datagrams++;
		total += count_lines(str_from(got, (size_t)n), next);
	}
	for (int i = 0; i < WRITERS; i++)
		assert_int_equal(pthread_join(t[i], NULL), 0);
	assert_true(datagrams < total);
	assert_int_equal(sinks_dropped(the_sinks), 0);
	sinks_free(the_sinks);
	fd_close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_order, setup, teardown),
		cmocka_unit_test_setup_teardown(test_jail_path, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nowhere, setup, teardown),
		cmocka_unit_test_setup_teardown(test_full, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_wait, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hold, setup, teardown),
		cmocka_unit_test_setup_teardown(test_threads, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
