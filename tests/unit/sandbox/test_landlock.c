/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of sandbox/landlock.c: paths outside are out of reach, also with all system calls.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "sandbox_test.h"

static int try_inside(void)
{
	return open("landlock-in/file", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) < 0 ||
	       rename("landlock-in/file", "landlock-in/file2") < 0 ||
	       unlink("landlock-in/file2") < 0;
}

/* From one directory to another, as queues and maildirs do. */
static int try_move(void)
{
	return mkdir("landlock-in/a", 0700) < 0 || mkdir("landlock-in/b", 0700) < 0 ||
	       open("landlock-in/a/f", O_WRONLY | O_CREAT | O_CLOEXEC, 0600) < 0 ||
	       link("landlock-in/a/f", "landlock-in/b/f") < 0 ||
	       rename("landlock-in/a/f", "landlock-in/b/g") < 0 || unlink("landlock-in/b/f") < 0 ||
	       unlink("landlock-in/b/g") < 0 || rmdir("landlock-in/a") < 0 ||
	       rmdir("landlock-in/b") < 0;
}

static int try_outside(void)
{
	int r = open("landlock-out/file", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	return r < 0 && errno == EACCES ? 0 : 1;
}

static int try_dev_null(void)
{
	return open("/dev/null", O_RDWR | O_CLOEXEC) < 0;
}

static int try_unreadable(void)
{
	int r = open("/etc/passwd", O_RDONLY | O_CLOEXEC);

	return r < 0 && errno == EACCES ? 0 : 1;
}

static int try_readable(void)
{
	return open("/etc/passwd", O_RDONLY | O_CLOEXEC) < 0;
}

static bool has_landlock(void)
{
	return syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) > 0;
}

static void test_paths(void **state)
{
	static const char *const writable[] = { "landlock-in", "/no/such/path", NULL };
	static const char *const none[] = { NULL };
	struct sandbox_settings s = { .promises = P_STDIO | P_READ | P_QUEUE,
		.write_paths = writable };

	(void)state;
	st_need_active();
	if (!has_landlock()) {
		print_message("skipped: this kernel has no landlock\n");
		skip();
	}
	(void)mkdir("landlock-in", 0700);
	(void)mkdir("landlock-out", 0700);
	assert_int_equal(st_run(&s, try_inside), 0);
	assert_int_equal(st_run(&s, try_move), 0);
	assert_int_equal(st_run(&s, try_outside), 0);
	assert_int_equal(st_run(&s, try_dev_null), 0);
	assert_int_equal(st_run(&s, try_readable), 0);
	s.read_paths = none;
	assert_int_equal(st_run(&s, try_unreadable), 0);
	assert_int_equal(st_run(&s, try_inside), 0);
	/* Who may write anywhere may also move anywhere. */
	s = (struct sandbox_settings){ .promises = P_STDIO | P_READ | P_MAILBOX };
	assert_int_equal(st_run(&s, try_move), 0);
	s = (struct sandbox_settings){ .promises = P_STDIO | P_READ | P_QUEUE };
	assert_int_equal(st_run(&s, try_move), 0);
	(void)rmdir("landlock-in");
	(void)rmdir("landlock-out");
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_paths) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
