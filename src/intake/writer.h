/* SPDX-License-Identifier: Apache-2.0 */
/*
 * intake/writer.h — where the records of a new message go. The only place that knows whether that is a
 * file or the journal.
 *
 * Bytes gather in memory. A message that may go to the journal stays there until it is committed; it
 * becomes a file as soon as it cannot go there: it is too long, another process must read it
 * (writer_flush), it is to be held, it has a done recipient, or the journal is not available. To a file
 * they go in few writes; a small message takes one. The first record is the size record, a place
 * holder until writer_commit() knows its values. Errors are remembered: after one, puts do nothing and
 * commit fails.
 */
#pragma once

#include "queue/journal.h"
#include "queue/record.h"

struct writer;

/** A writer without a message. Free with writer_free(). */
_alloc_ struct writer *writer_new(void);
/**
 * Begin a message: in memory if the journal has an id for it, else as a file in incoming/. One that was
 * begun before is closed.
 *
 * @param q       queue layout
 * @param j       the journal; NULL: always a file
 * @param limit   most bytes of the file (message_size_limit); 0: no limit
 * @return 0; negative errno with why: there is no message
 * Blocks: on disk.
 */
_must_use_ int writer_open(struct writer *w, const struct queue_settings *q,
	struct journal_writer *j, int64_t limit, struct why *why);
/** The queue id. */
const char *writer_id(const struct writer *w);
/** The time that the id tells. */
struct timeval writer_created(const struct writer *w);
/** Append one record. */
void writer_put(struct writer *w, int type, struct str data);
/** Bytes so far: the offset of the next record. */
int64_t writer_offset(const struct writer *w);
/** 0; -EFBIG over the limit; another negative errno. */
int writer_error(const struct writer *w);
/**
 * Write everything to the file without finishing, so that another process can read it. Works after
 * -EFBIG too: what fits is there.
 *
 * @return 0 or negative errno
 */
_must_use_ int writer_flush(struct writer *w);
/**
 * Finish: size record, then the journal, or queue, mode 0700, fsync, close. When it returns 0 the
 * message is on stable storage; otherwise the file is removed.
 *
 * @param queue   QUEUE_INCOMING or QUEUE_HOLD
 */
_must_use_ int writer_commit(struct writer *w, const struct rec_size *size, struct str queue,
	struct why *why);
/** True after a commit to the journal, which tells the queue manager itself. */
bool writer_is_journaled(const struct writer *w);
/** Remove what was not committed, now: before the client hears of the failure. */
void writer_remove(struct writer *w);
/** Remove what was not committed, forget the message. Of its memory at most 16 KB stay for the next. */
void writer_close(struct writer *w);
/** Close; free. NULL is accepted. */
void writer_free(struct writer *w);
