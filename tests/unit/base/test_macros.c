/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of base/macros.c: check() in every build, hand-over.
 */
#include "base/macros.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void test_check(void **state)
{
	char got[256] = "";
	int fd[2];
	int status = 0;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(fd), 0);
	pid = fork();
	if (pid == 0) {
		(void)dup2(fd[1], STDERR_FILENO);
		(void)sigaction(SIGABRT, &(struct sigaction){ .sa_handler = SIG_DFL }, NULL);
		check(1 == 2);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	assert_true(read(fd[0], got, sizeof got - 1) > 0);
	assert_int_equal(strncmp(got, "panic: ", 7), 0);
	assert_non_null(strstr(got, "check failed: 1 == 2\n"));
	assert_int_equal(close(fd[0]), 0);
	assert_int_equal(close(fd[1]), 0);
	check(status != 0);
}

static void test_take(void **state)
{
	char *p = NULL;
	int fd = 5;

	(void)state;
	assert_null(p);
	p = strdup("x");
	free(TAKE(p));
	assert_null(p);
	assert_int_equal(TAKE_FD(fd), 5);
	assert_int_equal(fd, -1);
	assert_int_equal(MIN(2, 3), 2);
	assert_int_equal(MAX(2, 3), 3);
	assert_int_equal(ARRAY_LEN("abc"), 4);
	IGNORE(5 > 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_take),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
