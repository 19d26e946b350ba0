/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of service/loop_event.c under a real master: event, trigger and datagram servers, wakeups.
 */
#include "private.h"

#include "ipc/client.h"

static void test_event(void **state)
{
	_cleanup_buf_ struct buf line = BUF(BUF_SMALL);
	struct stream *s;
	uint64_t first = 0;

	(void)state;
	write_master_cf("e unix - - n - 1 event -o max_use=3\n");
	start_master();
	for (int i = 0; i < 4; i++) {
		uint64_t pid = 0;

		buf_clear(&line);
		s = connect_to("private/e");
		assert_int_equal(stream_line(s, 100, &line), 1);
		assert_int_equal(num_u64(str_rtrim(buf_str(&line)), INT32_MAX, &pid), 0);
		if (i == 0)
			first = pid;
		if (i < 3)
			assert_int_equal(pid, first);
		else
			assert_int_not_equal(pid, first);
		stream_free(s);
	}
	await_text("log", "exit e");
}

static void test_trigger(void **state)
{
	struct stream *silent;
	char path[512];

	(void)state;
	write_master_cf("t unix - - n - 1 trigger\nf fifo - - n - 1 trigger\n");
	start_master();
	/* One that connects and says nothing holds nobody up. */
	silent = connect_to("private/t");
	path_in(path, "spool/private/t");
	assert_int_equal(ipc_trigger(path, STR("FADI"), WAIT_LIMIT), 0);
	await_text("spool/t", "FADI");
	/* Who stays is answered and may ask again. */
	for (int i = 0; i < 2; i++) {
		assert_int_equal(stream_write(silent, str_from("W", 2)), 0);
		assert_int_equal(stream_flush(silent), 0);
		assert_int_equal(stream_getc(silent), '\0');
	}
	stream_free(silent);
	path_in(path, "spool/private/f");
	assert_int_equal(ipc_trigger(path, STR("xyz"), WAIT_LIMIT), 0);
	await_text("spool/f", "xyz");
}

static void test_wakeup(void **state)
{
	(void)state;
	write_master_cf("t unix n - n 1 1 trigger\nf fifo n - n 1 1 trigger\n"
			"never unix n - n 1? 1 trigger\n");
	start_master();
	await_text_times("spool/f", "W", 2);
	{
		char *text = read_file("spool/never");

		assert_string_equal(text, "");
		free(text);
	}
}

static void test_datagram(void **state)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	char path[512];

	(void)state;
	write_master_cf("d unix-dgram - - n - 1 dgram\n");
	start_master();
	path_in(path, "spool/private/d");
	memcpy(un.sun_path, path, strlen(path) + 1);
	assert_int_equal(sendto(fd, "one", 3, 0, (struct sockaddr *)&un, sizeof un), 3);
	assert_int_equal(sendto(fd, "two", 3, 0, (struct sockaddr *)&un, sizeof un), 3);
	await_text("spool/d", "onetwo");
	fd_close(fd);
}

static int connect_dgram(const char *socket_name)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	char path[512];

	path_in(path, socket_name);
	memcpy(un.sun_path, path, strlen(path) + 1);
	if (connect(fd, (struct sockaddr *)&un, sizeof un) < 0)
		fd_close(TAKE_FD(fd));
	return fd;
}

/*
 * The log goes on when master was killed, as those that serve clients do, and ends when it is idle. After
 * a reload the old process goes at once.
 */
static void test_datagram_orphan(void **state)
{
	usec_t end = clock_deadline(WAIT_LIMIT);
	pid_t group;
	int idle;
	int fd;

	(void)state;
	write_master_cf("d unix-dgram - - n - 1 dgram -o max_idle=1000\n"
			"e unix-dgram - - n - 1 dgram -o max_idle=1\n");
	start_master();
	group = the_master;
	fd = connect_dgram("spool/private/d");
	assert_int_equal(send(fd, "one", 3, 0), 3);
	await_text("spool/d", "one");
	reload_master(1);
	await_text("log", "exit d");
	assert_int_equal(send(fd, "two", 3, 0), 3);
	await_text("spool/d", "onetwo");
	idle = connect_dgram("spool/private/e");
	assert_int_equal(send(idle, "x", 1, 0), 1);
	await_text("spool/e", "x");
	fd_close(idle);
	kill_master();
	/* Longer than it would stay if it took this for a reload. */
	for (int i = 0; i < 50; i++)
		pause_a_little();
	assert_int_equal(send(fd, "three", 5, 0), 5);
	await_text("spool/d", "onetwothree");
	fd_close(fd);
	while ((idle = connect_dgram("spool/private/e")) >= 0) {
		fd_close(idle);
		if (clock_now() > end)
			fail_msg("the log does not end");
		pause_a_little();
	}
	assert_int_equal(kill(-group, SIGKILL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_event, private_setup, private_teardown),
		cmocka_unit_test_setup_teardown(test_trigger, private_setup, private_teardown),
		cmocka_unit_test_setup_teardown(test_wakeup, private_setup, private_teardown),
		cmocka_unit_test_setup_teardown(test_datagram, private_setup, private_teardown),
		cmocka_unit_test_setup_teardown(test_datagram_orphan, private_setup,
			private_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
