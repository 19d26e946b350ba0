/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of queue/journal_write.c: ids, groups of threads, what happens without reader, room, disk.
 */
#include "journal_rig.h"

#include <pthread.h>
#include <sys/syscall.h>
#include <sys/uio.h>

/* Faults of the disk: these stand before the C library's. */
static int the_sync_error;
static int the_sync_countdown; /* calls that still succeed */
static unsigned the_syncs;
static int the_write_error;

/* 1: the next flush says 2 and waits until this is 0. */
static int the_gate;

int fdatasync(int fd)
{
	int closed = 1;

	if (__atomic_compare_exchange_n(&the_gate, &closed, 2, false, __ATOMIC_SEQ_CST,
		    __ATOMIC_SEQ_CST))
		while (__atomic_load_n(&the_gate, __ATOMIC_SEQ_CST) != 0)
			(void)usleep(1000);
	__atomic_add_fetch(&the_syncs, 1, __ATOMIC_SEQ_CST);
	if (the_sync_error != 0 && the_sync_countdown-- <= 0) {
		errno = the_sync_error;
		the_sync_error = 0;
		return -1;
	}
	return (int)syscall(SYS_fdatasync, fd);
}

ssize_t pwritev(int fd, const struct iovec *v, int n, off_t offset)
{
	if (the_write_error != 0) {
		errno = the_write_error;
		the_write_error = 0;
		return -1;
	}
	/* In pieces, as the kernel may do it. */
	return (ssize_t)syscall(SYS_pwritev, fd, v, n > 2 ? 2 : n, offset, 0);
}

/* A clock that stands still at a second, and goes back when it is told to. */
static int64_t the_clock;

int gettimeofday(struct timeval *tv, void *zone)
{
	struct timespec now;

	(void)zone;
	(void)clock_gettime(CLOCK_REALTIME, &now);
	tv->tv_sec = the_clock != 0 ? the_clock : now.tv_sec;
	tv->tv_usec = the_clock != 0 ? 999990 : now.tv_nsec / 1000;
	return 0;
}

static int setup(void **state)
{
	the_clock = 0;
	the_sync_error = 0;
	the_sync_countdown = 0;
	the_write_error = 0;
	return rig_setup(state);
}

static void test_needs_reader(void **state)
{
	struct journal_writer *w = journal_writer_new(&rig_settings);
	struct journal_reader *r;
	struct journal_entry e;
	struct queue_file f;
	char id[QUEUE_ID_MAX + 1];

	(void)state;
	assert_int_equal(journal_reserve(w, &f), -EAGAIN);
	r = rig_reader(NULL);
	assert_int_equal(rig_write(w, "a@b", 1000, id), 0);
	assert_int_equal(journal_next(r, &e), 1);
	assert_string_equal(e.id, id);
	assert_int_equal(journal_next(r, &e), 0);
	/* The reader goes away between reserving and committing. */
	assert_int_equal(journal_reserve(w, &f), 0);
	journal_reader_close(r);
	assert_int_equal(journal_commit(w, &f, STR("x"), NULL), -EAGAIN);
	assert_int_equal(journal_reserve(w, &f), -EAGAIN);
	journal_writer_free(w);
	journal_writer_free(NULL);
	assert_int_equal(rig_notes, 0);
}

/* Wherever the clock stands or goes, an id does not come again, also not from the next process. */
static void test_clock(void **state)
{
	static char seen[400][QUEUE_ID_MAX + 1];
	struct journal_reader *r = rig_reader(NULL);
	size_t n = 0;

	(void)state;
	for (unsigned process = 0; process < 4; process++) {
		struct journal_writer *w = journal_writer_new(&rig_settings);

		the_clock = 1795247613 - (int64_t)(process / 2) * 3600;
		for (unsigned i = 0; i < 100; i++) {
			struct queue_file f;

			the_clock -= i == 50;
			assert_int_equal(journal_reserve(w, &f), 0);
			(void)snprintf(seen[n++], sizeof(seen[0]), "%.31s", f.id);
		}
		journal_writer_free(w);
		journal_recycle(r);
	}
	qsort(seen, n, sizeof(seen[0]), (int (*)(const void *, const void *))strcmp);
	for (size_t i = 1; i < n; i++)
		if (strcmp(seen[i - 1], seen[i]) == 0)
			fail_msg("%s twice", seen[i]);
	journal_reader_close(r);
}

