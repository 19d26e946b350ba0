/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of queue/journal_state.c: one reader, who is seen by others, a page that was replaced.
 */
#include "journal_rig.h"

static void test_reader_lock(void **state)
{
	struct journal_state *a = NULL;
	struct journal_state *b = NULL;
	struct journal_state *c = NULL;

	(void)state;
	assert_int_equal(journal_state_open_to_read(&c), -ENOENT);
	assert_int_equal(journal_state_open(false, &a), -ENOENT);
	assert_int_equal(journal_state_open(true, &a), 0);
	assert_int_equal(journal_state_open(false, &b), 0);
	assert_false(journal_state_has_reader(b, true));
	assert_int_equal(journal_state_lock_reader(a), 0);
	assert_int_equal(journal_state_lock_reader(b), -EBUSY);
	assert_false(journal_state_has_reader(b, true));
	atomic_store(&a->page->ready, 1);
	assert_true(journal_state_has_reader(b, true));
	assert_int_equal(journal_state_open_to_read(&c), 0);
	assert_true(journal_state_has_reader(c, true));
	journal_state_close(c);
	/* It dies without a word. */
	journal_state_close(a);
	assert_true(journal_state_has_reader(b, false));
	assert_false(journal_state_has_reader(b, true));
	assert_int_equal(journal_state_lock_reader(b), 0);
	journal_state_close(b);
}

static void test_claim_lock(void **state)
{
	struct journal_state *a = NULL;

	(void)state;
	assert_int_equal(journal_state_open(true, &a), 0);
	assert_int_equal(journal_state_lock_claim(a), 0);
	journal_state_unlock_claim(a);
	assert_int_equal(journal_state_lock_claim(a), 0);
	journal_state_unlock_claim(a);
	journal_state_close(a);
}

static void test_bad_files(void **state)
{
	struct journal_state *a = NULL;
	int fd = fd_open("journal/state", O_CREAT | O_RDWR, 0600);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, STR("PRSTATE1 too short")), 0);
	assert_int_equal(journal_state_open(false, &a), -EBADMSG);
	assert_int_equal(journal_state_open(true, &a), 0);
	assert_int_equal(atomic_load(&a->page->ready), 0);
	fd_close(fd);
	assert_false(journal_state_is_stale(a));
	assert_int_equal(rename("journal/state", "journal/old"), 0);
	assert_true(journal_state_is_stale(a));
	journal_state_close(a);
	assert_int_equal(mkdir("journal/state", 0700), 0);
	assert_true(journal_state_open(true, &a) < 0);
	journal_state_close(NULL);
}

static void test_limits(void **state)
{
	struct journal_settings s = rig_settings;

	(void)state;
	assert_int_equal(journal_segments_allowed(&s), 4);
	s.limit = 1;
	assert_int_equal(journal_segments_allowed(&s), 1);
	s.limit = (int64_t)1 << 50;
	assert_int_equal(journal_segments_allowed(&s), JOURNAL_SEGMENTS);
	assert_true(journal_generation_floor() > 0);
	assert_int_equal(journal_owner_phase(journal_owner(9, JOURNAL_FAILED)), JOURNAL_FAILED);
	assert_int_equal(journal_owner_generation(journal_owner(9, JOURNAL_FAILED)), 9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_reader_lock, rig_setup, spool_teardown),
		cmocka_unit_test_setup_teardown(test_claim_lock, rig_setup, spool_teardown),
		cmocka_unit_test_setup_teardown(test_bad_files, rig_setup, spool_teardown),
		cmocka_unit_test_setup_teardown(test_limits, rig_setup, spool_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
