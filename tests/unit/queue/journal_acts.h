/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the journal's processes do, for tests that disturb them at every point, and what must be there afterwards.
 *
 * What was told of as committed is there exactly once, whole, with its mark, unless it was told before that it is removed; nothing
 * else is there but what was begun; what was refused is not there. A living reader finds it, or a replay
 * does; a writer's next message is read.
 */
#pragma once

#include "base/clock.h"
#include "base/mem.h"
#include "journal_rig.h"

/* ---- what is told ---- */

#define TOLD_MAX 400

struct told {
	char what; /* B begun, C committed, X refused, D will be removed, M its recipient is marked */
	char id[QUEUE_ID_MAX + 1];
	size_t size;
};

static int the_pipe[2]; /* to the parent, when a child does the act */
static struct told the_told[TOLD_MAX];
static size_t the_n;

static void tell(char what, const char *id, size_t size)
{
	struct told t = { .what = what, .size = size };

	(void)snprintf(t.id, sizeof(t.id), "%s", id);
	if (the_pipe[1] == 0)
		the_told[the_n++] = t;
	else if (write(the_pipe[1], &t, sizeof(t)) != (ssize_t)sizeof(t))
		_exit(2);
	assert_true(the_n < TOLD_MAX);
}

static void listen_to_it(void)
{
	while (the_pipe[0] != 0 && read(the_pipe[0], &the_told[the_n], sizeof(the_told[0])) > 0)
		assert_true(++the_n < TOLD_MAX);
}

static const struct told *find(char what, const char *id)
{
	for (size_t i = 0; i < the_n; i++)
		if (the_told[i].what == what && strcmp(the_told[i].id, id) == 0)
			return &the_told[i];
	return NULL;
}

/* A message of about `size` bytes; its end is told. */
static bool write_told(struct journal_writer *w, size_t size)
{
	_cleanup_buf_ struct buf b = BUF(BUF_MEDIUM);
	struct queue_file f;
	int r = journal_reserve(w, &f);

	if (r < 0)
		return false;
	rig_image(&b, "a@b", size);
	tell('B', f.id, size);
	r = journal_commit(w, &f, buf_str(&b), NULL);
	tell(r == 0 ? 'C' : 'X', f.id, size);
	return r == 0;
}

/* An agent marks the recipient in the image. */
static bool mark(const struct journal_entry *e)
{
	struct journal_segment seg = JOURNAL_NO_SEGMENT;
	int r = journal_segment_open_image(&e->place, O_RDWR, &seg);

	if (r == 0)
		r = fd_pwrite_all(seg.fd, STR("D"), (int64_t)(e->place.offset + RIG_RCPT));
	if (r == 0)
		tell('M', e->id, 0);
	journal_segment_close(&seg);
	return r == 0;
}

static bool settle(struct journal_reader *r, const struct journal_entry *e, const char *queue)
{
	if (journal_settle(&rig_queues, e, str_of(queue), true, NULL) < 0)
		return false;
	journal_settled(r, &e->place);
	return true;
}

/* ---- acts: true when nothing failed ---- */

static struct journal_reader *the_reader; /* lives on */
static struct journal_writer *the_writer; /* likewise */
static struct journal_entry the_entries[6];

static void with_reader(void)
{
	the_reader = rig_reader(NULL);
}

/* Claims, groups, growth, a full segment, the next one. */
static bool commit(void)
{
	static const size_t sizes[] = { 100, 290000, 290000, 290000, 290000, 100 };
	struct journal_writer *w = journal_writer_new(&rig_settings);
	bool ok = true;

	for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
		ok = write_told(w, sizes[i]) && ok;
	journal_writer_free(w);
	return ok;
}

/* The recipient is marked in the file. */
static void mark_file(const char *queue, const char *id)
{
	_cleanup_close_ int fd = queue_open(&rig_queues, str_of(queue), str_of(id), O_WRONLY, 0);

	assert_int_equal(fd_pwrite_all(fd, STR("D"), RIG_RCPT), 0);
	tell('M', id, 0);
}

