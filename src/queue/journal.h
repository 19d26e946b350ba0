/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue/journal.h — young messages: images of queue files in segments, committed in groups.
 *
 * journal/NNNN below the queue directory are segments of equal size: a header block, then records.
 * A record is a 64-byte head and the bytes that a queue file would hold; records begin at multiples of
 * 64. The head has magic, generation, length, id, a CRC32C of all this and of the image, and one state byte
 * outside the CRC: live, removed or settled. Only three things change after the commit: that byte, and, in
 * the image, R to D (a recipient is done). A reader that finds the CRC wrong tries again with every D
 * of envelope and extracted segment read as R; intake never journals an image with a D of its own.
 *
 * A segment has at most one writer, who holds an exclusive OFD lock on its first 64 bytes and appends. Each claim gives the
 * segment a new generation (they only grow, over all segments); a record with another generation than
 * the header's is from an earlier life and ends the segment.
 *
 * journal/state is shared memory (a mapped file, never flushed on purpose): for each segment how far it
 * is committed, and whether the reader sleeps. Nothing in it is needed after a crash of the machine.
 * The reader (our qmgr) holds a lock on it; without a reader nobody writes to the journal, so a system
 * whose qmgr is Postfix's is one of files.
 *
 * Whoever delivers from an image (queue_message_open_place) holds a shared OFD lock on the image's bytes
 * meanwhile. Agents outlive a qmgr that was killed, so: a segment in which anybody else holds a lock is not
 * claimed anew or recycled; a replay settles a record only while it holds the image's lock
 * exclusively, and what it cannot lock it leaves (busy) for journal_retry(). A record that
 * is settled while requests are under way gets their marks copied to its file by the reader; after a kill
 * journal_retry() does that: a D of the image becomes one of the file.
 *
 * Ids of journaled messages have, in the place of the inode, JOURNAL_INODE_BASE + generation; (second,
 * microsecond) is unique in a generation, for short ids microsecond alone.
 */
#pragma once

#include "base/why.h"
#include "queue/dir.h"

#define QUEUE_JOURNAL "journal"
/** What the reader is triggered with: unlike W it asks for no scan of incoming/. */
#define JOURNAL_WAKE "J"
/** Ids at and above this "inode" are of the journal, not of a file. */
#define JOURNAL_INODE_BASE ((uint64_t)1 << 36)
/** Most segments. */
#define JOURNAL_SEGMENTS 1024

/** Where a message lies. The image is `length` bytes at `offset` (the record's head stands before it). */
struct journal_place {
	uint32_t segment;
	uint32_t generation;
	uint64_t offset;
	uint64_t length;
};
/** Append "segment:generation:offset:length", the form of a delivery request's attribute. */
void journal_place_put(struct buf *b, const struct journal_place *p);
/** Parse that: 0 or -EINVAL. */
_must_use_ int journal_place_parse(struct str s, struct journal_place *ret);

struct journal_settings {
	const struct queue_settings *queues;
	int64_t segment_size;  /* bytes; 1 MiB .. 1 GiB */
	int64_t limit;         /* bytes of all segments together */
	int64_t message_limit; /* longest image, up to 4 MiB */
	const char *wake_path; /* trigger of the reader ("public/qmgr"); NULL: none */
	const struct notes
		*notes; /* receives what an operator should know: failed flushes, damage */
};

/* ---- writing: intake ---- */

/** This process's writer. Thread-safe; made once, before threads. */
struct journal_writer;

/**
 * Make a writer. Touches no disk: segments are claimed when a message comes.
 */
_alloc_ struct journal_writer *journal_writer_new(const struct journal_settings *s);
void journal_writer_free(struct journal_writer *w);
/** Longest image that journal_commit() takes. */
size_t journal_writer_limit(const struct journal_writer *w);
/**
 * Reserve an id for a message to be.
 *
 * @param ret   id and creation time; fd is -1
 * @return 0; -EAGAIN use a file: no reader, no room within the limit, or the journal failed here
 * Blocks: when a segment must be claimed (it may be new: its blocks are written first).
 */
_must_use_ int journal_reserve(struct journal_writer *w, struct queue_file *ret);
/**
 * Append an image and wait until it is on stable storage together with what others append
 * meanwhile: one write, one fdatasync. The reader is woken when it sleeps.
 *
 * @param image   a complete queue file
 * @return 0: stable; -EAGAIN nothing was written, use a file; another negative errno: the write or
 *         the flush failed: the message must be refused, the segment is given up and a replay ignores
 *         the image unless it reached the disk
 */
_must_use_ int journal_commit(struct journal_writer *w, const struct queue_file *file,
	struct str image, struct why *why);

/* ---- reading: qmgr ---- */

struct journal_reader;

