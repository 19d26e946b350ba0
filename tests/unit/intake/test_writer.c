/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of intake/writer.c: the file before and after it is a message.
 */
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
	struct writer *w;
	struct stat st;
	struct why why;
	char path[QUEUE_PATH_MAX];

	(void)state;
	assert_int_equal(writer_open(&rig_queue, 0, &w, &why), 0);
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
	struct writer *w;
	struct why why;
	char path[QUEUE_PATH_MAX];

	(void)state;
	assert_int_equal(writer_open(&rig_queue, 0, &w, &why), 0);
	(void)snprintf(path, sizeof(path), "hold/%s", writer_id(w));
	assert_int_equal(writer_commit(w, &size, STR(QUEUE_HOLD), &why), 0);
	writer_free(w);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(count("incoming"), 0);
}

static void test_limit(void **state)
{
	struct rec_size size = { 0 };
	struct writer *w;
	struct why why;

	(void)state;
	assert_int_equal(writer_open(&rig_queue, 100, &w, &why), 0);
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
	struct writer *w;
	struct why why;

	(void)state;
	assert_int_equal(writer_open(&rig_queue, 0, &w, &why), 0);
	assert_int_equal(count("incoming"), 1);
	writer_free(w);
	assert_int_equal(count("incoming"), 0);
	writer_free(NULL);
}

/* More than one buffer: the size record is written in place. */
static void test_large(void **state)
{
	struct rec_size size = { .size = 7, .data_offset = 3 };
	_cleanup_buf_ struct buf big = BUF(BUF_MEDIUM);
	_cleanup_buf_ struct buf bytes = BUF(BUF_MEDIUM);
	struct rec_size got;
	struct writer *w;
	struct why why;
	char path[QUEUE_PATH_MAX];

	(void)state;
	for (int i = 0; i < 100000; i++)
		buf_puts(&big, "0123456789");
	assert_int_equal(writer_open(&rig_queue, 0, &w, &why), 0);
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

RIG_MAIN(cmocka_unit_test(test_commit), cmocka_unit_test(test_hold), cmocka_unit_test(test_limit),
	cmocka_unit_test(test_cancel), cmocka_unit_test(test_large));
