/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of queue/journal_files.c: segments that stay open. */
#include "queue/journal_files.h"

#include "journal_rig.h"

static struct journal_settings the_settings;
static struct journal_writer *the_writer;
static struct journal_reader *the_reader;
static struct journal_files *the_files;

static void begin(int64_t segment_size, usec_t idle)
{
	struct journal_report report;
	struct why why;

	the_settings = rig_settings;
	the_settings.segment_size = segment_size;
	the_settings.limit = 4 * segment_size;
	the_writer = journal_writer_new(&the_settings);
	assert_int_equal(journal_reader_open(&the_settings, &the_reader, &report, &why), 0);
	the_files = journal_files_new(idle);
}

static void end(void)
{
	journal_files_free(TAKE(the_files));
	journal_reader_close(TAKE(the_reader));
	journal_writer_free(TAKE(the_writer));
}

static struct journal_entry next_entry(size_t size)
{
	struct journal_entry e;

	assert_int_equal(rig_write(the_writer, "a@b", size, NULL), 0);
	assert_int_equal(journal_next(the_reader, &e), 1);
	return e;
}

static struct queue_message *open_kept(const struct journal_entry *e)
{
	struct queue_message *m = NULL;
	struct why why = { "" };

	if (queue_message_open_kept(the_files, &e->place, &m, &why) < 0)
		fail_msg("%s", why.text);
	return m;
}

/* Opens the message, marks its recipient and closes it: the descriptor that was used. */
static int mark(const struct journal_entry *e)
{
	struct queue_message *m = open_kept(e);
	int fd = queue_message_fd(m);

	assert_int_equal(queue_message_size(m), e->place.length);
	assert_int_equal(queue_message_mark_done(m, RIG_RCPT), 0);
	queue_message_close(m);
	return fd;
}

static bool is_locked(const struct journal_entry *e)
{
	struct journal_segment seg;
	bool locked;

	assert_int_equal(journal_segment_open(e->place.segment, O_RDWR, &seg), 0);
	locked = journal_is_locked(&seg, &e->place);
	journal_segment_close(&seg);
	return locked;
}

static void test_one_after_the_other(void **state)
{
	struct journal_entry a, b;
	struct queue_message *m;

	(void)state;
	begin(1 << 20, USEC_PER_SEC * 100);
	a = next_entry(1000);
	b = next_entry(2000);
	m = open_kept(&a);
	int fd = queue_message_fd(m);
	assert_true(is_locked(&a) && !is_locked(&b));
	queue_message_close(m);
	assert_false(is_locked(&a));
	assert_int_equal(mark(&b), fd);
	assert_int_equal(mark(&a), fd);
	end();
	assert_int_equal(fcntl(fd, F_GETFD), -1);
}

static void test_two_at_once(void **state)
{
	struct journal_entry a, b;
	struct queue_message *m, *n;

	(void)state;
	begin(1 << 20, USEC_PER_SEC * 100);
	a = next_entry(1000);
	b = next_entry(1000);
	m = open_kept(&a);
	n = open_kept(&b);
	assert_int_not_equal(queue_message_fd(m), queue_message_fd(n));
	queue_message_close(m);
	assert_true(!is_locked(&a) && is_locked(&b));
	queue_message_close(n);
	assert_false(is_locked(&b));
	end();
}

static void test_ended(void **state)
{
	struct queue_message *m = NULL;
	struct journal_entry a;
	struct why why;

	(void)state;
	begin(1 << 20, USEC_PER_SEC * 100);
	a = next_entry(1000);
	(void)mark(&a);
	journal_removed(the_reader, &a.place);
	assert_int_equal(queue_message_open_kept(the_files, &a.place, &m, &why), -ESTALE);
	assert_false(is_locked(&a));
	end();
}

/* The segment was shorter when it was opened. */
static void test_grown(void **state)
{
	struct journal_entry a, b;

	(void)state;
	begin(16 << 20, USEC_PER_SEC * 100);
	a = next_entry(1000);
	(void)mark(&a);
	do {
		b = next_entry(250000);
		assert_int_equal(b.place.segment, a.place.segment);
	} while (b.place.offset < JOURNAL_STEP);
	(void)mark(&b);
	(void)mark(&b);
	end();
}

/* Another life of the same file. */
static void test_next_generation(void **state)
{
	struct journal_entry a, b;

	(void)state;
	begin(1 << 20, USEC_PER_SEC * 100);
	b = a = next_entry(1000);
	(void)mark(&a);
	while (b.place.generation == a.place.generation || b.place.segment != a.place.segment) {
		journal_removed(the_reader, &b.place);
		journal_recycle(the_reader);
		b = next_entry(250000);
		(void)mark(&b);
	}
	end();
}

static void test_idle(void **state)
{
	struct journal_entry a, b;
	struct queue_message *m, *n;
	int fd[2];

	(void)state;
	begin(1 << 20, 0);
	a = next_entry(1000);
	b = next_entry(1000);
	m = open_kept(&a);
	n = open_kept(&b);
	fd[0] = queue_message_fd(m);
	fd[1] = queue_message_fd(n);
	queue_message_close(m);
	for (usec_t t = clock_now(); clock_now() == t;)
		;
	queue_message_close(n);
	assert_int_equal(fcntl(fd[0], F_GETFD), -1);
	assert_int_not_equal(fcntl(fd[1], F_GETFD), -1);
	end();
}

/* An image that was read as a whole shows marks as one that is not. */
static void test_marks_are_seen(void **state)
{
	static const size_t sizes[] = { 100, 15000, 17000, 100000 };

	(void)state;
	begin(1 << 20, USEC_PER_SEC * 100);
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		struct journal_entry a = next_entry(sizes[i]);
		struct queue_message *m = open_kept(&a);
		struct queue_message *n = open_kept(&a);
		struct queue_message *other;

		assert_false(queue_message_is_done(m, RIG_RCPT));
		assert_int_equal(queue_message_mark_done(m, RIG_RCPT + 1), -EBADMSG);
		assert_int_equal(queue_message_mark_done(m, RIG_RCPT), 0);
		assert_int_equal(queue_message_mark_done(m, RIG_RCPT), 0);
		assert_true(queue_message_is_done(m, RIG_RCPT));
		/* Twice is once. */
		assert_int_equal(queue_message_mark_done(n, RIG_RCPT), 0);
		other = open_kept(&a);
		assert_true(queue_message_is_done(other, RIG_RCPT));
		queue_message_close(m);
		queue_message_close(n);
		queue_message_close(other);
	}
	end();
}

static void test_none(void **state)
{
	struct queue_message *m = NULL;
	struct journal_entry a;
	struct why why;
	int fd;

	(void)state;
	begin(1 << 20, 0);
	a = next_entry(1000);
	assert_int_equal(queue_message_open_kept(NULL, &a.place, &m, &why), 0);
	fd = queue_message_fd(m);
	queue_message_close(m);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	end();
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_one_after_the_other, spool_setup,
			spool_teardown),
		cmocka_unit_test_setup_teardown(test_two_at_once, spool_setup, spool_teardown),
		cmocka_unit_test_setup_teardown(test_ended, spool_setup, spool_teardown),
		cmocka_unit_test_setup_teardown(test_grown, spool_setup, spool_teardown),
		cmocka_unit_test_setup_teardown(test_next_generation, spool_setup, spool_teardown),
		cmocka_unit_test_setup_teardown(test_idle, spool_setup, spool_teardown),
		cmocka_unit_test_setup_teardown(test_marks_are_seen, spool_setup, spool_teardown),
		cmocka_unit_test_setup_teardown(test_none, spool_setup, spool_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
