/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of queue/journal_busy.c: an agent works on an image when its qmgr is no more.
 */
#include "journal_rig.h"

static struct journal_writer *the_writer;
static struct journal_reader *the_reader;
static struct journal_entry the_entry;
static struct queue_message *the_agent;

/* A message, and an agent at work on it. */
static void begin(void)
{
	the_writer = journal_writer_new(&rig_settings);
	the_reader = rig_reader(NULL);
	assert_int_equal(rig_write(the_writer, "a@b", 1000, NULL), 0);
	assert_int_equal(journal_next(the_reader, &the_entry), 1);
	assert_int_equal(queue_message_open_place(&the_entry.place, true, &the_agent, NULL), 0);
}

static void end(void)
{
	queue_message_close(TAKE(the_agent));
	journal_reader_close(TAKE(the_reader));
	journal_writer_free(TAKE(the_writer));
}

static void agent_marks(void)
{
	assert_int_equal(queue_message_mark_done(the_agent, RIG_RCPT), 0);
	queue_message_close(TAKE(the_agent));
}

/* Another qmgr: what it found of the one message. */
static void next_reader(size_t busy, size_t settled)
{
	struct journal_report report;

	journal_reader_close(the_reader);
	the_reader = rig_reader(&report);
	if (report.busy != busy || report.settled != settled)
		fail_msg("%zu busy, %zu settled", report.busy, report.settled);
}

static void retry(size_t busy, size_t settled, size_t known)
{
	struct journal_report report;
	struct why why = { "" };

	if (journal_retry(the_reader, &report, &why) < 0)
		fail_msg("%s", why.text);
	if (report.busy != busy || report.settled != settled || report.known != known)
		fail_msg("%zu busy, %zu settled, %zu known", report.busy, report.settled,
			report.known);
	assert_int_equal(journal_is_busy(the_reader, str_of(the_entry.id)), busy > 0);
}

static char mark_in(const char *queue)
{
	_cleanup_buf_ struct buf path = BUF(BUF_SMALL);
	_cleanup_buf_ struct buf b = BUF(BUF_MEDIUM);

	buf_putf(&path, "%s/%s", queue, the_entry.id);
	assert_int_equal(fd_read_file(buf_cstr(&path), &b), 0);
	return b.ptr[RIG_RCPT];
}

static void test_live(void **state)
{
	struct journal_segment seg;
	struct journal_entry e;

	(void)state;
	begin();
	next_reader(1, 0);
	assert_true(journal_is_busy(the_reader, str_of(the_entry.id)));
	assert_false(journal_is_busy(the_reader, STR("ABC")));
	assert_int_equal(journal_next(the_reader, &e), 0);
	retry(1, 0, 0);
	assert_int_equal(rig_files("incoming"), 0);
	/* Nobody writes over it, whether the agent is there or its marks were not looked at yet. */
	journal_writer_free(TAKE(the_writer));
	assert_int_equal(journal_segment_claim(0, UINT32_MAX - 9, 1 << 20, &seg), -EBUSY);
	agent_marks();
	assert_int_equal(journal_segment_claim(0, UINT32_MAX - 9, 1 << 20, &seg), -EBUSY);
	retry(0, 1, 0);
	assert_int_equal(mark_in("incoming"), 'D');
	assert_int_equal(journal_segment_claim(0, UINT32_MAX - 9, 1 << 20, &seg), 0);
	journal_segment_close(&seg);
	next_reader(0, 0);
	end();
}

/* It became a file while the agent was at work, and then qmgr died. */
static void test_settled(void **state)
{
	static const char *const queues[] = { "incoming", "active", "deferred", "hold" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(queues); i++) {
		struct queue_message *late = NULL;

		begin();
		assert_int_equal(journal_settle(&rig_queues, &the_entry, str_of(queues[i]), true,
					 NULL),
			0);
		journal_settled(the_reader, &the_entry.place);
		assert_int_equal(queue_message_open_place(&the_entry.place, true, &late, NULL),
			-ESTALE);
		assert_null(late);
		next_reader(1, 0);
		assert_true(journal_is_busy(the_reader, str_of(the_entry.id)));
		retry(1, 0, 0);
		agent_marks();
		assert_int_equal(mark_in(queues[i]), 'R');
		retry(0, 0, 1);
		assert_int_equal(mark_in(queues[i]), 'D');
		end();
	}
}

/* The agent ended while there was no qmgr. */
static void test_gone(void **state)
{
	(void)state;
	begin();
	assert_int_equal(journal_settle(&rig_queues, &the_entry, STR("active"), true, NULL), 0);
	journal_settled(the_reader, &the_entry.place);
	agent_marks();
	assert_int_equal(mark_in("active"), 'R');
	next_reader(0, 0);
	assert_int_equal(mark_in("active"), 'D');
	end();
}

/* Settled, and the state byte was lost: the marks count all the same. */
static void test_known(void **state)
{
	(void)state;
	begin();
	assert_int_equal(journal_settle(&rig_queues, &the_entry, STR("active"), true, NULL), 0);
	agent_marks();
	next_reader(0, 0);
	assert_int_equal(mark_in("active"), 'D');
	end();
}

static void test_merge(void **state)
{
	struct queue_message *f = NULL;
	struct journal_place p;

	(void)state;
	begin();
	assert_int_equal(journal_settle(&rig_queues, &the_entry, STR("active"), true, NULL), 0);
	assert_int_equal(queue_message_open(&rig_queues, STR("active"), str_of(the_entry.id), true,
				 &f, NULL),
		0);
	assert_int_equal(journal_merge(&the_entry.place, f, NULL), 0);
	assert_int_equal(mark_in("active"), 'R');
	agent_marks();
	p = the_entry.place;
	p.generation++;
	assert_int_equal(journal_merge(&p, f, NULL), -ESTALE);
	assert_int_equal(journal_merge(&the_entry.place, f, NULL), 0);
	assert_int_equal(mark_in("active"), 'D');
	queue_message_close(f);
	end();
}

/* A tool that replays leaves it alone as well. */
static void test_replay(void **state)
{
	struct journal_report report;
	struct why why = { "" };

	(void)state;
	begin();
	journal_reader_close(TAKE(the_reader));
	assert_int_equal(journal_replay(&rig_settings, &report, &why), 0);
	assert_int_equal(report.busy, 1);
	assert_int_equal(rig_files("incoming"), 0);
	agent_marks();
	assert_int_equal(journal_replay(&rig_settings, &report, &why), 0);
	assert_int_equal(report.busy, 0);
	assert_int_equal(report.settled, 1);
	assert_int_equal(mark_in("incoming"), 'D');
	end();
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_live, rig_setup, spool_teardown),
		cmocka_unit_test_setup_teardown(test_settled, rig_setup, spool_teardown),
		cmocka_unit_test_setup_teardown(test_gone, rig_setup, spool_teardown),
		cmocka_unit_test_setup_teardown(test_known, rig_setup, spool_teardown),
		cmocka_unit_test_setup_teardown(test_merge, rig_setup, spool_teardown),
		cmocka_unit_test_setup_teardown(test_replay, rig_setup, spool_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
