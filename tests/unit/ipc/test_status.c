/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of ipc/status.c.
 */
#include "ipc/status.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"

static void test_status(void **state)
{
	struct ipc_status s = { 0 };
	int fd[2];

	(void)state;
	(void)sigaction(SIGPIPE, &(struct sigaction){ .sa_handler = SIG_IGN }, NULL);
	assert_int_equal(sizeof s, 12);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	assert_int_equal(fd_nonblock(fd[0], true), 0);
	assert_int_equal(ipc_status_recv(fd[0], &s), 0);
	assert_int_equal(ipc_status_send(fd[1], 59, IPC_TAKEN), 0);
	assert_int_equal(ipc_status_send(fd[1], 59, IPC_AVAIL | 50 << 8), 0);
	assert_int_equal(ipc_status_recv(fd[0], &s), 1);
	assert_int_equal(s.pid, getpid());
	assert_int_equal(s.generation, 59);
	assert_int_equal(s.avail, IPC_TAKEN);
	assert_int_equal(ipc_status_recv(fd[0], &s), 1);
	assert_int_equal(s.avail, 12801);
	assert_int_equal(ipc_status_recv(fd[0], &s), 0);
	assert_int_equal(write(fd[1], "part", 4), 4);
	assert_int_equal(ipc_status_recv(fd[0], &s), -EBADMSG);
	fd_close(fd[1]);
	assert_int_equal(ipc_status_recv(fd[0], &s), -ENODATA);
	assert_int_equal(ipc_status_send(fd[0], 1, IPC_AVAIL), -EPIPE);
	fd_close(fd[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_status),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
