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

	(void)state;
	assert_int_equal(mailbox_dotlock("box", &settings, &why), 0);
	assert_int_equal(access("box.lock", F_OK), 0);
	assert_int_equal(mailbox_dotlock("box", &settings, &why), -EEXIST);
	assert_string_equal(why.text, "unable to create lock file box.lock: File exists");
	mailbox_dotunlock("box");
	assert_int_equal(access("box.lock", F_OK), -1);
	assert_int_equal(mailbox_dotlock("no/such/box", &settings, &why), -ENOENT);
}

/* When the inode of a file changed last. */
static time_t change_time(const char *path)
{
	struct stat st;

	assert_int_equal(lstat(path, &st), 0);
	return st.st_ctim.tv_sec;
}

/* Let the clock pass the second after which a file that changed at `t` is older than a second. */
static void wait_past(time_t t)
{
	while (time(NULL) <= t + 1) {
		struct timespec ts = { .tv_nsec = 50000000 };

		(void)nanosleep(&ts, NULL);
	}
}

static void test_stale(void **state)
{
	const struct timespec old[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } };
	const struct timespec coming[2] = { { .tv_sec = time(NULL) + 1000 },
		{ .tv_sec = time(NULL) + 1000 } };
	struct mailbox_lock_settings s = settings;
	struct why why = { "" };

	(void)state;
	assert_int_equal(mailbox_dotlock("box", &s, &why), 0);
	/* What the file says of itself does not count. */
	assert_int_equal(utimensat(AT_FDCWD, "box.lock", old, 0), 0);
	assert_int_equal(mailbox_dotlock("box", &s, &why), -EEXIST);
	assert_int_equal(utimensat(AT_FDCWD, "box.lock", coming, 0), 0);
	assert_int_equal(mkdir("dir.lock", 0700), 0);
	assert_int_equal(symlink("nowhere", "link.lock"), 0);
	wait_past(change_time("link.lock"));
	s.stale = USEC_PER_SEC;
	s.attempts = 1;
	assert_int_equal(mailbox_dotlock("box", &s, &why), -EEXIST);
	s.attempts = 2;
	s.stale = 0;
	assert_int_equal(mailbox_dotlock("box", &s, &why), -EEXIST);
	s.stale = USEC_PER_SEC;
	assert_int_equal(mailbox_dotlock("box", &s, &why), 0);
	assert_true(change_time("box.lock") > time(NULL) - 100);
	assert_int_equal(mailbox_dotlock("link", &s, &why), 0);
	assert_int_equal(mailbox_dotlock("dir", &s, &why), -EEXIST);
	assert_int_equal(rmdir("dir.lock"), 0);
	mailbox_dotunlock("box");
	mailbox_dotunlock("link");
}

/* Twenty processes, one forgotten lock file: never two of them hold the lock (threats X4). */
static void test_stale_race(void **state)
{
	struct mailbox_lock_settings s = settings;
	int held = 0;

	(void)state;
	s.attempts = 2000;
	s.stale = USEC_PER_SEC;
	assert_int_equal(close(open("race.lock", O_WRONLY | O_CREAT | O_CLOEXEC, 0600)), 0);
	wait_past(change_time("race.lock"));
	for (int i = 0; i < 20; i++) {
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (pid != 0)
			continue;
		for (int k = 0; k < 10; k++) {
			int fd;

			if (mailbox_dotlock("race", &s, NULL) < 0)
				_exit(1);
			fd = open("race.held", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
			if (fd < 0 || close(fd) < 0 || unlink("race.held") < 0)
				_exit(2);
			mailbox_dotunlock("race");
		}
		_exit(0);
	}
	for (int i = 0; i < 20; i++) {
		int status;

		assert_true(wait(&status) > 0);
		held += WIFEXITED(status) && WEXITSTATUS(status) == 0;
	}
	assert_int_equal(held, 20);
	assert_int_equal(access("race.lock", F_OK), -1);
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
		cmocka_unit_test(test_stale),
		cmocka_unit_test(test_stale_race),
		cmocka_unit_test(test_flock),
	};

	return cmocka_run_group_tests(tests, mt_setup, mt_teardown);
}
