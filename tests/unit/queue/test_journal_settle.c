/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of queue/journal_settle.c: files out of the journal.
 */
#include "journal_rig.h"

static void test_settle(void **state)
{
	struct journal_writer *w = journal_writer_new(&rig_settings);
	struct journal_reader *r = rig_reader(NULL);
	struct queue_message *m = NULL;
	struct journal_entry e;
	_cleanup_buf_ struct buf want = BUF(BUF_MEDIUM);
	_cleanup_buf_ struct buf have = BUF(BUF_MEDIUM);
	_cleanup_buf_ struct buf path = BUF(BUF_SMALL);
	struct stat st;
	int fd;

	(void)state;
	assert_int_equal(rig_write(w, "a@b", 200000, NULL), 0);
	assert_int_equal(journal_next(r, &e), 1);
	assert_int_equal(queue_message_open_place(&e.place, true, &m, NULL), 0);
	assert_int_equal(queue_message_mark_done(m, RIG_RCPT), 0);
	queue_message_close(m);
	buf_putf(&path, "active/%s", e.id);
	/* What an interrupted settling left. */
	fd = fd_open(buf_cstr(&path), O_CREAT | O_RDWR, 0600);
	assert_true(fd >= 0);
	fd_close(fd);
	assert_int_equal(journal_settle(&rig_queues, &e, STR("active"), true, NULL), 0);
	assert_int_equal(journal_settle(&rig_queues, &e, STR("active"), true, NULL), -EEXIST);
	assert_int_equal(stat(buf_cstr(&path), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(fd_read_file(buf_cstr(&path), &have), 0);
	rig_image(&want, "a@b", 200000);
	want.ptr[RIG_RCPT] = 'D';
	assert_int_equal(have.len, want.len);
	assert_memory_equal(have.ptr, want.ptr, want.len);
	e.place.generation++;
	assert_int_equal(journal_settle(&rig_queues, &e, STR("hold"), true, NULL), -ESTALE);
	e.place.segment = 9;
	assert_int_equal(journal_settle(&rig_queues, &e, STR("hold"), true, NULL), -ENOENT);
	assert_int_equal(rig_files("hold"), 0);
	journal_reader_close(r);
	journal_writer_free(w);
}

static void test_keep(void **state)
{
	struct journal_segment seg = JOURNAL_NO_SEGMENT;
	struct stat st;

	(void)state;
	assert_int_equal(journal_segment_claim(0, 5, 1 << 20, &seg), 0);
	assert_int_equal(journal_keep_gap(&rig_queues, &seg, 4096, 128, &rig_collect), 0);
	assert_int_equal(journal_keep_gap(&rig_queues, &seg, 4096, 128, &rig_collect), 0);
	assert_int_equal(stat("corrupt/journal_5_4096", &st), 0);
	assert_int_equal(st.st_size, 128);
	assert_int_equal(st.st_mode & 07777, 0400);
	assert_non_null(strstr(rig_note, "corrupt/journal_5_4096"));
	/* Beyond the end nothing can be kept, and nothing is left. */
	assert_int_equal(journal_keep_gap(&rig_queues, &seg, JOURNAL_STEP, 64, &rig_collect),
		-EBADMSG);
	assert_int_equal(rig_files("corrupt"), 1);
	journal_segment_close(&seg);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_settle, rig_setup, spool_teardown),
		cmocka_unit_test_setup_teardown(test_keep, rig_setup, spool_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
