/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of queue/journal_replay.c: after crashes, damage, and anything else.
 */
#include "journal_rig.h"

static struct journal_report report;

/* Write n messages and go away as after a crash: nothing is marked. */
static void fill(unsigned n, char id[][QUEUE_ID_MAX + 1])
{
	struct journal_writer *w = journal_writer_new(&rig_settings);
	struct journal_reader *r = rig_reader(NULL);

	for (unsigned i = 0; i < n; i++)
		assert_int_equal(rig_write(w, "a@b", 1000, id == NULL ? NULL : id[i]), 0);
	journal_reader_close(r);
	journal_writer_free(w);
}

static void replay(void)
{
	struct why why = { "" };

	if (journal_replay(&rig_settings, &report, &why) < 0)
		fail_msg("%s", why.text);
}

static uint64_t record(unsigned i)
{
	return JOURNAL_DATA + i * journal_record_bytes(1024);
}

static void test_empty(void **state)
{
	(void)state;
	replay();
	assert_int_equal(report.settled + report.segments + report.torn, 0);
	assert_int_equal(rmdir("journal"), -1);
}

static void test_twice(void **state)
{
	(void)state;
	fill(3, NULL);
	replay();
	assert_int_equal(report.settled, 3);
	assert_int_equal(report.torn + report.known + report.damaged, 0);
	assert_int_equal(report.segments, 1);
	assert_int_equal(rig_files("incoming"), 3);
	replay();
	assert_int_equal(report.settled, 0);
	assert_int_equal(rig_notes, 0);
}

/* The mark was lost in a crash: the message is a file somewhere, done recipients and all. */
static void test_known(void **state)
{
	static const char *const queues[] = { "incoming", "active", "deferred", "hold", "maildrop",
		"corrupt" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(queues); i++) {
		char id[1][QUEUE_ID_MAX + 1];
		char from[600];
		char to[600];
		struct journal_segment seg = JOURNAL_NO_SEGMENT;

		fill(1, id);
		replay();
		assert_int_equal(report.settled, 1);
		(void)snprintf(from, sizeof(from), "incoming/%s", id[0]);
		(void)snprintf(to, sizeof(to), "%s/%s", queues[i], id[0]);
		assert_int_equal(rename(from, to), 0);
		assert_int_equal(journal_segment_open(0, O_RDWR, &seg), 0);
		assert_int_equal(journal_segment_mark(&seg, record(0) + 64, JOURNAL_LIVE), 0);
		journal_segment_close(&seg);
		replay();
		if (report.known != 1 || report.settled != 0)
			fail_msg("%s: %zu known, %zu settled", queues[i], report.known,
				report.settled);
		assert_int_equal(unlink(to), 0);
	}
}

