/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of delivery/lock.c.
 */
#include "delivery/lock.h"

#include <errno.h>
#include <sys/file.h>
#include <sys/wait.h>

#include "mailbox_test.h"

static const struct mailbox_lock_settings settings = {
	.methods = MAILBOX_LOCK_FCNTL | MAILBOX_LOCK_DOTLOCK,
	.attempts = 3,
	.delay = 1000,
	.stale = 500 * USEC_PER_SEC,
};

static void test_parse(void **state)
{
	static const struct {
		const char *text;
		int want;
		unsigned bits;
	} rows[] = {
		{ "", 0, 0 },
		{ "fcntl, dotlock", 0, MAILBOX_LOCK_FCNTL | MAILBOX_LOCK_DOTLOCK },
		{ "flock", 0, MAILBOX_LOCK_FLOCK },
		{ "fcntl dotlock,flock", 0, 7 },
		{ "fcntl, lockf", -EINVAL, 99 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		unsigned bits = 99;
		struct why why;

		assert_int_equal(mailbox_lock_parse(str_of(rows[i].text), &bits, &why),
			rows[i].want);
		assert_int_equal(bits, rows[i].bits);
	}
}

static void test_dotlock(void **state)
{
	struct why why = { "" };
	struct timespec old[2] = { { .tv_sec = time(NULL) - 501 }, { .tv_sec = time(NULL) - 501 } };

	(void)state;
	assert_int_equal(mailbox_dotlock("box", &settings, &why), 0);
	assert_int_equal(access("box.lock", F_OK), 0);
	assert_int_equal(mailbox_dotlock("box", &settings, &why), -EEXIST);
	assert_string_equal(why.text, "unable to create lock file box.lock: File exists");
	/* Not yet stale, then stale. */
	old[1].tv_sec += 10;
	assert_int_equal(utimensat(AT_FDCWD, "box.lock", old, 0), 0);
	assert_int_equal(mailbox_dotlock("box", &settings, &why), -EEXIST);
	old[1].tv_sec -= 10;
	assert_int_equal(utimensat(AT_FDCWD, "box.lock", old, 0), 0);
	assert_int_equal(mailbox_dotlock("box", &settings, &why), 0);
	mailbox_dotunlock("box");
	assert_int_equal(access("box.lock", F_OK), -1);
	assert_int_equal(mailbox_dotlock("no/such/box", &settings, &why), -ENOENT);
}

/* Another process holds the lock until it is told to go. */
static void test_flock(void **state)
{
	static const unsigned methods[] = { MAILBOX_LOCK_FCNTL, MAILBOX_LOCK_FLOCK };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
		struct mailbox_lock_settings s = settings;
		int up[2], down[2], status;
		struct why why = { "" };
		char c = 0;

		s.methods = methods[i];
		assert_int_equal(pipe2(up, O_CLOEXEC), 0);
		assert_int_equal(pipe2(down, O_CLOEXEC), 0);

		pid_t pid = fork();

		assert_true(pid >= 0);
		if (pid == 0) {
			int fd = open("box", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
			bool ok = fd >= 0 && mailbox_flock(fd, &s, NULL) == 0;

			_exit(write(up[1], "x", 1) != 1 || read(down[0], &c, 1) != 1 || !ok);
		}
		assert_int_equal(read(up[0], &c, 1), 1);

		int fd = open("box", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

		assert_int_equal(mailbox_flock(fd, &s, &why), -EAGAIN);
		assert_string_equal(why.text, "unable to lock for exclusive access: "
					      "Resource temporarily unavailable");
		assert_int_equal(write(down[1], "x", 1), 1);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
		assert_int_equal(mailbox_flock(fd, &s, &why), 0);
		(void)close(fd);
		for (int k = 0; k < 2; k++) {
			(void)close(up[k]);
			(void)close(down[k]);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_dotlock),
		cmocka_unit_test(test_flock),
	};

	return cmocka_run_group_tests(tests, mt_setup, mt_teardown);
}
