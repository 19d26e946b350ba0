/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of base/fd.c.
 */
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char the_dir[64];

static int setup(void **state)
{
	(void)state;
	(void)snprintf(the_dir, sizeof the_dir, "/tmp/test-fd-XXXXXX");
	return mkdtemp(the_dir) == NULL || chdir(the_dir) < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	(void)state;
	(void)unlink("f");
	(void)unlink("link");
	return chdir("/") < 0 ? -1 : rmdir(the_dir);
}

static void test_files(void **state)
{
	_cleanup_buf_ struct buf b = BUF(8);
	char part[8];
	int fd = fd_open("f", O_RDWR | O_CREAT | O_EXCL, 0600);

	(void)state;
	assert_true(fd >= 0);
	assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
	assert_int_equal(fd_open("f", O_RDWR | O_CREAT | O_EXCL, 0600), -EEXIST);
	assert_int_equal(fd_write_all(fd, STR("12345678")), 0);
	assert_int_equal(fd_pwrite_all(fd, STR("ab"), 3), 0);
	assert_int_equal(fd_sync(fd), 0);
	assert_int_equal(fd_sync_dir("."), 0);
	assert_int_equal(fd_close_checked(fd), 0);
	assert_int_equal(fd_close_checked(fd), -EBADF);
	assert_int_equal(fd_read_file("f", &b), 0);
	assert_string_equal(buf_cstr(&b), "123ab678");
	fd = fd_open("f", O_RDONLY, 0);
	assert_int_equal(fd_pread(fd, part, 4, 2), 4);
	assert_memory_equal(part, "3ab6", 4);
	assert_int_equal(fd_pread(fd, part, sizeof(part), 6), 2);
	assert_memory_equal(part, "78", 2);
	assert_int_equal(fd_pread(fd, part, 1, 8), 0);
	fd_close(fd);
	assert_int_equal(fd_pread(-1, part, 1, 0), -EBADF);
	assert_int_equal(fd_read_file("f", &b), -EMSGSIZE);
	buf_clear(&b);
	assert_int_equal(fd_read_file(".", &b), -EISDIR);
	assert_int_equal(fd_read_file("/dev/null", &b), -EINVAL);
	assert_int_equal(fd_read_file("none", &b), -ENOENT);
	assert_int_equal(symlink("f", "link"), 0);
	assert_int_equal(fd_open("link", O_RDONLY, 0), -ELOOP);
	assert_int_equal(fd_read_file("link", &b), 0);
	assert_int_equal(fd_sync_dir("none"), -ENOENT);
	assert_int_equal(fd_write_all(-1, STR("x")), -EBADF);
}

static void test_locks(void **state)
{
	int a = fd_open("f", O_RDWR | O_CREAT, 0600);
	int b = fd_open("f", O_RDWR, 0);

	(void)state;
	assert_int_equal(fd_flock(a, LOCK_EX), 0);
	assert_int_equal(fd_flock(b, LOCK_EX | LOCK_NB), -EWOULDBLOCK);
	fd_close(a);
	assert_int_equal(fd_flock(b, LOCK_EX | LOCK_NB), 0);
	fd_close(b);
}

static void test_flags_and_waiting(void **state)
{
	_cleanup_buf_ struct buf b = BUF(100);
	int fd[2];

	(void)state;
	assert_int_equal(pipe(fd), 0);
	assert_int_equal(fd_nonblock(fd[0], true), 0);
	assert_true((fcntl(fd[0], F_GETFL) & O_NONBLOCK) != 0);
	assert_int_equal(fd_nonblock(fd[0], false), 0);
	assert_int_equal(fcntl(fd[0], F_GETFL) & O_NONBLOCK, 0);
	assert_int_equal(fd_cloexec(fd[0], true), 0);
	assert_true((fcntl(fd[0], F_GETFD) & FD_CLOEXEC) != 0);
	assert_int_equal(fd_wait(fd[0], POLLIN, clock_deadline(5 * USEC_PER_MSEC)), -ETIMEDOUT);
	assert_int_equal(fd_wait(fd[0], POLLIN, 0), -ETIMEDOUT);
	assert_int_equal(fd_wait(fd[1], POLLOUT, USEC_NEVER), 0);
	assert_int_equal(fd_write_all(fd[1], STR("text")), 0);
	assert_int_equal(fd_wait(fd[0], POLLIN, 0), 0);
	fd_close(fd[1]);
	assert_int_equal(fd_read_all(fd[0], &b), 0);
	assert_string_equal(buf_cstr(&b), "text");
	fd_close(fd[0]);
	fd_close(-1);
	assert_int_equal(fd_wait(fd[0], POLLIN, 0), -EBADF);
	assert_int_equal(fd_nonblock(fd[0], true), -EBADF);
}

static void test_std(void **state)
{
	pid_t pid = fork();
	int status = 0;

	(void)state;
	if (pid == 0) {
		(void)close(0);
		(void)close(2);
		fd_open_std();
		_exit(fcntl(0, F_GETFD) == 0 && fcntl(2, F_GETFD) == 0 ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_files, setup, teardown),
		cmocka_unit_test_setup_teardown(test_locks, setup, teardown),
		cmocka_unit_test(test_flags_and_waiting),
		cmocka_unit_test(test_std),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
