/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of sandbox/identity.c; as root in a child, else only the refusal.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "sandbox_test.h"

/* 0 when the child ended as it should. */
static int in_child(int (*fn)(void))
{
	pid_t pid = fork();
	int status = 0;

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(fn());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static int become_nobody(void)
{
	struct why why = { "" };
	gid_t groups[10];

	if (sandbox_identity("identity-jail", "nobody", 65534, 65534, &why) < 0) {
		(void)fprintf(stderr, "%s\n", why.text);
		return 1;
	}
	if (getuid() != 65534 || getegid() != 65534 || getgroups(10, groups) != 1)
		return 2;
	if (access("/etc/passwd", F_OK) == 0 || access("../../etc/passwd", F_OK) == 0)
		return 3;
	return setuid(0) == 0 ? 4 : 0;
}

static int only_jail(void)
{
	struct why why = { "" };

	if (sandbox_identity("identity-jail", NULL, 65534, 65533, &why) < 0)
		return 1;
	return geteuid() != 0 || access("/etc/passwd", F_OK) == 0;
}

static int no_such_jail(void)
{
	struct why why = { "" };

	return sandbox_identity("/no/such/dir", NULL, 65534, 65534, &why) == -ENOENT ? 0 : 1;
}

static int refused(void)
{
	struct why why = { "" };

	return sandbox_identity(NULL, NULL, 65534, 65534, &why) == -EPERM ? 0 : 1;
}

static void test_identity(void **state)
{
	(void)state;
	if (geteuid() != 0) {
		assert_int_equal(in_child(refused), 0);
		return;
	}
	(void)mkdir("identity-jail", 0755);
	assert_int_equal(in_child(become_nobody), 0);
	assert_int_equal(in_child(only_jail), 0);
	assert_int_equal(in_child(no_such_jail), 0);
	(void)rmdir("identity-jail");
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_identity) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
