/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of intake/writer.c: the file before and after it is a message.
 */
#include "queue/message.h"
#include "rig.h"

static int count(const char *dir)
{
	struct queue_scan *scan;
	struct str id;
	int n = 0;

	assert_int_equal(queue_scan_open(str_of(dir), &scan), 0);
	while (queue_scan_next(scan, &id) > 0)
		n++;
	queue_scan_close(scan);
	return n;
}

static void test_commit(void **state)
{
	struct rec_size size = { .size = 5, .data_offset = 99 };
	struct writer *w = writer_new();
	struct stat st;
	struct why why;
	char path[QUEUE_PATH_MAX];

	(void)state;
	assert_int_equal(writer_open(w, &rig_queue, NULL, 0, &why), 0);
	(void)snprintf(path, sizeof(path), "incoming/%s", writer_id(w));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(writer_offset(w), 97);
	writer_put(w, REC_NORM, STR("abc"));
	assert_int_equal(writer_offset(w), 102);
	assert_int_equal(writer_flush(w), 0);
	writer_put(w, REC_END, STR_EMPTY);
	assert_int_equal(writer_commit(w, &size, STR(QUEUE_INCOMING), &why), 0);
	writer_free(w);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(st.st_size, 104);
	assert_int_equal(unlink(path), 0);
}

static void test_hold(void **state)
{
	struct rec_size size = { 0 };
	struct writer *w = writer_new();
	struct why why;
	char path[QUEUE_PATH_MAX];

	(void)state;
	assert_int_equal(writer_open(w, &rig_queue, NULL, 0, &why), 0);
	(void)snprintf(path, sizeof(path), "hold/%s", writer_id(w));
	assert_int_equal(writer_commit(w, &size, STR(QUEUE_HOLD), &why), 0);
	writer_free(w);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(count("incoming"), 0);
}

static void test_limit(void **state)
{
	struct rec_size size = { 0 };
	struct writer *w = writer_new();
	struct why why;

	(void)state;
	assert_int_equal(writer_open(w, &rig_queue, NULL, 100, &why), 0);
	writer_put(w, REC_NORM, STR("a"));
	assert_int_equal(writer_error(w), 0);
	writer_put(w, REC_NORM, STR_EMPTY);
	assert_int_equal(writer_error(w), -EFBIG);
	assert_int_equal(writer_flush(w), 0);
	assert_int_equal(writer_commit(w, &size, STR(QUEUE_INCOMING), &why), -EFBIG);
	assert_int_equal(count("incoming"), 0);
	writer_free(w);
}

/* A message that is given up leaves nothing. */
static void test_cancel(void **state)
{
	struct writer *w = writer_new();
	struct why why;

	(void)state;
	assert_int_equal(writer_open(w, &rig_queue, NULL, 0, &why), 0);
	assert_int_equal(count("incoming"), 1);
	writer_free(w);
	assert_int_equal(count("incoming"), 0);
	writer_free(NULL);
}

/* One after the other: the file, the offset and the error of one are not the next one's. */
static void test_next(void **state)
{
	struct rec_size size = { 0 };
	struct writer *w = writer_new();
	struct why why;
	char path[QUEUE_PATH_MAX];

	(void)state;
	writer_close(w);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(writer_open(w, &rig_queue, NULL, 100, &why), 0);
		assert_int_equal(writer_offset(w), 97);
		writer_put(w, REC_NORM, STR("abcdef"));
		assert_int_equal(writer_error(w), -EFBIG);
		assert_int_equal(writer_flush(w), 0);
		assert_int_equal(count("incoming"), 1); /* opening closes */
	}
	assert_int_equal(writer_open(w, &rig_queue, NULL, 0, &why), 0);
	assert_int_equal(writer_error(w), 0);
	(void)snprintf(path, sizeof(path), "incoming/%s", writer_id(w));
	assert_int_equal(writer_commit(w, &size, STR(QUEUE_INCOMING), &why), 0);
	writer_close(w);
	assert_int_equal(count("incoming"), 1);
	assert_int_equal(unlink(path), 0);
	writer_free(w);
}

/* More than one buffer: the size record is written in place. */
static void test_large(void **state)
{
	struct rec_size size = { .size = 7, .data_offset = 3 };
	_cleanup_buf_ struct buf big = BUF(BUF_MEDIUM);
	_cleanup_buf_ struct buf bytes = BUF(BUF_MEDIUM);
	struct rec_size got;
	struct writer *w = writer_new();
	struct why why;
	char path[QUEUE_PATH_MAX];

	(void)state;
	for (int i = 0; i < 100000; i++)
		buf_puts(&big, "0123456789");
	assert_int_equal(writer_open(w, &rig_queue, NULL, 0, &why), 0);
	(void)snprintf(path, sizeof(path), "incoming/%s", writer_id(w));
	writer_put(w, REC_NORM, buf_str(&big));
	writer_put(w, REC_NORM, buf_str(&big));
	assert_int_equal(writer_commit(w, &size, STR(QUEUE_INCOMING), &why), 0);
	writer_free(w);
	assert_int_equal(fd_read_file(path, &bytes), 0);
	assert_int_equal(bytes.len, 97 + 2 * (1 + 3 + 1000000));
	assert_int_equal(rec_parse_size(str_from(bytes.ptr + 2, 95), &got), 0);
	assert_int_equal(got.size, 7);
	assert_int_equal(unlink(path), 0);
}

static const struct journal_settings journal = {
	.queues = &rig_queue,
	.segment_size = 1 << 20,
	.limit = 1 << 20,
	.message_limit = 2000,
};

