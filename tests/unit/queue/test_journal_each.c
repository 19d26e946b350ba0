/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of queue/journal_each.c: what tools see.
 */
#include "journal_rig.h"

struct seen {
	unsigned n;
	int stop;
	char last[QUEUE_ID_MAX + 1];
};

static int on_entry(void *arg, const struct journal_entry *e)
{
	struct seen *s = arg;

	s->n++;
	(void)snprintf(s->last, sizeof(s->last), "%s", e->id);
	return s->stop;
}

static void test_each(void **state)
{
	struct journal_writer *w = journal_writer_new(&rig_settings);
	struct journal_reader *r;
	struct journal_entry e;
	struct seen seen = { 0 };

	(void)state;
	assert_int_equal(journal_each(&rig_settings, on_entry, &seen), 0);
	r = rig_reader(NULL);
	assert_int_equal(journal_each(&rig_settings, on_entry, &seen), 0);
	assert_int_equal(seen.n, 0);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(rig_write(w, "a@b", 1000, NULL), 0);
	assert_int_equal(journal_next(r, &e), 1);
	journal_removed(r, &e.place);
	assert_int_equal(journal_next(r, &e), 1);
	assert_int_equal(journal_each(&rig_settings, on_entry, &seen), 0);
	assert_int_equal(seen.n, 2);
	seen = (struct seen){ .stop = 5 };
	assert_int_equal(journal_each(&rig_settings, on_entry, &seen), 5);
	assert_int_equal(seen.n, 1);
	assert_string_equal(seen.last, e.id);
	/* Without anybody. */
	journal_reader_close(r);
	journal_writer_free(w);
	assert_int_equal(unlink("journal/state"), 0);
	seen = (struct seen){ 0 };
	assert_int_equal(journal_each(&rig_settings, on_entry, &seen), 0);
	assert_int_equal(seen.n, 2);
}

static void test_no_directory(void **state)
{
	struct seen seen = { 0 };

	(void)state;
	assert_int_equal(rmdir("journal"), 0);
	assert_int_equal(journal_each(&rig_settings, on_entry, &seen), 0);
	assert_int_equal(seen.n, 0);
	assert_int_equal(mkdir("journal", 0700), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_each, rig_setup, spool_teardown),
		cmocka_unit_test_setup_teardown(test_no_directory, rig_setup, spool_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
