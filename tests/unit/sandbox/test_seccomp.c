/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of sandbox/seccomp.c: what each set of promises denies and what it leaves. Threats X7.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

#include "sandbox_test.h"

/* Each tries one thing: 0 done, 1 EPERM, 2 another error. */
static int outcome(long r)
{
	if (r >= 0)
		return 0;
	return errno == EPERM ? 1 : 2;
}

static int try_read_file(void)
{
	return outcome(open("/etc/passwd", O_RDONLY | O_CLOEXEC));
}

static int try_create(void)
{
	return outcome(open("seccomp-test", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

static int try_truncate(void)
{
	return outcome(open("/dev/null", O_RDONLY | O_TRUNC | O_CLOEXEC));
}

static int try_unlink(void)
{
	int r = unlink("seccomp-test-none");

	return r < 0 && errno == ENOENT ? 0 : outcome(r);
}

static int try_inet(void)
{
	return outcome(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

static int try_inet6(void)
{
	int r = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return r < 0 && errno == EAFNOSUPPORT ? 0 : outcome(r);
}

static int try_unix(void)
{
	return outcome(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
}

static int try_packet(void)
{
	return outcome(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
}

static int try_execve(void)
{
	char name[] = "/bin/true";
	char *argv[] = { name, NULL };

	(void)execve(name, argv, NULL);
	return outcome(-1);
}

static int try_fork(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return outcome(pid);
}

static int try_ptrace(void)
{
	return outcome(ptrace(PTRACE_TRACEME, 0, NULL, NULL));
}

static int try_kill(void)
{
	return outcome(kill(getppid(), 0));
}

static int try_setuid(void)
{
	return outcome(setresuid(getuid(), getuid(), getuid()));
}

static int try_chown(void)
{
	int r = fchownat(AT_FDCWD, "seccomp-test-none", getuid(), getgid(), 0);

	return r < 0 && errno == ENOENT ? 0 : outcome(r);
}

static int try_mount(void)
{
	return outcome(syscall(SYS_mount, "a", "b", "c", 0, NULL));
}

static int try_uring(void)
{
	return outcome(syscall(SYS_io_uring_setup, 1, NULL));
}

static int try_bpf(void)
{
	return outcome(syscall(SYS_bpf, 0, NULL, 0));
}

static void *nothing(void *arg)
{
	return arg;
}

/* What every process does must work with P_STDIO alone. */
static int try_everyday(void)
{
	pthread_t th;
	struct timespec ts = { .tv_nsec = 1000 };
	int p[2];
	struct stat st;
	void *mem = malloc((size_t)1 << 20);

	if (mem == NULL || pipe2(p, O_CLOEXEC) < 0 || fstat(p[0], &st) < 0)
		return 2;
	free(mem);
	if (pthread_create(&th, NULL, nothing, NULL) != 0 || pthread_join(th, NULL) != 0)
		return 3;
	if (nanosleep(&ts, NULL) < 0 || write(p[1], "x", 1) != 1 || time(NULL) < 1000)
		return 4;
	return 0;
}

static const struct {
	const char *name;
	int (*fn)(void);
	unsigned needs; /* any of these promises allows it; 0: none does */
} tries[] = {
	{ "everyday", try_everyday, P_STDIO },
	{ "read a file", try_read_file, P_READ | P_QUEUE | P_MAILBOX },
	{ "create a file", try_create, P_QUEUE | P_MAILBOX },
	{ "open with O_TRUNC", try_truncate, P_QUEUE | P_MAILBOX },
	{ "unlink", try_unlink, P_QUEUE | P_MAILBOX },
	{ "IPv4 socket", try_inet, P_INET },
	{ "IPv6 socket", try_inet6, P_INET },
	{ "UNIX socket", try_unix, P_UNIX },
	{ "packet socket", try_packet, 0 },
	{ "execve", try_execve, 0 },
	{ "fork", try_fork, 0 },
	{ "ptrace", try_ptrace, 0 },
	{ "kill another process", try_kill, 0 },
	{ "setresuid", try_setuid, P_IDENTITY },
	{ "chown", try_chown, P_MAILBOX },
	{ "mount", try_mount, 0 },
	{ "io_uring", try_uring, 0 },
	{ "bpf", try_bpf, 0 },
};

static const unsigned sets[] = {
	P_STDIO,
	P_STDIO | P_UNIX,
	P_STDIO | P_INET,
	P_STDIO | P_READ,
	P_STDIO | P_READ | P_QUEUE,
	P_STDIO | P_READ | P_MAILBOX | P_IDENTITY,
	P_STDIO | P_INET | P_UNIX | P_READ | P_FDPASS,
};

static void test_promises(void **state)
{
	(void)state;
	st_need_active();
	for (size_t k = 0; k < ARRAY_LEN(sets); k++) {
		for (size_t i = 0; i < ARRAY_LEN(tries); i++) {
			struct sandbox_settings s = { .promises = sets[k] };
			int want = (sets[k] & tries[i].needs) != 0 ? 0 : 1;
			int got = st_run(&s, tries[i].fn);

			if (got != want)
				fail_msg("promises %#x, %s: got %d, want %d", sets[k],
					tries[i].name, got, want);
		}
	}
	(void)unlink("seccomp-test");
}

static void test_trap(void **state)
{
	struct sandbox_settings s = { .promises = P_STDIO, .trap = true };

	(void)state;
	st_need_active();
	assert_int_equal(st_run(&s, try_execve), 128 + SIGSYS);
	assert_int_equal(st_run(&s, try_everyday), 0);
}

static int do_abort(void)
{
	abort();
}

static void test_abort(void **state)
{
	struct sandbox_settings s = { .promises = P_STDIO };

	(void)state;
	st_need_active();
	/* check() ends a process this way. The id of the process is that of the parent's filter. */
	assert_int_equal(st_run(&s, do_abort), 128 + SIGABRT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_promises),
		cmocka_unit_test(test_trap),
		cmocka_unit_test(test_abort),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
