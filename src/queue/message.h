/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue/message.h — a handle on one stored message, wherever it lies.
 *
 * Today a message is a queue file; the journal will be another kind of handle. Readers ask the
 * handle for records at offsets and never know. A handle may be shared by threads for reading
 * (every read is a pread); marking is one byte written in place.
 */
#pragma once

#include "base/clock.h"
#include "base/why.h"
#include "queue/dir.h"
#include "queue/journal.h"
#include "queue/record.h"

struct queue_message;

/**
 * Open the queue file queue_name/queue_id below the current directory.
 *
 * O_NOFOLLOW, regular file, one link.
 * @param s          which queues are hashed; NULL: none
 * @param writable   needed for marking
 * @return 0; -ENOENT; -ELOOP or -EINVAL not a proper queue file; other errno
 */
_must_use_ int queue_message_open(const struct queue_settings *s, struct str queue_name,
	struct str queue_id, bool writable, struct queue_message **ret, struct why *why);
/**
 * Open a message that lies in the journal (see queue/journal.h): the same handle for readers and for
 * mark_done; the other marks are refused with -EROFS, and the descriptor is the segment's: not to
 * be locked or changed. The image stays locked (shared, see journal.h) until the handle is closed.
 *
 * @return 0; -ENOENT no such segment; -ESTALE it has another generation now, or the record is not live
 *         any more (removed, or settled: look for the file by its name); other errno
 */
_must_use_ int queue_message_open_place(const struct journal_place *p, bool writable,
	struct queue_message **ret, struct why *why);
/** A handle over bytes in memory, for reading only; they must stay as long as it does. */
_alloc_ struct queue_message *queue_message_of_bytes(struct str bytes);
/** A handle over an open descriptor (showq, postcat of any file); takes fd. */
_alloc_ struct queue_message *queue_message_of_fd(int fd);
/** Close. NULL is accepted. */
void queue_message_close(struct queue_message *m);
DEFINE_CLEANUP(struct queue_message *, queue_message_close);
/** The descriptor (locks, modes). */
int queue_message_fd(const struct queue_message *m);
/** Bytes in all. */
int64_t queue_message_size(const struct queue_message *m);
/** Modification time, seconds since 1970. */
int64_t queue_message_mtime(const struct queue_message *m);
/** Mode bits. */
unsigned queue_message_mode(const struct queue_message *m);

/** Forward reader over the records of a message. */
struct queue_reader {
	struct queue_message *msg;
	int64_t offset;     /* of the next record */
	int64_t rec_offset; /* of the record returned last */
	bool raw;           /* p, w and E are handed out instead of acted on */
	size_t max;         /* longest record, 0 no limit */
	struct buf buf;     /* window of the file */
	int64_t buf_offset;
	int64_t last_jump;
	unsigned back_jumps;
	bool ended;
	char error[80]; /* what is wrong, after -EBADMSG */
};

/** Jumps that do not lead past the last jump's target, before a file is given up as a loop. */
#define QUEUE_MAX_BACK_JUMPS 10000

/** Start reading at an offset (0: the beginning). */
void queue_reader_init(struct queue_reader *r, struct queue_message *m, int64_t offset, bool raw);
void queue_reader_done(struct queue_reader *r);
/**
 * Next record.
 *
 * Unless raw: pointers are followed (with the documented loop guard), padding is skipped, and after
 * E comes end of file.
 * @param ret_data   borrowed until the next call
 * @return the type; 0 at end of file; -EBADMSG damaged; other negative errno
 */
_must_use_ int queue_reader_next(struct queue_reader *r, struct str *ret_data);
/**
 * Do what a pointer record asks for, in raw reading.
 *
 * @return 0; -EBADMSG not a pointer, beyond the end, or one jump back too many
 */
_must_use_ int queue_reader_follow(struct queue_reader *r, struct str data);
/** Go to an absolute offset. */
void queue_reader_seek(struct queue_reader *r, int64_t offset);

/**
 * Change the type byte of the record at `offset` from R to D, in place, not synced.
 *
 * @param offset   of the recipient record; -1: nothing is done
 * @return 0, also when it is D already; -EBADMSG no recipient record there; other errno
 */
_must_use_ int queue_message_mark_done(struct queue_message *m, int64_t offset);
/** True when the record at `offset` is a recipient that was marked as done. */
bool queue_message_is_done(const struct queue_message *m, int64_t offset);
/** Change an A record to K (a trace report that was mailed): results as for mark_done. */
_must_use_ int queue_message_kill(struct queue_message *m, int64_t offset);
/** Rewrite the W record at `offset` as "warning was sent" (-1): results as for mark_done. */
_must_use_ int queue_message_mark_warned(struct queue_message *m, int64_t offset);
/** Mark corrupt: mode 0400. */
_must_use_ int queue_message_mark_corrupt(struct queue_message *m);
