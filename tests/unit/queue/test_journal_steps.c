/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes of the journal die between any two steps: each act is done by a child that is traced and killed at its
 * n-th stop before or behind a system call, for every n until it comes to its end.
 *
 * After each death others go on as they must (journal_acts.h); locks have gone with the process.
 */
#include "journal_acts.h"

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* Dying so often takes long with the sanitizers: there every so many-th stop has to do. */
#ifdef POSTROAD_SANITIZED
#	define STRIDE 7
#else
#	define STRIDE 1
#endif

/* Exit status of a child that cannot be traced. */
#define NOT_HERE 77
/* More stops than any act has. */
#define STOPS_MAX 20000

/* Flushes change nothing when a process dies: they are steps, and cost none of the disk's time. */
static int the_flush_error;     /* the n-th flush of data says this */
static int the_flush_countdown; /* flushes of data until then */

static int no_flush(int fd)
{
	return fcntl(fd, F_GETFD) < 0 ? -1 : 0;
}

int fsync(int fd)
{
	return no_flush(fd);
}

int syncfs(int fd)
{
	return no_flush(fd);
}

int fdatasync(int fd)
{
	if (the_flush_error != 0 && --the_flush_countdown == 0) {
		errno = the_flush_error;
		return -1;
	}
	return no_flush(fd);
}

/* ---- acts ---- */

/* A flush fails: the message is refused, the segment given up. */
static bool fail_flush(void)
{
	struct journal_writer *w = journal_writer_new(&rig_settings);
	unsigned refused = 0;

	the_flush_error = EIO;
	the_flush_countdown = 4; /* growth, header, a message; the second message */
	for (size_t i = 0; i < 4; i++)
		refused += !write_told(w, 100);
	journal_writer_free(w);
	return refused == 1;
}

static const struct act acts[] = {
	{ "commit", with_reader, commit },
	{ "failed flush", with_reader, fail_flush },
	{ "replay", with_ended_writer, replay },
	{ "replay beside a writer", with_messages, replay },
	{ "replay at the last generation", with_last_generation, replay },
	{ "reading", with_messages, work },
	{ "agents end", with_ended_writer, retry },
};

/* ---- one death ---- */

/* The child, stopped before the act; -1: processes must not be traced here. */
static pid_t start(bool (*run)(void))
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
			_exit(NOT_HERE);
		(void)raise(SIGSTOP);
		_exit(run() ? 0 : 3);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_HERE)
		return -1;
	assert_true(WIFSTOPPED(status));
	assert_int_equal(ptrace(PTRACE_SETOPTIONS, pid, NULL,
				 PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL),
		0);
	return pid;
}

/* Calls that change nothing that others see. */
static bool is_idle(uint64_t nr)
{
	static const uint64_t idle[] = { SYS_read, SYS_pread64, SYS_fstat, SYS_newfstatat,
		SYS_lseek, SYS_mmap, SYS_munmap, SYS_madvise, SYS_brk, SYS_getrandom,
		SYS_clock_nanosleep };

	for (size_t i = 0; i < ARRAY_LEN(idle); i++)
		if (nr == idle[i])
			return true;
	return false;
}

struct trace {
	uint64_t nr;
	bool opened; /* the last stop that counted was before an open */
};

/*
 * True when the stop counts: before and behind each call that may change something. A row of opens of what is not
 * there (a replay looks for 1,024 segments) is one stop.
 */
static bool counts(struct trace *t, pid_t pid)
{
	struct __ptrace_syscall_info info;
	bool is_open;

	assert_true(ptrace(PTRACE_GET_SYSCALL_INFO, pid, (void *)sizeof(info), &info) > 0);
	if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
		t->nr = info.entry.nr;
		is_open = t->nr == SYS_openat;
		if (is_idle(t->nr) || (is_open && t->opened))
			return false;
		t->opened = is_open;
		return true;
	}
	if (info.op != PTRACE_SYSCALL_INFO_EXIT || info.exit.is_error || is_idle(t->nr))
		return false;
	t->opened = false;
	return true;
}

/* Do an act up to its n-th stop: false when it came to its end. */
static bool die_at(const struct act *a, unsigned n)
{
	pid_t pid = start(a->run);
	struct trace t = { 0 };
	int status = 0;

	if (pid < 0)
		skip();
	for (unsigned i = 0; i < n; i += counts(&t, pid)) {
		assert_int_equal(ptrace(PTRACE_SYSCALL, pid, NULL, NULL), 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (!WIFSTOPPED(status)) {
			if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
				fail_msg("%s: status %x", the_where, status);
			return false;
		}
	}
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return true;
}

static void empty_spool(void)
{
	void *state = NULL;

	assert_int_equal(spool_teardown(&state), 0);
	assert_int_equal(rig_setup(&state), 0);
}

static void test_deaths(void **state)
{
	const struct act *a = *state;
	bool died = true;
	unsigned n = 1;

	assert_int_equal(pipe2(the_pipe, O_CLOEXEC | O_NONBLOCK), 0);
	assert_int_equal(rig_setup(NULL), 0);
	for (; died; n += next_step(STRIDE)) {
		the_n = 0;
		(void)snprintf(the_where, sizeof(the_where), "%s, stop %u", a->name, n);
		assert_true(n < STOPS_MAX);
		a->prepare();
		died = die_at(a, n);
		audit();
		empty_spool();
	}
	assert_int_equal(spool_teardown(NULL), 0);
	fd_close(the_pipe[0]);
	fd_close(the_pipe[1]);
	if (n < 20)
		fail_msg("%s has %u steps only", a->name, n);
	print_message("%s: %u stops\n", a->name, n - 1);
}

int main(void)
{
	struct CMUnitTest tests[ARRAY_LEN(acts)];

	for (size_t i = 0; i < ARRAY_LEN(acts); i++)
		tests[i] = (struct CMUnitTest){ .name = acts[i].name,
			.test_func = test_deaths,
			.initial_state = (void *)(uintptr_t)&acts[i] };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
