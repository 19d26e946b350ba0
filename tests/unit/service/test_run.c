/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of service/run.c: clients that a front end passes, the watchdog, the flow-control token.
 */
#include "private.h"

#include "ipc/attr.h"

/* What postscreen does: the descriptor, then where it came from. */
static struct stream *pass_client(const char *address)
{
	_cleanup_buf_ struct buf b = BUF(BUF_SMALL);
	struct stream *front = connect_to("private/p");
	struct stream *s;
	int fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
	assert_int_equal(net_send_fd(stream_fd(front), fd[1], clock_deadline(WAIT_LIMIT)), 0);
	fd_close(fd[1]);
	assert_int_equal(attr_put_str(&b, ATTR_NUL, "client_address", str_of(address)), 0);
	assert_int_equal(attr_put_str(&b, ATTR_NUL, "client_port", STR("4711")), 0);
	assert_int_equal(attr_put_str(&b, ATTR_NUL, "server_address", STR("::1")), 0);
	assert_int_equal(attr_put_str(&b, ATTR_NUL, "server_port", STR("25")), 0);
	assert_int_equal(attr_put_end(&b, ATTR_NUL), 0);
	assert_int_equal(stream_write(front, buf_str(&b)), 0);
	assert_int_equal(stream_flush(front), 0);
	s = stream_new(fd[0]);
	stream_timeout(s, WAIT_LIMIT);
	/* The server takes the attributes and hangs up. */
	assert_int_equal(stream_getc(front), -ENODATA);
	stream_free(front);
	return s;
}

static void test_pass(void **state)
{
	struct stream *s;

	(void)state;
	write_master_cf("p pass - - n - 5 threaded\n");
	start_master();
	s = pass_client("192.0.2.7");
	assert_string_equal(ask(s, "client"), "192.0.2.7 4711");
	stream_free(s);
	/* Nonsense ends that connection only. */
	s = pass_client("not an address");
	assert_int_equal(stream_getc(s), -ENODATA);
	stream_free(s);
	await_text("log", "cannot take over a passed connection");
	s = connect_to("private/p");
	stream_free(s);
	s = pass_client("2001:db8::1");
	assert_string_equal(ask(s, "client"), "2001:db8::1 4711");
	stream_free(s);
}

static void test_watchdog(void **state)
{
	struct stream *s;

	(void)state;
	write_master_cf("s unix - - n - 1 single -o daemon_timeout=3\n");
	start_master();
	s = connect_to("private/s");
	assert_string_equal(ask(s, "hang"), "");
	stream_free(s);
	await_text("log", "fatal: watchdog timeout");
	await_text("log", "exit status 1");
}

/* A token that is there is taken at once; without one the request waits in_flow_delay. */
static void test_flow(void **state)
{
	struct stream *s;
	usec_t start;

	(void)state;
	write_master_cf("s unix - - n - 1 single -o in_flow_delay=1\n");
	start_master();
	s = connect_to("private/s");
	start = clock_now();
	assert_string_equal(ask(s, "put"), "ok");
	assert_string_equal(ask(s, "flow"), "ok");
	assert_string_equal(ask(s, "flow"), "ok");
	assert_true(clock_now() - start >= USEC_PER_SEC);
	stream_free(s);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, private_setup, private_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = { CASE(test_pass), CASE(test_watchdog), CASE(test_flow) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
