/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of base/mem.c: zeroes, overflow ends the process.
 */
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void test_alloc(void **state)
{
	unsigned char *p = mem_array(10, 10);
	char *s;

	(void)state;
	for (size_t i = 0; i < 100; i++)
		assert_int_equal(p[i], 0);
	p[99] = 7;
	p = mem_resize(p, 1000, 1);
	assert_int_equal(p[99], 7);
	free(p);
	free(mem_alloc(0));
	free(mem_resize(NULL, 0, 8));
	s = mem_strdup("text");
	assert_string_equal(s, "text");
	free(s);
	assert_null(mem_strdup(NULL));
}

static void overflow_array(void)
{
	(void)mem_array(SIZE_MAX / 2, 3);
}

static void overflow_resize(void)
{
	(void)mem_resize(NULL, SIZE_MAX / 2, 3);
}

static void test_overflow(void **state)
{
	void (*const fns[])(void) = { overflow_array, overflow_resize };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(fns); i++) {
		pid_t pid = fork();
		int status = 0;

		if (pid == 0) {
			(void)close(STDERR_FILENO);
			fns[i]();
			_exit(0);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 75);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_alloc),
		cmocka_unit_test(test_overflow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