/* Begin a message in a journal that has a reader. */
static struct writer *young(struct journal_reader **r, struct journal_writer **j)
{
	struct journal_report report;
	struct writer *w = writer_new();
	struct why why = { "" };

	if (journal_reader_open(&journal, r, &report, &why) < 0)
		fail_msg("%s", why.text);
	*j = journal_writer_new(&journal);
	assert_int_equal(writer_open(w, &rig_queue, *j, 0, &why), 0);
	assert_int_equal(count("incoming"), 0);
	return w;
}

static void end(struct journal_reader *r, struct journal_writer *j)
{
	journal_reader_close(r);
	journal_writer_free(j);
	assert_int_equal(unlink("journal/0000"), 0);
	assert_int_equal(unlink("journal/state"), 0);
}

static void test_young(void **state)
{
	struct rec_size size = { .size = 5, .data_offset = 99 };
	struct journal_reader *r;
	struct journal_writer *j;
	struct writer *w = young(&r, &j);
	struct journal_entry e;
	struct queue_message *m;
	struct queue_reader rd;
	struct str data;
	struct why why;

	(void)state;
	writer_put(w, REC_NORM, STR("abc"));
	writer_put(w, REC_END, STR_EMPTY);
	assert_int_equal(writer_commit(w, &size, STR(QUEUE_INCOMING), &why), 0);
	assert_true(writer_is_journaled(w));
	assert_int_equal(count("incoming"), 0);
	assert_int_equal(journal_next(r, &e), 1);
	assert_string_equal(e.id, writer_id(w));
	assert_int_equal(e.place.length, 104);
	assert_int_equal(queue_message_open_place(&e.place, false, &m, &why), 0);
	queue_reader_init(&rd, m, 0, false);
	assert_int_equal(queue_reader_next(&rd, &data), REC_SIZE);
	assert_true(str_starts(data, STR("              5              99")));
	queue_reader_done(&rd);
	queue_message_close(m);
	journal_removed(r, &e.place);
	writer_free(w);
	end(r, j);
}

enum reason {
	LONG,
	FLUSHED,
	HELD,
	DONE,
	NO_READER,
	REASONS
};

/* A message that cannot be in the journal is a file with the id that was told. */
static void test_becomes_file(void **state)
{
	(void)state;
	for (enum reason why_file = LONG; why_file < REASONS; why_file++) {
		struct rec_size size = { .size = 5, .data_offset = 99 };
		const char *queue = why_file == HELD ? QUEUE_HOLD : QUEUE_INCOMING;
		_cleanup_buf_ struct buf bytes = BUF(BUF_MEDIUM);
		char text[2001];
		char path[QUEUE_PATH_MAX];
		struct journal_reader *r;
		struct journal_writer *j;
		struct writer *w = young(&r, &j);
		struct stat st;
		struct why why;

		memset(text, 'x', sizeof(text));
		writer_put(w, why_file == DONE ? REC_DONE : REC_RCPT, STR("a@b"));
		if (why_file == FLUSHED)
			assert_int_equal(writer_flush(w), 0);
		if (why_file == LONG)
			writer_put(w, REC_NORM, str_from(text, sizeof(text)));
		if (why_file == NO_READER)
			journal_reader_close(TAKE(r));
		assert_int_equal(count("incoming"),
			why_file == FLUSHED || why_file == LONG || why_file == DONE);
		writer_put(w, REC_END, STR_EMPTY);
		assert_int_equal(writer_commit(w, &size, str_of(queue), &why), 0);
		assert_false(writer_is_journaled(w));
		(void)snprintf(path, sizeof(path), "%s/%s", queue, writer_id(w));
		writer_free(w);
		if (stat(path, &st) < 0 || (st.st_mode & 07777) != 0700)
			fail_msg("case %d: no %s", why_file, path);
		assert_int_equal(fd_read_file(path, &bytes), 0);
		assert_int_equal(bytes.len, 97 + 5 + 2 + (why_file == LONG ? 3 + sizeof(text) : 0));
		assert_int_equal(unlink(path), 0);
		end(r, j);
	}
}

static void test_young_cancel(void **state)
{
	struct rec_size size = { 0 };
	struct journal_reader *r;
	struct journal_writer *j;
	struct writer *w = young(&r, &j);
	struct journal_entry e;
	struct why why;

	(void)state;
	writer_put(w, REC_NORM, STR("abc"));
	writer_remove(w);
	writer_close(w);
	/* Over the limit of a message: refused, and the bounce's reader finds what fits. */
	assert_int_equal(writer_open(w, &rig_queue, j, 100, &why), 0);
	writer_put(w, REC_NORM, STR("abcdef"));
	assert_int_equal(writer_error(w), -EFBIG);
	assert_int_equal(writer_flush(w), 0);
	assert_int_equal(count("incoming"), 1);
	assert_int_equal(writer_commit(w, &size, STR(QUEUE_INCOMING), &why), -EFBIG);
	writer_free(w);
	assert_int_equal(count("incoming"), 0);
	assert_int_equal(journal_next(r, &e), 0);
	end(r, j);
}

RIG_MAIN(cmocka_unit_test(test_commit), cmocka_unit_test(test_hold), cmocka_unit_test(test_limit),
	cmocka_unit_test(test_cancel), cmocka_unit_test(test_next), cmocka_unit_test(test_large),
	cmocka_unit_test(test_young), cmocka_unit_test(test_becomes_file),
	cmocka_unit_test(test_young_cancel));
