/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of queue/journal_read.c: order, marks, recycling, writers that die, a second reader.
 */
#include "journal_rig.h"

#include <sys/syscall.h>
#include <sys/wait.h>

/* Reading fails as long as this is not 0. It stands before the C library's. */
static int the_read_error;

ssize_t pread(int fd, void *p, size_t n, off_t offset)
{
	if (the_read_error != 0) {
		errno = the_read_error;
		return -1;
	}
	return (ssize_t)syscall(SYS_pread64, fd, p, n, offset);
}

/* So does writing. */
static int the_write_error;

ssize_t pwrite(int fd, const void *p, size_t n, off_t offset)
{
	if (the_write_error != 0) {
		errno = the_write_error;
		return -1;
	}
	return (ssize_t)syscall(SYS_pwrite64, fd, p, n, offset);
}

static void test_life(void **state)
{
	struct journal_writer *w = journal_writer_new(&rig_settings);
	struct journal_reader *r = rig_reader(NULL);
	struct journal_entry e[3];
	char id[3][QUEUE_ID_MAX + 1];
	_cleanup_(queue_message_closep) struct queue_message *m = NULL;
	struct queue_reader rd;
	struct str data;
	int type;

	(void)state;
	assert_int_equal(journal_next(r, &e[0]), 0);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(rig_write(w, "a@b", 100 + i * 70000, id[i]), 0);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(journal_next(r, &e[i]), 1);
		assert_string_equal(e[i].id, id[i]);
		assert_int_equal(e[i].place.offset % JOURNAL_ALIGN, 0);
		/* Only the first one fits into the window. */
		assert_int_equal(journal_image(r).len, i == 0 ? e[i].place.length : 0);
		if (i == 0)
			assert_true(str_starts(journal_image(r), STR("C_")));
	}
	assert_int_equal(journal_next(r, &e[0]), 0);
	assert_int_equal(queue_message_open_place(&e[1].place, true, &m, NULL), 0);
	assert_int_equal(queue_message_size(m), e[1].place.length);
	assert_int_equal(queue_message_mode(m), 0700);
	queue_reader_init(&rd, m, 0, false);
	while ((type = queue_reader_next(&rd, &data)) > 0 && type != REC_RCPT)
		;
	assert_int_equal(type, REC_RCPT);
	assert_int_equal(queue_message_mark_done(m, rd.rec_offset), 0);
	while ((type = queue_reader_next(&rd, &data)) > 0)
		;
	assert_int_equal(type, 0);
	queue_reader_done(&rd);
	queue_message_close(TAKE(m));
	journal_removed(r, &e[0].place);
	journal_removed(r, &e[2].place);
	journal_reader_close(r);
	/* What was not removed comes back as a file, with its marks. */
	r = rig_reader(NULL);
	assert_int_equal(rig_files("incoming"), 1);
	assert_int_equal(journal_next(r, &e[0]), 0);
	journal_reader_close(r);
	journal_writer_free(w);
}

/* A mark that could not be made is made later: what has left does not come back at the next start. */
static void test_unmarked(void **state)
{
	struct journal_writer *w = journal_writer_new(&rig_settings);
	struct journal_reader *r = rig_reader(NULL);
	struct journal_entry e;

	(void)state;
	for (unsigned closing = 0; closing < 2; closing++) {
		for (unsigned i = 0; i < 5; i++) {
			assert_int_equal(rig_write(w, "a@b", 100000, NULL), 0);
			assert_int_equal(journal_next(r, &e), 1);
			the_write_error = i == 2 ? 0 : ENOSPC;
			journal_removed(r, &e.place);
			assert_true(journal_has_unmarked(r));
			journal_recycle(r);
			assert_int_equal(journal_has_unmarked(r), i != 2);
			the_write_error = 0;
		}
		if (closing == 0)
			journal_recycle(r);
		assert_int_equal(journal_has_unmarked(r), closing == 1);
		journal_reader_close(r);
		r = rig_reader(NULL);
		assert_int_equal(rig_files("incoming"), 0);
	}
	journal_reader_close(r);
	journal_writer_free(w);
}

