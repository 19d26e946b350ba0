/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of queue/journal_segment.c: claiming, growing, who holds it, broken headers.
 */
#include "journal_rig.h"

static void test_claim(void **state)
{
	struct journal_segment a = JOURNAL_NO_SEGMENT;
	struct journal_segment b = JOURNAL_NO_SEGMENT;
	struct stat st;

	(void)state;
	assert_int_equal(journal_segment_open(3, O_RDONLY, &b), -ENOENT);
	assert_int_equal(journal_segment_claim(3, 7, 16 << 20, &a), 0);
	assert_int_equal(stat("journal/0003", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_size, JOURNAL_STEP);
	assert_true(st.st_blocks * 512 >= (blkcnt_t)JOURNAL_STEP);
	/* Two writers on a segment. */
	assert_int_equal(journal_segment_claim(3, 8, 16 << 20, &b), -EBUSY);
	assert_int_equal(journal_segment_open(3, O_RDONLY, &b), 0);
	assert_int_equal(b.generation, 7);
	assert_int_equal(b.size, 16 << 20);
	assert_true(b.tag == a.tag);
	assert_true(journal_segment_has_writer(&b));
	journal_segment_close(&a);
	assert_false(journal_segment_has_writer(&b));
	journal_segment_close(&b);
	assert_int_equal(journal_segment_claim(3, 8, 1 << 20, &a), 0);
	assert_int_equal(a.generation, 8);
	assert_int_equal(a.allocated, JOURNAL_STEP);
	journal_segment_close(&a);
}

static void test_grow(void **state)
{
	struct journal_segment a = JOURNAL_NO_SEGMENT;

	(void)state;
	assert_int_equal(journal_segment_claim(0, 1, 6 << 20, &a), 0);
	assert_int_equal(journal_segment_grow(&a, 4 << 20), 0);
	assert_int_equal(a.allocated, 4 << 20);
	assert_int_equal(journal_segment_grow(&a, (4 << 20) + 1), 0);
	assert_int_equal(a.allocated, 6 << 20);
	assert_int_equal(journal_segment_grow(&a, 6 << 20), 0);
	assert_int_equal(journal_segment_grow(&a, (6 << 20) + 1), -EFBIG);
	journal_segment_close(&a);
}

/* One copy of the header is enough; without both the segment is not read. */
static void test_header_copies(void **state)
{
	struct journal_segment a = JOURNAL_NO_SEGMENT;
	int fd;

	(void)state;
	assert_int_equal(journal_segment_claim(0, 1, 6 << 20, &a), 0);
	journal_segment_close(&a);
	rig_flip(0, 20);
	assert_int_equal(journal_segment_open(0, O_RDONLY, &a), 0);
	journal_segment_close(&a);
	rig_flip(0, JOURNAL_HEADER_COPY + 20);
	assert_int_equal(journal_segment_open(0, O_RDONLY, &a), -EBADMSG);
	fd = fd_open("journal/0001", O_CREAT | O_RDWR, 0600);
	assert_true(fd >= 0);
	assert_int_equal(journal_segment_open(1, O_RDONLY, &a), -ENODATA);
	assert_int_equal(ftruncate(fd, 100000), 0);
	assert_int_equal(journal_segment_open(1, O_RDONLY, &a), -ENODATA);
	fd_close(fd);
	assert_int_equal(symlink("0000", "journal/0002"), 0);
	assert_int_equal(journal_segment_open(2, O_RDONLY, &a), -EBADMSG);
	assert_int_equal(mkdir("journal/0004", 0700), 0);
	assert_int_equal(journal_segment_open(4, O_RDONLY, &a), -EBADMSG);
	assert_int_equal(journal_segment_claim(4, 1, 6 << 20, &a), -EBADMSG);
	assert_int_equal(mkfifo("journal/0005", 0600), 0);
	assert_int_equal(journal_segment_open(5, O_RDONLY, &a), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_claim, rig_setup, spool_teardown),
		cmocka_unit_test_setup_teardown(test_grow, rig_setup, spool_teardown),
		cmocka_unit_test_setup_teardown(test_header_copies, rig_setup, spool_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
