/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of the journal share: settings, images, and looking at what came out.
 */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/fd.h"
#include "queue/journal_priv.h"
#include "queue/message.h"
#include "spool.h"

static const struct queue_settings rig_queues = { .hash_depth = 1, .long_ids = true };
static unsigned rig_notes;
static char rig_note[512];

static inline void rig_on_note(void *ctx, enum note_level level, const char *text)
{
	(void)ctx;
	(void)level;
	rig_notes++;
	(void)snprintf(rig_note, sizeof(rig_note), "%s", text);
}

static const struct notes rig_collect = { rig_on_note, NULL };

static const struct journal_settings rig_settings = {
	.queues = &rig_queues,
	.segment_size = 1 << 20,
	.limit = 4 << 20,
	.message_limit = 300000,
	.notes = &rig_collect,
};

/* Offset of the recipient in each image. */
#define RIG_RCPT 99

/* A queue file as intake would write it, with content of about `size` bytes. */
static inline void rig_image(struct buf *b, const char *rcpt, size_t size)
{
	static const char line[] = "0123456789 0123456789 0123456789 0123456789 0123456789 0123456";

	rec_put_size(b, &(struct rec_size){ 1, 2, 1, 0, 0, 0 });
	assert_int_equal(b->len, RIG_RCPT - 2);
	assert_int_equal(rec_put(b, REC_FROM, STR_EMPTY), 0);
	assert_int_equal(rec_put(b, REC_RCPT, str_of(rcpt)), 0);
	assert_int_equal(rec_put(b, REC_MESG, STR_EMPTY), 0);
	while (b->len < size)
		assert_int_equal(rec_put(b, REC_NORM, str_of(line)), 0);
	assert_int_equal(rec_put(b, REC_XTRA, STR_EMPTY), 0);
	assert_int_equal(rec_put(b, REC_END, STR_EMPTY), 0);
}

/* Reserve and commit one message: the result; the id at `id` when it is not NULL. */
static inline int rig_write(struct journal_writer *w, const char *rcpt, size_t size, char *id)
{
	_cleanup_buf_ struct buf b = BUF(BUF_MEDIUM);
	struct queue_file f;
	struct why why = { "" };
	int r = journal_reserve(w, &f);

	if (r < 0)
		return r;
	assert_int_equal(f.fd, -1);
	rig_image(&b, rcpt, size);
	r = journal_commit(w, &f, buf_str(&b), &why);
	if (id != NULL)
		(void)snprintf(id, QUEUE_ID_MAX + 1, "%s", f.id);
	return r;
}

static inline struct journal_reader *rig_reader(struct journal_report *report)
{
	struct journal_reader *r = NULL;
	struct journal_report own;
	struct why why = { "" };
	int e = journal_reader_open(&rig_settings, &r, report == NULL ? &own : report, &why);

	if (e < 0)
		fail_msg("reader: %s", why.text);
	return r;
}

static inline size_t rig_files(const char *queue)
{
	struct queue_scan *s;
	struct str id;
	size_t n = 0;

	assert_int_equal(queue_scan_open(str_of(queue), &s), 0);
	while (queue_scan_next(s, &id) == 1)
		n++;
	queue_scan_close(s);
	return n;
}

/* Change one byte of a segment. */
static inline void rig_flip(uint32_t segment, uint64_t at)
{
	_cleanup_buf_ struct buf path = BUF(BUF_SMALL);
	int fd;
	char c;

	journal_segment_path(&path, segment);
	fd = fd_open(buf_cstr(&path), O_RDWR, 0);
	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &c, 1, (off_t)at), 1);
	c = (char)(c ^ 0x10);
	assert_int_equal(pwrite(fd, &c, 1, (off_t)at), 1);
	fd_close(fd);
}

static inline int rig_setup(void **state)
{
	rig_notes = 0;
	rig_note[0] = '\0';
	return spool_setup(state);
}