/* Messages: removed; settled and then marked; marked; long; as it came; settled, which the journal has not heard, and marked. */
static void with_messages(void)
{
	static const size_t sizes[ARRAY_LEN(the_entries)] = { 100, 100, 100, 70000, 100, 100 };
	struct journal_reader *r = rig_reader(NULL);

	the_writer = journal_writer_new(&rig_settings);
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		assert_true(write_told(the_writer, sizes[i]));
		assert_int_equal(journal_next(r, &the_entries[i]), 1);
	}
	tell('D', the_entries[0].id, 0);
	journal_removed(r, &the_entries[0].place);
	assert_true(settle(r, &the_entries[1], "active"));
	assert_true(mark(&the_entries[1]));
	assert_true(mark(&the_entries[2]));
	assert_int_equal(journal_settle(&rig_queues, &the_entries[5], STR("active"), true, NULL),
		0);
	mark_file("active", the_entries[5].id);
	journal_reader_close(r);
}

static void with_ended_writer(void)
{
	with_messages();
	journal_writer_free(TAKE(the_writer));
}

static bool replay(void)
{
	struct journal_report report;

	return journal_replay(&rig_settings, &report, NULL) == 0;
}

/* A message is read: removed, or settled and perhaps marked before. */
static bool take_one(struct journal_reader *r, const struct journal_entry *e, unsigned i)
{
	bool ok = i % 2 == 0 || mark(e);

	if (i % 3 != 0)
		return settle(r, e, "active") && ok;
	tell('D', e->id, 0);
	journal_removed(r, &e->place);
	return ok;
}

/* Messages are read, settled, removed, marked; a segment becomes empty and is claimed again. */
static bool work(void)
{
	struct journal_report report;
	struct journal_reader *r;
	struct journal_writer *w;
	struct journal_entry e;
	bool ok = true;

	if (journal_reader_open(&rig_settings, &r, &report, NULL) < 0)
		return false;
	w = journal_writer_new(&rig_settings);
	for (unsigned i = 0; i < 4; i++)
		ok = write_told(w, 100) && ok;
	journal_writer_free(w);
	for (unsigned i = 0; journal_next(r, &e) == 1; i++)
		ok = take_one(r, &e, i) && ok;
	journal_recycle(r);
	w = journal_writer_new(&rig_settings);
	ok = write_told(w, 100) && journal_next(r, &e) == 1 && ok;
	journal_reader_close(r);
	journal_writer_free(w);
	return ok;
}

/* Agents of an earlier reader end one after the other. */
static bool retry(void)
{
	struct journal_segment agent[2] = { JOURNAL_NO_SEGMENT, JOURNAL_NO_SEGMENT };
	struct journal_report report;
	struct journal_reader *r = NULL;
	bool ok = true;

	for (unsigned i = 0; i < 2; i++)
		ok = journal_segment_open_image(&the_entries[i + 1].place, O_RDWR, &agent[i]) ==
			     0 &&
		     ok;
	ok = ok && journal_reader_open(&rig_settings, &r, &report, NULL) == 0 && report.busy == 2;
	for (unsigned i = 0; i < 2; i++) {
		journal_segment_close(&agent[i]);
		ok = ok && journal_retry(r, &report, NULL) == 0 && report.busy == 1 - i;
	}
	journal_reader_close(r);
	return ok;
}

/* Generations run out. */
static void with_last_generation(void)
{
	struct journal_segment seg = JOURNAL_NO_SEGMENT;

	assert_int_equal(journal_segment_claim(0, 0xf0000000U, 1 << 20, &seg), 0);
	journal_segment_close(&seg);
	with_ended_writer();
}

/* From one point to the next: `step`, or seven when a busy machine has been at it for a minute. */
static unsigned next_step(unsigned step)
{
	static usec_t began;

	if (began == 0)
		began = clock_now();
	return clock_now() - began > 60 * USEC_PER_SEC ? 7 : step;
}

