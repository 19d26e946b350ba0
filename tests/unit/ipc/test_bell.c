/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of ipc/bell.c: services that answer and last, services that close, fifos.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "ipc/client.h"
#include "net/socket.h"

static char the_dir[64];
static char the_path[80];

/* What waits on a connection: bytes, 0 at its end, -EAGAIN. */
static int waiting(int fd)
{
	char got[64];
	ssize_t n = recv(fd, got, sizeof got, MSG_DONTWAIT);

	return n < 0 ? -errno : (int)n;
}

static int accept_now(int listener)
{
	int fd;

	assert_int_equal(fd_nonblock(listener, true), 0);
	fd = net_accept(listener, NULL);
	return fd;
}

static void answer(int fd)
{
	assert_int_equal(send(fd, "", 1, MSG_NOSIGNAL), 1);
}

static void test_lasting(void **state)
{
	struct ipc_bell *b = ipc_bell_new(the_path, STR("W"), USEC_PER_SEC);
	int listener;
	int fd;

	(void)state;
	assert_int_equal(ipc_bell_ring(b), -ENOENT);
	listener = net_listen_unix(the_path, 0600, 5, NULL);
	assert_int_equal(ipc_bell_ring(b), 0);
	fd = accept_now(listener);
	assert_int_equal(waiting(fd), 2);
	answer(fd);
	/* The connection is known to last: one request a ring. */
	assert_int_equal(ipc_bell_ring(b), 0);
	assert_int_equal(waiting(fd), 2);
	answer(fd);
	assert_int_equal(ipc_bell_ring(b), 0);
	/* Not answered: the request that is there covers what follows. */
	assert_int_equal(ipc_bell_ring(b), 0);
	assert_int_equal(ipc_bell_ring(b), 0);
	assert_int_equal(waiting(fd), 2);
	assert_int_equal(waiting(fd), -EAGAIN);
	answer(fd);
	assert_int_equal(ipc_bell_ring(b), 0);
	assert_int_equal(waiting(fd), 2);
	assert_int_equal(accept_now(listener), -EAGAIN);
	/* Answered and gone: the next ring connects anew. */
	answer(fd);
	fd_close(fd);
	assert_int_equal(ipc_bell_ring(b), 0);
	fd = accept_now(listener);
	assert_int_equal(waiting(fd), 2);
	/* Gone without an answer. */
	fd_close(fd);
	assert_int_equal(ipc_bell_ring(b), 0);
	fd = accept_now(listener);
	assert_int_equal(waiting(fd), 2);
	/* It reads no more, as a service that is about to close does. */
	answer(fd);
	assert_int_equal(shutdown(fd, SHUT_RD), 0);
	assert_int_equal(ipc_bell_ring(b), 0);
	assert_int_equal(waiting(fd), 0);
	fd_close(fd);
	fd = accept_now(listener);
	assert_int_equal(waiting(fd), 2);
	fd_close(fd);
	fd_close(listener);
	assert_int_equal(ipc_bell_ring(b), -ECONNREFUSED);
	ipc_bell_free(b);
	ipc_bell_free(NULL);
}

/* A service that does not answer gets a connection for every ring, read or not. */
static void test_silent(void **state)
{
	struct ipc_bell *b = ipc_bell_new(the_path, STR("W"), USEC_PER_SEC);
	int listener = net_listen_unix(the_path, 0600, 5, NULL);

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(ipc_bell_ring(b), 0);
	for (int i = 0; i < 3; i++) {
		int fd = accept_now(listener);

		assert_true(fd >= 0);
		assert_int_equal(waiting(fd), 2);
		fd_close(fd);
	}
	fd_close(listener);
	ipc_bell_free(b);
}

static void test_fifo(void **state)
{
	struct ipc_bell *b = ipc_bell_new(the_path, STR("W"), USEC_PER_SEC);
	char got[8];
	int fd;

	(void)state;
	assert_int_equal(mkfifo(the_path, 0600), 0);
	assert_int_equal(ipc_bell_ring(b), -ENXIO);
	fd = open(the_path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	assert_int_equal(ipc_bell_ring(b), 0);
	assert_int_equal(ipc_bell_ring(b), 0);
	assert_int_equal(read(fd, got, sizeof got), 2);
	fd_close(fd);
	ipc_bell_free(b);
}

static int setup(void **state)
{
	(void)state;
	(void)snprintf(the_dir, sizeof the_dir, "/tmp/test-bell-XXXXXX");
	if (mkdtemp(the_dir) == NULL)
		return -1;
	(void)snprintf(the_path, sizeof the_path, "%s/s", the_dir);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	(void)unlink(the_path);
	return rmdir(the_dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_lasting, setup, teardown),
		cmocka_unit_test_setup_teardown(test_silent, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fifo, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
