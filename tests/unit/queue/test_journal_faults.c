/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each call of the journal's processes fails once: each act is done with its n-th call failing, for every n and for errors of
 * full disks, of broken ones, and of a lack of descriptors. What is there afterwards is as journal_acts.h says.
 */
#include "journal_acts.h"

#include <signal.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <sys/uio.h>

/* One error has to do with the sanitizers: all three take long there. */
#ifdef POSTROAD_SANITIZED
#	define ERRORS 1
#else
#	define ERRORS 3
#endif

static int the_error;     /* 0: calls work */
static int the_countdown; /* calls that still work */

/* True, with errno, when this call is to fail. */
static bool fails(void)
{
	if (the_error == 0 || the_countdown-- != 0)
		return false;
	errno = the_error;
	return true;
}

/* These stand before the C library's. Flushes that work do nothing: no power is cut here. What is not there is no fault. */

int open(const char *path, int flags, ...)
{
	va_list ap;
	mode_t mode;
	int fd;

	va_start(ap, flags);
	mode = (flags & O_CREAT) != 0 ? va_arg(ap, mode_t) : 0;
	va_end(ap);
	fd = (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
	if (fd >= 0 && fails()) {
		(void)close(fd);
		errno = the_error;
		return -1;
	}
	return fd;
}

ssize_t pread(int fd, void *p, size_t n, off_t offset)
{
	return fails() ? -1 : (ssize_t)syscall(SYS_pread64, fd, p, n, offset);
}

ssize_t pwrite(int fd, const void *p, size_t n, off_t offset)
{
	return fails() ? -1 : (ssize_t)syscall(SYS_pwrite64, fd, p, n, offset);
}

/* One that fails may have written half of it. */
ssize_t pwritev(int fd, const struct iovec *v, int n, off_t offset)
{
	if (!fails())
		return (ssize_t)syscall(SYS_pwritev, fd, v, n, offset, 0);
	(void)syscall(SYS_pwritev, fd, v, n / 2, offset, 0);
	return -1;
}

ssize_t write(int fd, const void *p, size_t n)
{
	return fails() ? -1 : (ssize_t)syscall(SYS_write, fd, p, n);
}

int fdatasync(int fd)
{
	(void)fd;
	return fails() ? -1 : 0;
}

int fsync(int fd)
{
	(void)fd;
	return fails() ? -1 : 0;
}

int syncfs(int fd)
{
	(void)fd;
	return fails() ? -1 : 0;
}

int fchmod(int fd, mode_t mode)
{
	return fails() ? -1 : (int)syscall(SYS_fchmod, fd, mode);
}

int unlink(const char *path)
{
	return fails() ? -1 : (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
}

int rename(const char *from, const char *to)
{
	return fails() ? -1 : (int)syscall(SYS_renameat, AT_FDCWD, from, AT_FDCWD, to);
}

static const struct act acts[] = {
	{ "commit", with_reader, commit },
	{ "replay", with_ended_writer, replay },
	{ "replay beside a writer", with_messages, replay },
	{ "replay at the last generation", with_last_generation, replay },
	{ "reading", with_messages, work },
	{ "agents end", with_ended_writer, retry },
};

/* False when the act came to its end before the n-th call. */
static bool fail_at(const struct act *a, int error, int n)
{
	bool has_failed;
	bool ok;

	(void)snprintf(the_where, sizeof(the_where), "%s, %s at call %d", a->name,
		strerrorname_np(error), n);
	the_n = 0;
	a->prepare();
	the_countdown = n;
	the_error = error;
	ok = a->run();
	has_failed = the_countdown < 0;
	the_error = 0;
	if (!ok && !has_failed)
		fail_msg("%s: failed by itself", the_where);
	audit();
	return has_failed;
}

static void test_faults(void **state)
{
	static const int errors[3] = { EIO, ENOSPC, EMFILE };
	const struct act *a = *state;

	for (size_t i = 0; i < ERRORS; i++) {
		bool has_failed = true;
		int n;

		for (n = 0; has_failed; n += (int)next_step(1)) {
			assert_int_equal(rig_setup(NULL), 0);
			has_failed = fail_at(a, errors[i], n);
			assert_int_equal(spool_teardown(NULL), 0);
		}
		assert_true(n > 10);
		print_message("%s: %d calls\n", a->name, n);
	}
}

int main(void)
{
	struct CMUnitTest tests[ARRAY_LEN(acts)];

	for (size_t i = 0; i < ARRAY_LEN(acts); i++)
		tests[i] = (struct CMUnitTest){ .name = acts[i].name,
			.test_func = test_faults,
			.initial_state = (void *)(uintptr_t)&acts[i] };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