struct act {
	const char *name;
	void (*prepare)(void);
	bool (*run)(void);
};

/* ---- what must be there afterwards ---- */

static char the_where[96];

/* The bytes are those that were sent, the mark apart. */
static void check_file(const char *queue, const char *id, const struct told *sent)
{
	_cleanup_buf_ struct buf want = BUF(BUF_MEDIUM);
	_cleanup_free_ char *bytes = NULL;
	int fd = queue_open(&rig_queues, str_of(queue), str_of(id), O_RDONLY, 0);
	struct stat st;

	rig_image(&want, "a@b", sent->size);
	assert_int_equal(fstat(fd, &st), 0);
	if (st.st_size != (off_t)want.len || (st.st_mode & 0700) != 0700)
		fail_msg("%s: %s/%s is not complete", the_where, queue, id);
	bytes = mem_alloc(want.len);
	assert_int_equal(fd_pread(fd, bytes, want.len, 0), want.len);
	fd_close(fd);
	if (bytes[RIG_RCPT] == REC_DONE)
		bytes[RIG_RCPT] = REC_RCPT;
	else if (find('M', id) != NULL)
		fail_msg("%s: %s/%s has lost its mark", the_where, queue, id);
	if (memcmp(bytes, want.ptr, want.len) != 0)
		fail_msg("%s: %s/%s is changed", the_where, queue, id);
}

static bool is_file(const char *queue, const char *id)
{
	_cleanup_close_ int fd = queue_open(&rig_queues, str_of(queue), str_of(id), O_RDONLY, 0);

	return fd >= 0;
}

static void check_messages(void)
{
	size_t known = 0;

	for (size_t i = 0; i < the_n; i++) {
		const struct told *t = &the_told[i];
		const char *queue = is_file("incoming", t->id) ? "incoming" : "active";
		unsigned n = (unsigned)is_file("incoming", t->id) + is_file("active", t->id);

		if (t->what != 'B')
			continue;
		known += n;
		if (n > 1 || (n > 0 && find('X', t->id) != NULL))
			fail_msg("%s: %s is there %u times", the_where, t->id, n);
		if (n == 0 && find('C', t->id) != NULL && find('D', t->id) == NULL)
			fail_msg("%s: %s is lost", the_where, t->id);
		if (n == 1)
			check_file(queue, t->id, t);
	}
	assert_int_equal(rig_files("incoming") + rig_files("active"), known);
	assert_int_equal(rig_files("corrupt") + rig_files("deferred") + rig_files("hold"), 0);
}

/* A writer, this one or a new one, commits a message that the reader gets. */
static void goes_on(struct journal_reader *r, struct journal_writer *w)
{
	struct journal_entry e;
	char id[QUEUE_ID_MAX + 1];

	if (rig_write(w, "a@b", 100, id) != 0 || journal_next(r, &e) != 1)
		fail_msg("%s: there is no way on", the_where);
	assert_string_equal(e.id, id);
	journal_removed(r, &e.place);
	assert_int_equal(journal_next(r, &e), 0);
	journal_writer_free(w);
}

static void audit(void)
{
	struct journal_reader *r = the_reader != NULL ? TAKE(the_reader) : rig_reader(NULL);
	struct journal_report report;
	struct journal_entry e;

	listen_to_it();
	journal_recycle(r);
	while (journal_next(r, &e) == 1)
		assert_true(settle(r, &e, "incoming"));
	journal_recycle(r);
	check_messages();
	goes_on(r, journal_writer_new(&rig_settings));
	if (the_writer != NULL)
		goes_on(r, TAKE(the_writer));
	journal_reader_close(r);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(journal_replay(&rig_settings, &report, NULL), 0);
		/* The first one may find a message that was written, and never answered. */
		assert_int_equal((i == 0 ? 0 : report.settled) + report.damaged + report.torn +
					 report.busy,
			0);
		check_messages();
	}
}