struct queue_message;
struct journal_entry {
	char id[QUEUE_ID_MAX + 1];
	struct journal_place place;
};

/** What a replay did. */
struct journal_report {
	size_t settled;  /* messages that became files in incoming/ */
	size_t known;    /* live records whose message was found as a file: left alone */
	size_t torn;     /* segments with a broken end: a group that was never acknowledged */
	size_t damaged;  /* acknowledged bytes that do not have their checksum: kept in corrupt/ */
	size_t segments; /* looked at */
	size_t busy;     /* left alone: an agent that outlived the last reader works on it */
};

/**
 * Turn every live message of the journal into a file in incoming/, flush them, free the segments. Where
 * a writer is at work what it has committed is taken and the segment stays its own.
 *
 * Needs the reader's lock or nobody's.
 * @return 0; -EBUSY there is a reader; other negative errno: what was not settled stays in the journal
 * Blocks: on the disk.
 */
_must_use_ int journal_replay(const struct journal_settings *s, struct journal_report *ret,
	struct why *why);
/**
 * Become the reader: lock, replay, then announce that writers may use the journal.
 *
 * @return 0; -EBUSY there is another, or a tool that is at a replay; other negative errno
 * Blocks: on the disk.
 */
_must_use_ int journal_reader_open(const struct journal_settings *s, struct journal_reader **ret,
	struct journal_report *report, struct why *why);
void journal_reader_close(struct journal_reader *r);
/**
 * Next message that was committed since the last call, in order of each segment. It is counted as
 * in use until journal_removed() or journal_settled(). Bytes that are no record are passed over with
 * a note, and kept in corrupt/.
 *
 * @return 1; 0 none: and the next commit wakes the trigger; negative errno: a segment cannot be read
 */
_must_use_ int journal_next(struct journal_reader *r, struct journal_entry *ret);
/**
 * The bytes of the message that journal_next() returned last: borrowed until its next call.
 *
 * @return empty: they are not at hand, use queue_message_open_place()
 */
struct str journal_image(struct journal_reader *r);
/**
 * True when an agent that outlived the last reader still works on this message: live and not yet a file, or a file that
 * must not be taken up before its marks were merged by journal_retry().
 */
bool journal_is_busy(const struct journal_reader *r, struct str id);
/**
 * Look again at the busy ones: settle or merge those whose agents have gone.
 *
 * @param report   settled and known are those of this call, busy what is left
 * @return 0 or negative errno: tried again by the next call
 * Blocks: on the disk.
 */
_must_use_ int journal_retry(struct journal_reader *r, struct journal_report *report,
	struct why *why);
/** The message has left the queue: state byte, not flushed. */
void journal_removed(struct journal_reader *r, const struct journal_place *p);
/**
 * Write the message to a queue file `queue`/id, marks included. Thread-safe; changes nothing in
 * the journal.
 *
 * @param e      the message, its place and id
 * @param sync   fsync the file and what names it
 * @return 0; -EEXIST; other negative errno: nothing is left behind
 */
_must_use_ int journal_settle(const struct queue_settings *q, const struct journal_entry *e,
	struct str queue, bool sync, struct why *why);
/** The message is a file, on stable storage: state byte, not flushed. */
void journal_settled(struct journal_reader *r, const struct journal_place *p);
/**
 * Mark in a file what is marked (D) in the image that it was made of. Thread-safe.
 *
 * @param file   writable
 * @return 0; -ESTALE the image is gone; other negative errno
 * Blocks: on the disk.
 */
_must_use_ int journal_merge(const struct journal_place *p, struct queue_message *file,
	struct why *why);
/** Hold a place's segment, apart from the message being live in it (a request is under way). */
void journal_hold(struct journal_reader *r, const struct journal_place *p);
/** End what journal_hold() began. */
void journal_release(struct journal_reader *r, const struct journal_place *p);
/**
 * True when the message should be settled soon: its segment is full and others wait for segments.
 *
 * @param p   NULL: whether any should
 */
bool journal_is_wanted(const struct journal_reader *r, const struct journal_place *p);
/** Free full segments in which nothing is left, and make marks that failed. Call now and then. */
void journal_recycle(struct journal_reader *r);
/** True when marks failed: journal_recycle() is to be called again, though nothing else happens. */
bool journal_has_unmarked(const struct journal_reader *r);

/* ---- looking: showq, postcat, postsuper ---- */

/**
 * Call fn for each live, committed message, whoever runs. Reads only; may miss or repeat one that changes
 * meanwhile.
 *
 * @return 0; what fn returned other than 0; negative errno
 */
_must_use_ int journal_each(const struct journal_settings *s,
	int (*fn)(void *arg, const struct journal_entry *e), void *arg);
