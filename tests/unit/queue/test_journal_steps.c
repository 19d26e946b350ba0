/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes of the journal die between any two steps: each act is done by a child that is traced and killed at its
 * n-th stop before or behind a system call, for every n until it comes to its end.
 *
 * After each death others go on as they must: what the child told of as committed is there exactly once, whole, unless it told
 * before that it removes it; nothing else is there but what was begun; a living reader finds it, or a
 * replay does; locks have gone with the process; a new writer's message is read.
 */
#include "journal_rig.h"

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/mem.h"

/* Dying so often takes long with the sanitizers: there every so many-th stop has to do. */
#ifdef POSTROAD_SANITIZED
#	define STRIDE 7
#else
#	define STRIDE 1
#endif

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

/* ---- what is told ---- */

#define TOLD_MAX 400

struct told {
	char what; /* B begun, C committed, X refused, D will be removed, M its recipient is marked */
	char id[QUEUE_ID_MAX + 1];
	size_t size;
};

static int the_pipe[2];
static struct told the_told[TOLD_MAX];
static size_t the_n;

static void tell(char what, const char *id, size_t size)
{
	struct told t = { .what = what, .size = size };

	(void)snprintf(t.id, sizeof(t.id), "%s", id);
	if (write(the_pipe[1], &t, sizeof(t)) != (ssize_t)sizeof(t))
		_exit(2);
}

static void listen_to_it(void)
{
	the_n = 0;
	while (read(the_pipe[0], &the_told[the_n], sizeof(the_told[0])) > 0)
		assert_true(++the_n < TOLD_MAX);
}

static const struct told *find(char what, const char *id)
{
	for (size_t i = 0; i < the_n; i++)
		if (the_told[i].what == what && strcmp(the_told[i].id, id) == 0)
			return &the_told[i];
	return NULL;
}

/* A message of about `size` bytes; its end is told. */
static void write_told(struct journal_writer *w, size_t size)
{
	_cleanup_buf_ struct buf b = BUF(BUF_MEDIUM);
	struct queue_file f;
	int r = journal_reserve(w, &f);

	if (r < 0)
		_exit(5);
	rig_image(&b, "a@b", size);
	tell('B', f.id, size);
	r = journal_commit(w, &f, buf_str(&b), NULL);
	tell(r == 0 ? 'C' : 'X', f.id, size);
}

/* An agent marks the recipient in the image. */
static void mark(const struct journal_entry *e)
{
	struct journal_segment seg = JOURNAL_NO_SEGMENT;

	if (journal_segment_open_image(&e->place, O_RDWR, &seg) < 0 ||
		fd_pwrite_all(seg.fd, STR("D"), (int64_t)(e->place.offset + RIG_RCPT)) < 0)
		_exit(6);
	tell('M', e->id, 0);
	journal_segment_close(&seg);
}

static void settle(struct journal_reader *r, const struct journal_entry *e, const char *queue)
{
	if (journal_settle(&rig_queues, e, str_of(queue), true, NULL) < 0)
		_exit(7);
	journal_settled(r, &e->place);
}

/* ---- acts ---- */

static struct journal_reader *the_reader; /* of the parent: lives on */
static struct journal_writer *the_writer; /* likewise */
static struct journal_entry the_entries[5];

static void with_reader(void)
{
	the_reader = rig_reader(NULL);
}

/* Claims, groups, growth, a full segment, the next one. */
static void commit(void)
{
	static const size_t sizes[] = { 100, 290000, 290000, 290000, 290000, 100 };
	struct journal_writer *w = journal_writer_new(&rig_settings);

	for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
		write_told(w, sizes[i]);
	journal_writer_free(w);
}

/* A flush fails: the message is refused, the segment given up. */
static void fail_flush(void)
{
	struct journal_writer *w = journal_writer_new(&rig_settings);

	the_flush_error = EIO;
	the_flush_countdown = 4; /* growth, header, a message; the second message */
	for (size_t i = 0; i < 4; i++)
		write_told(w, 100);
	if (the_flush_countdown > 0)
		_exit(8);
	journal_writer_free(w);
}

