/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of queue/message.c: which files are taken, and marks in place.
 */
#include "queue/message.h"

#include <errno.h>
#include <fcntl.h>

#include "base/fd.h"
#include "spool.h"

/* A file in active/ with an attribute, a warning time and a recipient; offsets are returned. */
static void write_file(const char *path, int64_t *attr, int64_t *warn, int64_t *rcpt)
{
	_cleanup_buf_ struct buf b = BUF(BUF_SMALL);
	int fd = fd_open(path, O_CREAT | O_WRONLY, 0700);

	assert_true(fd >= 0);
	rec_put_size(&b, &(struct rec_size){ 1, 2, 3, 0, 0, 0 });
	*attr = (int64_t)b.len;
	assert_int_equal(rec_put_attr(&b, "trace_flags", STR("1024")), 0);
	*warn = (int64_t)b.len;
	assert_int_equal(rec_putf(&b, REC_WARN, "%15ld", 1795247613L), 0);
	*rcpt = (int64_t)b.len;
	assert_int_equal(rec_put(&b, REC_RCPT, STR("a@b")), 0);
	assert_int_equal(fd_write_all(fd, buf_str(&b)), 0);
	fd_close(fd);
}

static void test_marks(void **state)
{
	_cleanup_(queue_message_closep) struct queue_message *m = NULL;
	_cleanup_buf_ struct buf b = BUF(BUF_SMALL);
	int64_t attr;
	int64_t warn;
	int64_t rcpt;

	(void)state;
	write_file("active/ABC", &attr, &warn, &rcpt);
	assert_int_equal(queue_message_open(NULL, STR("active"), STR("ABC"), true, &m, NULL), 0);
	assert_int_equal(queue_message_mode(m), 0700);
	assert_int_equal(queue_message_size(m), rcpt + 5);
	assert_true(queue_message_mtime(m) > 0);
	assert_int_equal(queue_message_mark_done(m, -1), 0);
	assert_int_equal(queue_message_mark_done(m, 0), -EBADMSG);
	assert_int_equal(queue_message_mark_done(m, attr), -EBADMSG);
	assert_int_equal(queue_message_mark_done(m, 100000), -EBADMSG);
	assert_int_equal(queue_message_mark_done(m, rcpt), 0);
	assert_int_equal(queue_message_mark_done(m, rcpt), 0);
	assert_int_equal(queue_message_kill(m, rcpt), -EBADMSG);
	assert_int_equal(queue_message_kill(m, attr), 0);
	assert_int_equal(queue_message_mark_warned(m, rcpt), -EBADMSG);
	assert_int_equal(queue_message_mark_warned(m, warn), 0);
	assert_int_equal(queue_message_mark_corrupt(m), 0);
	assert_int_equal(fd_read_file("active/ABC", &b), 0);
	assert_int_equal(b.ptr[rcpt], 'D');
	assert_int_equal(b.ptr[attr], 'K');
	assert_memory_equal(b.ptr + warn, "W\x0f             -1", 17);
	assert_memory_equal(b.ptr + rcpt,
		"D\x03"
		"a@b",
		5);
}

static void test_refusals(void **state)
{
	struct queue_message *m = NULL;
	struct why why;
	int64_t unused;

	(void)state;
	write_file("active/ABC", &unused, &unused, &unused);
	assert_int_equal(link("active/ABC", "active/SECOND"), 0);
	assert_int_equal(symlink("ABC", "active/LINK"), 0);
	assert_int_equal(mkdir("active/DIR", 0700), 0);
	assert_int_equal(queue_message_open(NULL, STR("active"), STR("SECOND"), false, &m, &why),
		-EINVAL);
	assert_string_equal(why.text, "file has 2 hard links");
	assert_int_equal(queue_message_open(NULL, STR("active"), STR("LINK"), false, &m, &why),
		-ELOOP);
	assert_int_equal(queue_message_open(NULL, STR("active"), STR("DIR"), false, &m, &why),
		-EINVAL);
	assert_int_equal(queue_message_open(NULL, STR("active"), STR("NONE"), false, &m, &why),
		-ENOENT);
	assert_null(m);
	queue_message_close(NULL);
}

/* Bytes in memory: to be read only, and not beyond their end. */
static void test_bytes(void **state)
{
	static const char text[] = "R\x03"
				   "a@b"
				   "E\x00"
				   "x";
	struct queue_message *m = queue_message_of_bytes(str_from(text, sizeof(text) - 2));
	struct queue_reader rd;
	struct str data;

	(void)state;
	assert_int_equal(queue_message_size(m), 7);
	queue_reader_init(&rd, m, 0, false);
	assert_int_equal(queue_reader_next(&rd, &data), REC_RCPT);
	assert_true(str_eq(data, STR("a@b")));
	assert_int_equal(queue_reader_next(&rd, &data), REC_END);
	assert_int_equal(queue_reader_next(&rd, &data), 0);
	queue_reader_seek(&rd, 100);
	assert_int_equal(queue_reader_next(&rd, &data), 0);
	queue_reader_done(&rd);
	assert_true(queue_message_mark_done(m, 5) < 0);
	queue_message_close(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_marks, spool_setup, spool_teardown),
		cmocka_unit_test_setup_teardown(test_refusals, spool_setup, spool_teardown),
		cmocka_unit_test(test_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