/* A file that was named but not flushed before the crash is not the message. */
static void test_unflushed_file(void **state)
{
	static const struct {
		const char *queue;
		off_t size;
		mode_t mode;
	} cases[] = {
		{ "incoming", 0, 0700 },
		{ "incoming", 1005, 0700 },
		{ "incoming", 2000, 0700 }, /* all zeros */
		{ "active", 500, 0700 },
		{ "active", 0, 0600 },
		{ "deferred", 100000, 0600 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		_cleanup_buf_ struct buf b = BUF(BUF_MEDIUM);
		char id[1][QUEUE_ID_MAX + 1];
		char path[600];
		int fd;

		fill(1, id);
		(void)snprintf(path, sizeof(path), "%s/%s", cases[i].queue, id[0]);
		fd = fd_open(path, O_CREAT | O_RDWR, cases[i].mode);
		assert_true(fd >= 0);
		assert_int_equal(ftruncate(fd, cases[i].size), 0);
		fd_close(fd);
		replay();
		if (report.settled != 1 || report.known != 0)
			fail_msg("case %zu", i);
		(void)snprintf(path, sizeof(path), "incoming/%s", id[0]);
		assert_int_equal(fd_read_file(path, &b), 0);
		assert_int_equal(b.len, 1006);
		assert_int_equal(rig_files("incoming") + rig_files("active") +
					 rig_files("deferred"),
			1);
		assert_int_equal(unlink(path), 0);
	}
}

static void test_flipped_image(void **state)
{
	char id[4][QUEUE_ID_MAX + 1];

	(void)state;
	fill(4, id);
	rig_flip(0, record(1) + 64 + 300);
	replay();
	assert_int_equal(report.settled, 3);
	assert_int_equal(report.damaged, 1);
	assert_int_equal(report.torn, 0);
	assert_int_equal(rig_notes, 1);
	assert_non_null(strstr(rig_note, id[1]));
	assert_int_equal(rig_files("corrupt"), 1);
	replay();
	assert_int_equal(report.settled + report.damaged, 0);
}

static void test_flipped_head(void **state)
{
	for (uint64_t i = 0; i < 60; i += 4) {
		fill(4, NULL);
		rig_flip(0, record(2) + i);
		replay();
		if (report.settled != 3 || report.damaged != 1 || report.torn != 0)
			fail_msg("byte %llu: %zu settled, %zu damaged", (unsigned long long)i,
				report.settled, report.damaged);
		assert_int_equal(spool_teardown(state), 0);
		assert_int_equal(rig_setup(state), 0);
	}
}

/* A state that no one writes counts as live. */
static void test_flipped_state(void **state)
{
	(void)state;
	fill(2, NULL);
	rig_flip(0, record(0) + offsetof(struct journal_head, state));
	replay();
	assert_int_equal(report.settled, 2);
}

/* The end of the last group: cut anywhere, the others are there. */
static void test_torn(void **state)
{
	static const uint64_t cuts[] = { 1, 8, 63, 64, 100, 512, 1000, 1068 };

	for (size_t i = 0; i < ARRAY_LEN(cuts); i++) {
		fill(3, NULL);
		/* What was there before are zeros; a head that is whole is seen as such. */
		int fd = fd_open("journal/0000", O_RDWR, 0);
		char zeros[2048] = { 0 };
		uint64_t from = record(2) + cuts[i];

		assert_int_equal(pwrite(fd, zeros, sizeof(zeros), (off_t)from), sizeof(zeros));
		fd_close(fd);
		replay();
		if (report.settled != 2 || report.damaged != 0 || report.torn != (cuts[i] > 8))
			fail_msg("cut at %llu: %zu settled, %zu torn", (unsigned long long)cuts[i],
				report.settled, report.torn);
		assert_int_equal(spool_teardown(state), 0);
		assert_int_equal(rig_setup(state), 0);
	}
}

static void test_zero_filled(void **state)
{
	int fd;

	(void)state;
	fill(2, NULL);
	fd = fd_open("journal/0001", O_CREAT | O_RDWR, 0600);
	assert_int_equal(ftruncate(fd, 1 << 20), 0);
	fd_close(fd);
	replay();
	assert_int_equal(report.settled, 2);
	assert_int_equal(report.torn + report.damaged, 0);
	fill(1, NULL);
	replay();
	assert_int_equal(report.settled, 1);
}

static void test_no_header(void **state)
{
	(void)state;
	fill(2, NULL);
	rig_flip(0, 9);
	replay();
	assert_int_equal(report.settled, 2);
	fill(2, NULL);
	rig_flip(0, 9);
	rig_flip(0, JOURNAL_HEADER_COPY + 9);
	replay();
	assert_int_equal(report.settled, 0);
	assert_int_equal(report.damaged, 1);
	assert_int_equal(rig_files("corrupt"), 1);
	assert_int_equal(access("journal/0000", F_OK), -1);
	fill(1, NULL);
	replay();
	assert_int_equal(report.settled, 1);
}

/* Nowhere to settle to: it stays in the journal, and is taken the next time. */
static void test_no_incoming(void **state)
{
	struct journal_reader *r = NULL;
	struct why why;

	(void)state;
	fill(3, NULL);
	assert_int_equal(rename("incoming", "away"), 0);
	assert_int_equal(symlink("nowhere", "incoming"), 0);
	assert_true(journal_replay(&rig_settings, &report, &why) < 0);
	assert_true(journal_reader_open(&rig_settings, &r, &report, &why) < 0);
	assert_null(r);
	assert_int_equal(unlink("incoming"), 0);
	assert_int_equal(rename("away", "incoming"), 0);
	replay();
	assert_int_equal(report.settled, 3);
}

/* Generations only grow, and begin anew before they run out. */
static void test_generations(void **state)
{
	static const struct {
		uint32_t generation;
		bool anew;
	} cases[] = { { 5, false }, { 0x80000000U, false }, { 0xf0000000U, true },
		{ UINT32_MAX, true } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct journal_segment seg = JOURNAL_NO_SEGMENT;
		struct journal_writer *w = journal_writer_new(&rig_settings);
		struct journal_reader *r;
		struct journal_entry e;

		assert_int_equal(journal_segment_claim(0, cases[i].generation, 1 << 20, &seg), 0);
		journal_segment_close(&seg);
		r = rig_reader(NULL);
		assert_int_equal(rig_write(w, "a@b", 1000, NULL), 0);
		assert_int_equal(journal_next(r, &e), 1);
		journal_removed(r, &e.place);
		if ((e.place.generation < cases[i].generation) != cases[i].anew)
			fail_msg("after %u came %u", cases[i].generation, e.place.generation);
		journal_reader_close(r);
		journal_writer_free(w);
		assert_int_equal(spool_teardown(state), 0);
		assert_int_equal(rig_setup(state), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_empty, rig_setup, spool_teardown),
		cmocka_unit_test_setup_teardown(test_twice, rig_setup, spool_teardown),
		cmocka_unit_test_setup_teardown(test_known, rig_setup, spool_teardown),
		cmocka_unit_test_setup_teardown(test_unflushed_file, rig_setup, spool_teardown),
		cmocka_unit_test_setup_teardown(test_flipped_image, rig_setup, spool_teardown),
		cmocka_unit_test_setup_teardown(test_flipped_head, rig_setup, spool_teardown),
		cmocka_unit_test_setup_teardown(test_flipped_state, rig_setup, spool_teardown),
		cmocka_unit_test_setup_teardown(test_torn, rig_setup, spool_teardown),
		cmocka_unit_test_setup_teardown(test_zero_filled, rig_setup, spool_teardown),
		cmocka_unit_test_setup_teardown(test_no_header, rig_setup, spool_teardown),
		cmocka_unit_test_setup_teardown(test_no_incoming, rig_setup, spool_teardown),
		cmocka_unit_test_setup_teardown(test_generations, rig_setup, spool_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