/* Five messages: removed; settled and then marked; marked; long; as it came. */
static void with_messages(void)
{
	static const size_t sizes[ARRAY_LEN(the_entries)] = { 100, 100, 100, 70000, 100 };
	struct journal_reader *r = rig_reader(NULL);

	the_writer = journal_writer_new(&rig_settings);
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		write_told(the_writer, sizes[i]);
		assert_int_equal(journal_next(r, &the_entries[i]), 1);
	}
	tell('D', the_entries[0].id, 0);
	journal_removed(r, &the_entries[0].place);
	settle(r, &the_entries[1], "active");
	mark(&the_entries[1]);
	mark(&the_entries[2]);
	journal_reader_close(r);
}

static void with_ended_writer(void)
{
	with_messages();
	journal_writer_free(TAKE(the_writer));
}

static void replay(void)
{
	struct journal_report report;

	if (journal_replay(&rig_settings, &report, NULL) < 0)
		_exit(3);
}

static struct journal_reader *open_reader(struct journal_report *report)
{
	struct journal_reader *r;

	if (journal_reader_open(&rig_settings, &r, report, NULL) < 0)
		_exit(4);
	return r;
}

/* Messages are read, settled, removed, marked; a segment becomes empty and is claimed again. */
static void work(void)
{
	struct journal_report report;
	struct journal_reader *r = open_reader(&report);
	struct journal_writer *w = journal_writer_new(&rig_settings);
	struct journal_entry e;

	for (unsigned i = 0; i < 4; i++)
		write_told(w, 100);
	journal_writer_free(w);
	for (unsigned i = 0; journal_next(r, &e) == 1; i++) {
		if (i % 2 == 1)
			mark(&e);
		if (i % 3 == 0)
			tell('D', e.id, 0);
		if (i % 3 == 0)
			journal_removed(r, &e.place);
		else
			settle(r, &e, "active");
	}
	journal_recycle(r);
	w = journal_writer_new(&rig_settings);
	write_told(w, 100);
	if (journal_next(r, &e) != 1)
		_exit(9);
	journal_reader_close(r);
	journal_writer_free(w);
}

/* Agents of an earlier reader end one after the other. */
static void retry(void)
{
	struct journal_segment agent[2];
	struct journal_report report;
	struct journal_reader *r;

	for (unsigned i = 0; i < 2; i++)
		if (journal_segment_open_image(&the_entries[i + 1].place, O_RDWR, &agent[i]) < 0)
			_exit(10);
	r = open_reader(&report);
	if (report.busy != 2)
		_exit(11);
	for (unsigned i = 0; i < 2; i++) {
		journal_segment_close(&agent[i]);
		if (journal_retry(r, &report, NULL) < 0 || report.busy != 1 - i)
			_exit(12);
	}
	journal_reader_close(r);
}

/* Generations run out. */
static void with_last_generation(void)
{
	struct journal_segment seg = JOURNAL_NO_SEGMENT;

	assert_int_equal(journal_segment_claim(0, 0xf0000000U, 1 << 20, &seg), 0);
	journal_segment_close(&seg);
	with_ended_writer();
}

struct act {
	const char *name;
	void (*prepare)(void);
	void (*run)(void);
};

static const struct act acts[] = {
	{ "commit", with_reader, commit },
	{ "failed flush", with_reader, fail_flush },
	{ "replay", with_ended_writer, replay },
	{ "replay beside a writer", with_messages, replay },
	{ "replay at the last generation", with_last_generation, replay },
	{ "reading", with_messages, work },
	{ "agents end", with_ended_writer, retry },
};

/* ---- what must be there afterwards ---- */

static char the_where[96];