/* The header of a new segment cannot be flushed: no message was there yet, files do. */
static void test_claim_fails(void **state)
{
	struct journal_writer *w = journal_writer_new(&rig_settings);
	struct journal_reader *r = rig_reader(NULL);
	struct queue_file f;

	(void)state;
	the_sync_error = EIO;
	the_sync_countdown = 1; /* behind the growing */
	assert_int_equal(journal_reserve(w, &f), -EAGAIN);
	assert_non_null(strstr(rig_note, "messages are written to files"));
	assert_int_equal(journal_reserve(w, &f), -EAGAIN);
	assert_int_equal(rig_notes, 1);
	journal_writer_free(w);
	/* Another process takes another segment; the one that failed is removed. */
	w = journal_writer_new(&rig_settings);
	assert_int_equal(rig_write(w, "a@b", 500, NULL), 0);
	assert_int_equal(access("journal/0001", F_OK), 0);
	journal_recycle(r);
	assert_int_equal(access("journal/0000", F_OK), -1);
	journal_reader_close(r);
	journal_writer_free(w);
}

static void test_ids(void **state)
{
	static char seen[3000][QUEUE_ID_MAX + 1];
	struct journal_writer *w = journal_writer_new(&rig_settings);
	struct journal_reader *r = rig_reader(NULL);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(seen); i++) {
		struct queue_id_parts parts;
		struct queue_file f;

		assert_int_equal(journal_reserve(w, &f), 0);
		assert_int_equal(queue_id_parse(str_of(f.id), &parts), 0);
		assert_true(parts.inode > JOURNAL_INODE_BASE);
		assert_int_equal(parts.sec, f.created.tv_sec);
		assert_int_equal(parts.usec, f.created.tv_usec);
		(void)snprintf(seen[i], sizeof(seen[i]), "%s", f.id);
	}
	qsort(seen, ARRAY_LEN(seen), sizeof(seen[0]), (int (*)(const void *, const void *))strcmp);
	for (size_t i = 1; i < ARRAY_LEN(seen); i++)
		if (strcmp(seen[i - 1], seen[i]) == 0)
			fail_msg("%s twice", seen[i]);
	journal_reader_close(r);
	journal_writer_free(w);
}

/* Microseconds are never given out twice in a generation, wherever the clock stands; then a new one begins. */
static void test_short_ids_run_out(void **state)
{
	static const struct queue_settings short_ids = { .hash_depth = 1 };
	struct journal_settings s = rig_settings;
	static unsigned char seen[1000000];
	struct journal_writer *w;
	struct journal_reader *r = rig_reader(NULL);
	uint64_t first = 0;
	unsigned files = 0;

	(void)state;
	s.queues = &short_ids;
	w = journal_writer_new(&s);
	for (unsigned i = 0; i < 1000000; i++) {
		struct queue_id_parts parts;
		struct queue_file f;
		int e = journal_reserve(w, &f);

		if (e == -EAGAIN) {
			files++;
			continue;
		}
		assert_int_equal(e, 0);
		assert_int_equal(queue_id_parse(str_of(f.id), &parts), 0);
		assert_false(parts.is_long);
		if (first == 0)
			first = parts.inode;
		if (parts.inode != first)
			break;
		if (seen[parts.usec]++ != 0)
			fail_msg("%s twice", f.id);
	}
	assert_int_equal(files, 0);
	journal_reader_close(r);
	journal_writer_free(w);
}