/* A segment is not used again, nor forgotten, before all in it is marked. */
static void test_unmarked_segment(void **state)
{
	struct journal_writer *w = journal_writer_new(&rig_settings);
	struct journal_reader *r = rig_reader(NULL);
	struct journal_entry first;
	struct journal_entry e;

	(void)state;
	assert_int_equal(rig_write(w, "a@b", 1000, NULL), 0);
	assert_int_equal(journal_next(r, &first), 1);
	the_write_error = ENOSPC;
	journal_removed(r, &first.place);
	the_write_error = 0;
	for (unsigned i = 0; i < 40; i++) {
		assert_int_equal(rig_write(w, "a@b", 250000, NULL), 0);
		assert_int_equal(journal_next(r, &e), 1);
		assert_false(e.place.segment == first.place.segment &&
			     e.place.generation != first.place.generation);
		journal_removed(r, &e.place);
	}
	/* Its place is the same for those who look at the journal, too. */
	{
		_cleanup_(queue_message_closep) struct queue_message *m = NULL;

		assert_int_equal(queue_message_open_place(&first.place, false, &m, NULL), 0);
	}
	journal_recycle(r);
	assert_false(journal_has_unmarked(r));
	journal_reader_close(r);
	r = rig_reader(NULL);
	assert_int_equal(rig_files("incoming"), 0);
	journal_reader_close(r);
	journal_writer_free(w);
}

static void test_bad_places(void **state)
{
	struct journal_writer *w = journal_writer_new(&rig_settings);
	struct journal_reader *r = rig_reader(NULL);
	struct queue_message *m = NULL;
	struct journal_entry e;
	struct journal_place p;

	(void)state;
	assert_int_equal(rig_write(w, "a@b", 1000, NULL), 0);
	assert_int_equal(journal_next(r, &e), 1);
	p = e.place;
	p.segment = 77;
	assert_int_equal(queue_message_open_place(&p, false, &m, NULL), -ENOENT);
	p.segment = 100000;
	assert_int_equal(queue_message_open_place(&p, false, &m, NULL), -EINVAL);
	p = e.place;
	p.generation++;
	assert_int_equal(queue_message_open_place(&p, false, &m, NULL), -ESTALE);
	p = e.place;
	p.offset += JOURNAL_ALIGN;
	assert_int_equal(queue_message_open_place(&p, false, &m, NULL), -EINVAL);
	p = e.place;
	p.length++;
	assert_int_equal(queue_message_open_place(&p, false, &m, NULL), -EINVAL);
	p.length = UINT64_MAX;
	assert_int_equal(queue_message_open_place(&p, false, &m, NULL), -EINVAL);
	assert_null(m);
	assert_int_equal(queue_message_open_place(&e.place, true, &m, NULL), 0);
	assert_int_equal(queue_message_kill(m, 99), -EROFS);
	assert_int_equal(queue_message_mark_warned(m, 99), -EROFS);
	assert_int_equal(queue_message_mark_corrupt(m), -EROFS);
	assert_int_equal(queue_message_mark_done(m, (int64_t)e.place.length + 64), -EBADMSG);
	queue_message_close(m);
	journal_reader_close(r);
	journal_writer_free(w);
}

static void test_one_reader(void **state)
{
	struct journal_reader *r = rig_reader(NULL);
	struct journal_reader *second = NULL;
	struct journal_report report;

	(void)state;
	assert_int_equal(journal_reader_open(&rig_settings, &second, &report, NULL), -EBUSY);
	assert_int_equal(journal_replay(&rig_settings, &report, NULL), -EBUSY);
	assert_null(second);
	journal_reader_close(r);
	journal_reader_close(NULL);
}

