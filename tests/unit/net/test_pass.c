/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of net/pass.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "net/socket.h"

static void test_pass(void **state)
{
	int pair[2];
	int pipefd[2];
	int got;
	char c = 0;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(pipe(pipefd), 0);
	assert_int_equal(net_send_fd(pair[0], pipefd[1], USEC_NEVER), 0);
	got = net_recv_fd(pair[1], USEC_NEVER);
	assert_true(got >= 0);
	assert_true((fcntl(got, F_GETFD) & FD_CLOEXEC) != 0);
	assert_int_equal(write(got, "x", 1), 1);
	assert_int_equal(read(pipefd[0], &c, 1), 1);
	assert_int_equal(c, 'x');
	fd_close(got);
	assert_int_equal(net_recv_fd(pair[1], clock_deadline(10 * USEC_PER_MSEC)), -ETIMEDOUT);
	assert_int_equal(write(pair[0], "x", 1), 1);
	assert_int_equal(net_recv_fd(pair[1], USEC_NEVER), -EBADMSG);
	fd_close(pair[0]);
	assert_int_equal(net_recv_fd(pair[1], USEC_NEVER), -ENODATA);
	assert_int_equal(net_send_fd(pair[1], pipefd[1], USEC_NEVER), -EPIPE);
	fd_close(pair[1]);
	fd_close(pipefd[0]);
	fd_close(pipefd[1]);
	assert_true(net_peer_uid(0x7fff, NULL, NULL) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pass),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
