/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes of the journal die at any point: kill -9 of writers and of readers in a loop.
 *
 * Writers tell of each message after its commit, readers before they remove one or after they settled it.
 * In the end every message that was told of is delivered or is a whole file, and none that is a
 * file is known as delivered unless its reader was killed.
 */
#include "journal_rig.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/map.h"
#include "base/mem.h"

#define ROUNDS  25
#define THREADS 4

static struct journal_writer *the_writer;
static int the_told;

/* One line to the parent. A pipe takes it whole. */
static void tell(char what, const char *id)
{
	char line[64];
	int n = snprintf(line, sizeof(line), "%c%.60s\n", what, id);

	if (write(the_told, line, (size_t)n) != n)
		_exit(2);
}

static void *write_for_ever(void *arg)
{
	_cleanup_buf_ struct buf b = BUF(BUF_MEDIUM);

	(void)arg;
	rec_put_size(&b, &(struct rec_size){ 1, 2, 1, 0, 0, 0 });
	for (unsigned i = 0; i < 5000; i++) {
		struct queue_file f;

		if (journal_reserve(the_writer, &f) == 0 &&
			journal_commit(the_writer, &f, buf_str(&b), NULL) == 0)
			tell('C', f.id);
		else
			(void)usleep(1000);
	}
	return NULL;
}

static _noreturn_ void be_writer(void)
{
	pthread_t t[THREADS];

	the_writer = journal_writer_new(&rig_settings);
	for (unsigned i = 0; i < THREADS; i++)
		if (pthread_create(&t[i], NULL, write_for_ever, NULL) != 0)
			_exit(2);
	for (;;)
		(void)pause();
}

static void one_message(struct journal_reader *r, struct journal_entry *e, unsigned n)
{
	if (n % 3 == 0) {
		if (journal_settle(&rig_queues, e, STR("active"), false, NULL) < 0)
			_exit(3);
		journal_settled(r, &e->place);
	} else {
		tell('D', e->id);
		journal_removed(r, &e->place);
	}
}

static _noreturn_ void be_reader(void)
{
	struct journal_report report;
	struct journal_reader *r;
	struct journal_entry e;
	struct why why = { "" };

	if (journal_reader_open(&rig_settings, &r, &report, &why) < 0) {
		(void)fprintf(stderr, "reader: %s\n", why.text);
		_exit(4);
	}
	for (unsigned n = 0;; n++) {
		if (journal_next(r, &e) == 1)
			one_message(r, &e, n);
		else
			(void)usleep(500);
		if (n % 50 == 0)
			journal_recycle(r);
	}
}

static pid_t start(bool writer)
{
	pid_t pid = fork();

	if (pid == 0) {
		/* Does not outlive a test that failed. */
		(void)alarm(60);
		if (writer)
			be_writer();
		be_reader();
	}
	assert_true(pid > 0);
	return pid;
}

/* Kill, and see that it did not end by itself with an error. */
static void end(pid_t pid)
{
	int status;

	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
		fail_msg("ended with status %d", WEXITSTATUS(status));
}

/* Lines that came: committed and delivered ids. */
static void *take_lines(void *arg)
{
	FILE *in = arg;
	struct map **maps = mem_array(2, sizeof(*maps));
	char line[64];

	maps[0] = map_new(NULL);
	maps[1] = map_new(NULL);
	while (fgets(line, sizeof(line), in) != NULL)
		map_set(maps[line[0] == 'D'], str_trim(str_of(line + 1)), maps);
	(void)fclose(in);
	return maps;
}

static bool is_file(const char *queue, struct str id)
{
	_cleanup_close_ int fd = queue_open(&rig_queues, str_of(queue), id, O_RDONLY, 0);
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 && st.st_size == 97 && (st.st_mode & 0700) == 0700;
}

static void audit(struct map **maps)
{
	struct map_iter it = { 0 };
	struct str id;
	void *value;
	size_t n = 0;

	while (map_next(maps[0], &it, &id, &value)) {
		bool in = is_file("incoming", id);
		bool active = is_file("active", id);

		if (!in && !active && !map_has(maps[1], id))
			fail_msg("lost: " STR_FMT, STR_ARG(id));
		if (in && active)
			fail_msg("twice: " STR_FMT, STR_ARG(id));
		n++;
	}
	assert_true(n > 100);
}

static void test_kill(void **state)
{
	struct journal_report report;
	struct map **maps;
	struct why why = { "" };
	pthread_t listener;
	void *result;
	int fds[2];
	pid_t reader;
	pid_t writer[2];

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	the_told = fds[1];
	reader = start(false);
	writer[0] = start(true);
	writer[1] = start(true);
	assert_int_equal(pthread_create(&listener, NULL, take_lines, fdopen(fds[0], "r")), 0);
	for (unsigned i = 0; i < ROUNDS; i++) {
		(void)usleep(20000 + (i * 7919) % 30000);
		if (i % 2 == 0) {
			end(reader);
			reader = start(false);
		} else {
			end(writer[i / 2 % 2]);
			writer[i / 2 % 2] = start(true);
		}
	}
	end(writer[0]);
	end(writer[1]);
	end(reader);
	fd_close(TAKE_FD(the_told));
	assert_int_equal(pthread_join(listener, &result), 0);
	maps = result;
	if (journal_replay(&rig_settings, &report, &why) < 0)
		fail_msg("%s", why.text);
	audit(maps);
	map_free(maps[0]);
	map_free(maps[1]);
	free(maps);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_kill, rig_setup, spool_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