/* Segments are used again under load, while single messages stay, and hold up nothing. */
static void test_recycling(void **state)
{
	struct journal_writer *w = journal_writer_new(&rig_settings);
	struct journal_reader *r = rig_reader(NULL);
	struct journal_entry e;
	struct journal_entry kept;
	struct stat st;
	uint32_t last = 0;

	(void)state;
	assert_int_equal(rig_write(w, "a@b", 1000, NULL), 0);
	assert_int_equal(journal_next(r, &kept), 1);
	for (unsigned i = 0; i < 100; i++) {
		assert_int_equal(rig_write(w, "a@b", 250000, NULL), 0);
		assert_int_equal(journal_next(r, &e), 1);
		assert_true(e.place.generation >= last);
		last = e.place.generation;
		journal_hold(r, &e.place);
		journal_removed(r, &e.place);
		journal_release(r, &e.place);
		assert_int_equal(journal_next(r, &e), 0);
	}
	assert_true(last > kept.place.generation + 10);
	assert_int_equal(stat("journal/0000", &st), 0);
	assert_int_equal(stat("journal/0003", &st), -1);
	assert_false(journal_is_wanted(r, &kept.place));
	journal_removed(r, &kept.place);
	/* A place of an earlier life does nothing. */
	journal_hold(r, &kept.place);
	journal_release(r, &kept.place);
	journal_removed(r, &kept.place);
	journal_reader_close(r);
	journal_writer_free(w);
}

/* Writers lack segments: one is chosen, its messages settled, and it is free again. */
static void test_wanted(void **state)
{
	struct journal_writer *w = journal_writer_new(&rig_settings);
	struct journal_reader *r = rig_reader(NULL);
	struct journal_entry e[30];
	unsigned n = 0;
	unsigned settled = 0;

	(void)state;
	while (rig_write(w, "a@b", 200000, NULL) == 0)
		assert_int_equal(journal_next(r, &e[n++]), 1);
	journal_recycle(r);
	assert_true(journal_is_wanted(r, NULL));
	for (unsigned i = 0; i < n; i++) {
		if (!journal_is_wanted(r, &e[i].place))
			continue;
		assert_int_equal(journal_settle(&rig_queues, &e[i], STR("active"), true, NULL), 0);
		journal_hold(r, &e[i].place);
		journal_settled(r, &e[i].place);
		settled++;
		journal_release(r, &e[i].place);
	}
	assert_true(settled > 0 && settled < n);
	assert_int_equal(rig_files("active"), settled);
	assert_false(journal_is_wanted(r, NULL));
	(void)usleep(110000); /* the writer's pause after it found no room */
	assert_int_equal(rig_write(w, "a@b", 200000, NULL), 0);
	journal_reader_close(r);
	journal_writer_free(w);
}

/* What could not be read is not written over: the next replay may read it. */
static void test_unreadable(void **state)
{
	struct journal_writer *w = journal_writer_new(&rig_settings);
	struct journal_reader *r = rig_reader(NULL);
	struct journal_report report;
	struct journal_entry e;

	(void)state;
	assert_int_equal(rig_write(w, "a@b", 1000, NULL), 0);
	assert_int_equal(journal_next(r, &e), 1);
	assert_int_equal(rig_write(w, "a@b", 200000, NULL), 0);
	the_read_error = EIO;
	assert_int_equal(journal_next(r, &(struct journal_entry){ 0 }), -EIO);
	the_read_error = 0;
	journal_removed(r, &e.place);
	journal_writer_free(w);
	journal_recycle(r);
	w = journal_writer_new(&rig_settings);
	assert_int_equal(rig_write(w, "c@d", 1000, NULL), 0);
	assert_int_equal(journal_next(r, &e), 1);
	assert_int_equal(e.place.segment, 1);
	journal_reader_close(r);
	r = rig_reader(&report);
	assert_int_equal(report.settled, 2);
	journal_reader_close(r);
	journal_writer_free(w);
}