struct crowd {
	struct journal_writer *w;
	unsigned n;
	int failures;
};

static void *write_many(void *arg)
{
	struct crowd *c = arg;
	_cleanup_buf_ struct buf b = BUF(BUF_MEDIUM);

	rec_put_size(&b, &(struct rec_size){ 1, 2, 1, 0, 0, 0 });
	for (unsigned i = 0; i < c->n; i++) {
		struct queue_file f;

		if (journal_reserve(c->w, &f) < 0 ||
			journal_commit(c->w, &f, buf_str(&b), NULL) < 0)
			c->failures++;
	}
	return NULL;
}

static void test_crowd(void **state)
{
	struct journal_writer *w = journal_writer_new(&rig_settings);
	struct journal_reader *r = rig_reader(NULL);
	struct crowd c[16];
	pthread_t t[16];
	struct journal_entry e;
	unsigned n = 0;
	unsigned syncs;

	(void)state;
	assert_int_equal(rig_write(w, "a@b", 200, NULL), 0);
	syncs = the_syncs;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		c[i] = (struct crowd){ .w = w, .n = 20 };
		assert_int_equal(pthread_create(&t[i], NULL, write_many, &c[i]), 0);
	}
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		assert_int_equal(pthread_join(t[i], NULL), 0);
		assert_int_equal(c[i].failures, 0);
	}
	assert_true(the_syncs - syncs <= 320);
	while (journal_next(r, &e) == 1)
		n++;
	assert_int_equal(n, 321);
	journal_reader_close(r);
	journal_writer_free(w);
}

static void *open_gate(void *arg)
{
	(void)arg;
	(void)usleep(100000);
	__atomic_store_n(&the_gate, 0, __ATOMIC_SEQ_CST);
	return NULL;
}

/* The reader goes while a group is being flushed: who replays then does not miss it. */
static void test_reader_goes_during_flush(void **state)
{
	struct journal_writer *w = journal_writer_new(&rig_settings);
	struct journal_reader *r = rig_reader(NULL);
	struct crowd c = { .w = w, .n = 1 };
	struct journal_report report;
	pthread_t writer;
	pthread_t opener;

	(void)state;
	assert_int_equal(rig_write(w, "a@b", 200, NULL), 0);
	__atomic_store_n(&the_gate, 1, __ATOMIC_SEQ_CST);
	assert_int_equal(pthread_create(&writer, NULL, write_many, &c), 0);
	while (__atomic_load_n(&the_gate, __ATOMIC_SEQ_CST) != 2)
		(void)usleep(1000);
	journal_reader_close(r);
	assert_int_equal(pthread_create(&opener, NULL, open_gate, NULL), 0);
	assert_int_equal(journal_replay(&rig_settings, &report, NULL), 0);
	assert_int_equal(pthread_join(writer, NULL), 0);
	assert_int_equal(pthread_join(opener, NULL), 0);
	assert_int_equal(c.failures, 0);
	assert_int_equal(report.settled, 2);
	journal_writer_free(w);
}

/* A flush fails once: refused, never seen by a reader, and the segment is not used again. */
static void failure(int sync_error, int write_error)
{
	struct journal_writer *w = journal_writer_new(&rig_settings);
	struct journal_reader *r = rig_reader(NULL);
	struct journal_entry e;
	struct stat before;
	struct stat after;
	char id[QUEUE_ID_MAX + 1];

	assert_int_equal(rig_write(w, "a@b", 500, id), 0);
	assert_int_equal(stat("journal/0000", &before), 0);
	the_sync_error = sync_error;
	the_write_error = write_error;
	assert_int_equal(rig_write(w, "refused@b", 500, NULL), -(sync_error + write_error));
	assert_int_equal(rig_notes, 1);
	assert_non_null(strstr(rig_note, "the segment is given up"));
	/* Next messages go on elsewhere. */
	assert_int_equal(rig_write(w, "c@d", 500, NULL), 0);
	assert_int_equal(rig_write(w, "e@f", 500, NULL), 0);
	assert_int_equal(journal_next(r, &e), 1);
	assert_string_equal(e.id, id);
	assert_int_equal(e.place.segment, 0);
	journal_removed(r, &e.place);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(journal_next(r, &e), 1);
		assert_int_equal(e.place.segment, 1);
		journal_removed(r, &e.place);
	}
	assert_int_equal(journal_next(r, &e), 0);
	journal_recycle(r);
	assert_int_equal(stat("journal/0000", &after), -1);
	journal_reader_close(r);
	journal_writer_free(w);
}