/* The bytes are those that were sent, the mark apart. */
static void check_file(const char *queue, const char *id, const struct told *sent)
{
	_cleanup_buf_ struct buf want = BUF(BUF_MEDIUM);
	_cleanup_free_ char *bytes = NULL;
	int fd = queue_open(&rig_queues, str_of(queue), str_of(id), O_RDONLY, 0);
	struct stat st;

	rig_image(&want, "a@b", sent->size);
	assert_int_equal(fstat(fd, &st), 0);
	if (st.st_size != (off_t)want.len || (st.st_mode & 0700) != 0700)
		fail_msg("%s: %s/%s is not complete", the_where, queue, id);
	bytes = mem_alloc(want.len);
	assert_int_equal(fd_pread(fd, bytes, want.len, 0), want.len);
	fd_close(fd);
	if (bytes[RIG_RCPT] == REC_DONE)
		bytes[RIG_RCPT] = REC_RCPT;
	else if (find('M', id) != NULL)
		fail_msg("%s: %s/%s has lost its mark", the_where, queue, id);
	if (memcmp(bytes, want.ptr, want.len) != 0)
		fail_msg("%s: %s/%s is changed", the_where, queue, id);
}

static bool is_file(const char *queue, const char *id)
{
	_cleanup_close_ int fd = queue_open(&rig_queues, str_of(queue), str_of(id), O_RDONLY, 0);

	return fd >= 0;
}

static void check_messages(void)
{
	size_t known = 0;

	for (size_t i = 0; i < the_n; i++) {
		const struct told *t = &the_told[i];
		const char *queue = is_file("incoming", t->id) ? "incoming" : "active";
		unsigned n = is_file("incoming", t->id) + is_file("active", t->id);

		if (t->what != 'B')
			continue;
		known += n;
		if (n > 1 || (n > 0 && find('X', t->id) != NULL))
			fail_msg("%s: %s is there %u times", the_where, t->id, n);
		if (n == 0 && find('C', t->id) != NULL && find('D', t->id) == NULL)
			fail_msg("%s: %s is lost", the_where, t->id);
		if (n == 1)
			check_file(queue, t->id, t);
	}
	assert_int_equal(rig_files("incoming") + rig_files("active"), known);
	assert_int_equal(rig_files("corrupt") + rig_files("deferred") + rig_files("hold"), 0);
}

/* A writer, this one or a new one, commits a message that the reader gets. */
static void goes_on(struct journal_reader *r, struct journal_writer *w)
{
	struct journal_entry e;
	char id[QUEUE_ID_MAX + 1];

	if (rig_write(w, "a@b", 100, id) != 0 || journal_next(r, &e) != 1)
		fail_msg("%s: there is no way on", the_where);
	assert_string_equal(e.id, id);
	journal_removed(r, &e.place);
	assert_int_equal(journal_next(r, &e), 0);
	journal_writer_free(w);
}

static void audit(void)
{
	struct journal_reader *r = the_reader != NULL ? TAKE(the_reader) : rig_reader(NULL);
	struct journal_report report;
	struct journal_entry e;

	listen_to_it();
	journal_recycle(r);
	while (journal_next(r, &e) == 1)
		settle(r, &e, "incoming");
	journal_recycle(r);
	check_messages();
	goes_on(r, journal_writer_new(&rig_settings));
	if (the_writer != NULL)
		goes_on(r, TAKE(the_writer));
	journal_reader_close(r);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(journal_replay(&rig_settings, &report, NULL), 0);
		/* The first one may find a message that was written, and never answered. */
		assert_int_equal((i == 0 ? 0 : report.settled) + report.damaged + report.torn +
					 report.busy,
			0);
		check_messages();
	}
}

/* ---- one death ---- */

static pid_t start(void (*run)(void))
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0 || raise(SIGSTOP) != 0)
			_exit(1);
		run();
		_exit(0);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
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
	for (; died; n += STRIDE) {
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