/* kill -9 of a writer: what it committed is read, its segment ends, others go on. */
static void test_orphan(void **state)
{
	struct journal_reader *r = rig_reader(NULL);
	struct journal_writer *w;
	struct journal_entry e;
	pid_t pid = fork();
	int status;

	(void)state;
	if (pid == 0) {
		w = journal_writer_new(&rig_settings);
		if (rig_write(w, "a@b", 1000, NULL) != 0)
			_exit(1);
		(void)kill(getpid(), SIGKILL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(journal_next(r, &e), 1);
	journal_removed(r, &e.place);
	assert_int_equal(journal_next(r, &e), 0);
	journal_recycle(r);
	w = journal_writer_new(&rig_settings);
	assert_int_equal(rig_write(w, "a@b", 1000, NULL), 0);
	assert_int_equal(journal_next(r, &e), 1);
	assert_int_equal(e.place.segment, 0);
	journal_reader_close(r);
	journal_writer_free(w);
}

/* A reader takes over from one that died while writers went on. */
static void test_takeover(void **state)
{
	struct journal_writer *w = journal_writer_new(&rig_settings);
	struct journal_reader *r = rig_reader(NULL);
	struct journal_report report;
	struct journal_entry e;
	char id[QUEUE_ID_MAX + 1];

	(void)state;
	assert_int_equal(rig_write(w, "a@b", 1000, NULL), 0);
	journal_reader_close(r);
	r = rig_reader(&report);
	assert_int_equal(report.settled, 1);
	assert_int_equal(report.segments, 1);
	assert_int_equal(rig_write(w, "c@d", 1000, id), 0);
	assert_int_equal(journal_next(r, &e), 1);
	assert_string_equal(e.id, id);
	assert_int_equal(e.place.segment, 0);
	assert_int_equal(journal_next(r, &e), 0);
	journal_reader_close(r);
	journal_writer_free(w);
}

/* Damage in a running system: it is passed over with a note, the others are read. */
static void test_damage(void **state)
{
	struct journal_writer *w = journal_writer_new(&rig_settings);
	struct journal_reader *r = rig_reader(NULL);
	struct journal_entry e;
	char id[3][QUEUE_ID_MAX + 1];

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(rig_write(w, "a@b", 1000, id[i]), 0);
	rig_flip(0, JOURNAL_DATA + journal_record_bytes(1024) + 20);
	assert_int_equal(journal_next(r, &e), 1);
	assert_string_equal(e.id, id[0]);
	assert_int_equal(journal_next(r, &e), 1);
	assert_string_equal(e.id, id[2]);
	assert_int_equal(journal_next(r, &e), 0);
	assert_int_equal(rig_notes, 1);
	assert_int_equal(rig_files("corrupt"), 1);
	journal_reader_close(r);
	journal_writer_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_life, rig_setup, spool_teardown),
		cmocka_unit_test_setup_teardown(test_unmarked, rig_setup, spool_teardown),
		cmocka_unit_test_setup_teardown(test_unmarked_segment, rig_setup, spool_teardown),
		cmocka_unit_test_setup_teardown(test_bad_places, rig_setup, spool_teardown),
		cmocka_unit_test_setup_teardown(test_one_reader, rig_setup, spool_teardown),
		cmocka_unit_test_setup_teardown(test_recycling, rig_setup, spool_teardown),
		cmocka_unit_test_setup_teardown(test_wanted, rig_setup, spool_teardown),
		cmocka_unit_test_setup_teardown(test_unreadable, rig_setup, spool_teardown),
		cmocka_unit_test_setup_teardown(test_orphan, rig_setup, spool_teardown),
		cmocka_unit_test_setup_teardown(test_takeover, rig_setup, spool_teardown),
		cmocka_unit_test_setup_teardown(test_damage, rig_setup, spool_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