static void test_flush_fails(void **state)
{
	(void)state;
	failure(EIO, 0);
}

static void test_flush_no_space(void **state)
{
	(void)state;
	failure(ENOSPC, 0);
}

static void test_write_fails(void **state)
{
	(void)state;
	failure(0, EIO);
}

static void test_write_quota(void **state)
{
	(void)state;
	failure(0, EDQUOT);
}

/* The reader had no time for the segment before it was given up: what was acknowledged is still read. */
static void test_failed_before_it_is_read(void **state)
{
	struct journal_writer *w = journal_writer_new(&rig_settings);
	struct journal_reader *r = rig_reader(NULL);
	struct journal_entry e;
	char id[QUEUE_ID_MAX + 1];

	(void)state;
	assert_int_equal(rig_write(w, "a@b", 500, id), 0);
	the_sync_error = EIO;
	assert_int_equal(rig_write(w, "refused@b", 500, NULL), -EIO);
	journal_recycle(r);
	assert_int_equal(journal_next(r, &e), 1);
	assert_string_equal(e.id, id);
	journal_removed(r, &e.place);
	assert_int_equal(journal_next(r, &e), 0);
	assert_int_equal(access("journal/0000", F_OK), -1);
	/* One that failed when it was claimed has nothing. */
	the_sync_error = EIO;
	assert_int_equal(rig_write(w, "a@b", 500, NULL), -EAGAIN);
	assert_int_equal(access("journal/0000", F_OK), 0);
	journal_recycle(r);
	assert_int_equal(access("journal/0000", F_OK), -1);
	journal_reader_close(r);
	journal_writer_free(w);
}

/* After the reader starts anew a refused message does not come up either. */
static void test_refused_stays_refused(void **state)
{
	struct journal_writer *w = journal_writer_new(&rig_settings);
	struct journal_reader *r = rig_reader(NULL);
	struct journal_report report;

	(void)state;
	assert_int_equal(rig_write(w, "a@b", 500, NULL), 0);
	the_sync_error = EIO;
	assert_int_equal(rig_write(w, "refused@b", 500, NULL), -EIO);
	journal_reader_close(r);
	r = rig_reader(&report);
	assert_int_equal(report.settled, 1);
	assert_int_equal(report.torn + report.damaged, 0);
	assert_int_equal(rig_files("incoming"), 1);
	assert_int_equal(access("journal/0000", F_OK), -1);
	journal_reader_close(r);
	journal_writer_free(w);
}

/* No room to grow: nothing was written, so a file will do; what fits goes on later. */
static void test_no_room_to_grow(void **state)
{
	struct journal_settings s = rig_settings;
	struct journal_writer *w;
	struct journal_reader *r = rig_reader(NULL);

	(void)state;
	s.segment_size = 16 << 20;
	w = journal_writer_new(&s);
	for (unsigned i = 0; i < 16; i++)
		assert_int_equal(rig_write(w, "a@b", 250000, NULL), 0);
	/* The next step's flush. */
	the_sync_error = ENOSPC;
	assert_int_equal(rig_write(w, "a@b", 250000, NULL), -EAGAIN);
	assert_int_equal(rig_notes, 1);
	assert_non_null(strstr(rig_note, "messages are written to files"));
	journal_reader_close(r);
	journal_writer_free(w);
}

static void test_limit(void **state)
{
	struct journal_writer *w = journal_writer_new(&rig_settings);
	struct journal_reader *r = rig_reader(NULL);
	struct journal_entry e;
	unsigned n = 0;
	unsigned read = 0;

	(void)state;
	assert_int_equal(rig_write(w, "big@b", 300001, NULL), -EAGAIN);
	while (rig_write(w, "a@b", 200000, NULL) == 0)
		n++;
	assert_true(n >= 16 && n <= 20);
	assert_int_equal(access("journal/0003", F_OK), 0);
	assert_int_equal(access("journal/0004", F_OK), -1);
	assert_int_equal(journal_is_wanted(r, NULL), false);
	while (journal_next(r, &e) == 1)
		read++;
	assert_int_equal(read, n);
	journal_recycle(r);
	assert_true(journal_is_wanted(r, NULL));
	assert_int_equal(rig_notes, 0);
	journal_reader_close(r);
	journal_writer_free(w);
}

/* Missing or unwritable places are said once, and files are used. */
static void test_no_directory(void **state)
{
	struct journal_writer *w = journal_writer_new(&rig_settings);
	struct journal_reader *r = rig_reader(NULL);
	struct queue_file f;

	(void)state;
	assert_int_equal(rename("journal", "away"), 0);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(journal_reserve(w, &f), -EAGAIN);
	assert_int_equal(rename("away", "journal"), 0);
	assert_int_equal(mkdir("journal/0000", 0700), 0);
	assert_int_equal(mkdir("journal/0001", 0700), 0);
	assert_int_equal(mkdir("journal/0002", 0700), 0);
	assert_int_equal(mkdir("journal/0003", 0700), 0);
	assert_int_equal(journal_reserve(w, &f), -EAGAIN);
	journal_reader_close(r);
	journal_writer_free(w);
}

static void test_commit_without_reserve(void **state)
{
	struct journal_writer *w = journal_writer_new(&rig_settings);
	struct queue_file f = { .fd = -1, .id = "ABC" };

	(void)state;
	assert_int_equal(journal_commit(w, &f, STR("x"), NULL), -EAGAIN);
	assert_int_equal(journal_commit(w, &f, STR_EMPTY, NULL), -EAGAIN);
	journal_writer_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_needs_reader, setup, spool_teardown),
		cmocka_unit_test_setup_teardown(test_clock, setup, spool_teardown),
		cmocka_unit_test_setup_teardown(test_claim_fails, setup, spool_teardown),
		cmocka_unit_test_setup_teardown(test_ids, setup, spool_teardown),
		cmocka_unit_test_setup_teardown(test_short_ids_run_out, setup, spool_teardown),
		cmocka_unit_test_setup_teardown(test_crowd, setup, spool_teardown),
		cmocka_unit_test_setup_teardown(test_reader_goes_during_flush, setup,
			spool_teardown),
		cmocka_unit_test_setup_teardown(test_flush_fails, setup, spool_teardown),
		cmocka_unit_test_setup_teardown(test_flush_no_space, setup, spool_teardown),
		cmocka_unit_test_setup_teardown(test_write_fails, setup, spool_teardown),
		cmocka_unit_test_setup_teardown(test_write_quota, setup, spool_teardown),
		cmocka_unit_test_setup_teardown(test_failed_before_it_is_read, setup,
			spool_teardown),
		cmocka_unit_test_setup_teardown(test_refused_stays_refused, setup, spool_teardown),
		cmocka_unit_test_setup_teardown(test_no_room_to_grow, setup, spool_teardown),
		cmocka_unit_test_setup_teardown(test_limit, setup, spool_teardown),
		cmocka_unit_test_setup_teardown(test_no_directory, setup, spool_teardown),
		cmocka_unit_test_setup_teardown(test_commit_without_reserve, setup, spool_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
