/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue/journal_priv.h — the inside of the journal: what lies on disk, the page that processes share,
 * and a walk through the records of a segment.
 *
 * Locks, all of them of open file descriptions: a segment's writer holds the first JOURNAL_ALIGN bytes of its
 * file, who delivers from an image holds the bytes of that, and a claim needs all of the file for
 * a moment; the reader holds byte 0 of journal/state; who claims a segment holds byte 1 for that time.
 */
#pragma once

#include <stdatomic.h>

#include "queue/journal.h"

/** Heads begin at multiples of this. */
#define JOURNAL_ALIGN 64
/** The header block; the first record follows. */
#define JOURNAL_DATA ((uint64_t)4096)
/** The second copy of the header. */
#define JOURNAL_HEADER_COPY ((uint64_t)2048)
/** A segment grows by this, in blocks that are written and flushed before they are used. */
#define JOURNAL_STEP ((uint64_t)4 << 20)
/** Longest image that is taken, whatever the settings say. */
#define JOURNAL_IMAGE_MAX ((uint64_t)4 << 20)
/** Most bytes of a group, unless one image alone is longer. */
#define JOURNAL_GROUP_BYTES ((uint64_t)3 << 20)
/** How far the walk looks for a record behind a broken one: further than a group reaches. */
#define JOURNAL_RESYNC ((uint64_t)9 << 20)

/** States of a record; any other byte counts as live. */
enum journal_mark {
	JOURNAL_LIVE = 'L',
	JOURNAL_REMOVED = 'R',
	JOURNAL_SETTLED = 'S',
};

/** Header of a segment, at 0 and again at JOURNAL_HEADER_COPY. */
struct journal_header {
	char magic[8];
	uint32_t order; /* JOURNAL_ORDER, as this machine stores it */
	uint32_t number;
	uint32_t generation;
	uint32_t zero;
	uint64_t size; /* of the segment when it is full grown */
	uint64_t
		tag; /* random: begins each record, so that no content of a message looks like one */
	uint32_t zeros[5];
	uint32_t crc; /* of what is before */
};
_Static_assert(sizeof(struct journal_header) == 64, "journal header");
#define JOURNAL_MAGIC "PRJRNL1"
#define JOURNAL_ORDER 0x01020304U

/** What stands before each image. */
struct journal_head {
	uint64_t tag;
	uint32_t generation;
	uint32_t length; /* of the image, 1.. */
	char id[24];     /* with NULs at its end */
	int64_t created; /* seconds since 1970 */
	uint32_t
		stable; /* in units of JOURNAL_ALIGN: what was flushed before this group was written */
	uint32_t image_crc;
	uint32_t head_crc; /* of what is before */
	uint8_t state;     /* enum journal_mark; in no checksum */
	uint8_t zero[3];
};
_Static_assert(sizeof(struct journal_head) == JOURNAL_ALIGN, "journal head");

/** Bytes that a record takes. */
uint64_t journal_record_bytes(uint64_t length);
/** Fill in the checksum of a header. */
void journal_header_seal(struct journal_header *h);
/** True when a header is whole and of this machine. */
bool journal_header_ok(const struct journal_header *h, uint32_t number);
/** Fill in the checksum of a head; the rest but the state is there. */
void journal_head_seal(struct journal_head *h);
/** Checksum of an image. */
uint32_t journal_image_crc(struct str image);
/**
 * True when the checksum is that of the image, or of the image with all recipients not done.
 */
bool journal_image_ok(struct str image, uint32_t crc);

/* ---- segments ---- */

struct journal_segment {
	int fd;
	uint32_t number;
	uint32_t generation;
	uint64_t tag;
	uint64_t size;      /* when it is full grown */
	uint64_t allocated; /* now */
};
#define JOURNAL_NO_SEGMENT ((struct journal_segment){ .fd = -1 })

/** "journal/0003". */
void journal_segment_path(struct buf *b, uint32_t number);
/**
 * Open a segment that exists and read its header.
 *
 * @param flags   O_RDONLY or O_RDWR
 * @return 0; -ENOENT; -ENODATA it was never used (all of the header is zero); -EBADMSG neither copy
 *         of the header is whole, or it is no regular file; other errno
 */
_must_use_ int journal_segment_open(uint32_t number, int flags, struct journal_segment *ret);
/**
 * The same for one image, which is locked, shared, as long as the segment is open. Waits for a replay
 * that settles it.
 *
 * @return as above; -EINVAL no such place
 */
_must_use_ int journal_segment_open_image(const struct journal_place *p, int flags,
	struct journal_segment *ret);
/** Close; a lock on it goes too. */
void journal_segment_close(struct journal_segment *seg);
/**
 * Make a segment ours: lock, grow to the first step, write and flush its header.
 *
 * @return 0; -EBUSY it has a writer, or somebody still reads from it; negative errno
 * Blocks: on the disk.
 */
_must_use_ int journal_segment_claim(uint32_t number, uint32_t generation, uint64_t size,
	struct journal_segment *ret);
/**
 * Grow so that `end` is within, in steps. The new blocks are on disk when it returns.
 *
 * @return 0; -EFBIG over the segment's size; -EIO a flush failed: the segment must not be used any more;
 *         other errno: it is as it was
 */
_must_use_ int journal_segment_grow(struct journal_segment *seg, uint64_t end);
/** True when somebody holds the segment as its writer. */
bool journal_segment_has_writer(const struct journal_segment *seg);
/** Set the state of the record whose image lies at `offset`: 0 or negative errno. */
_must_use_ int journal_segment_mark(const struct journal_segment *seg, uint64_t offset,
	enum journal_mark mark);

/* ---- the shared page ---- */

enum journal_phase {
	JOURNAL_FREE = 0,
	JOURNAL_OPEN = 1,   /* has a writer */
	JOURNAL_FULL = 2,   /* has none any more */
	JOURNAL_FAILED = 3, /* a write or a flush failed: never used again */
};

struct journal_slot {
	_Atomic uint64_t owner; /* generation << 32 | enum journal_phase */
	_Atomic uint64_t committed;
	_Atomic uint32_t busy; /* the writer may commit though the reader has just gone */
	uint32_t room[11];
};

struct journal_page {
	char magic[8];
	_Atomic uint32_t ready;    /* a reader has announced itself */
	_Atomic uint32_t sleeping; /* it wants a trigger */
	_Atomic uint32_t next_generation;
	_Atomic uint32_t wanted; /* writers lack segments */
	_Atomic uint64_t news;   /* grows with each commit */
	_Atomic uint32_t used;   /* segments from here on were never claimed */
	char room[4096 - 36];
	struct journal_slot slot[JOURNAL_SEGMENTS];
};

struct journal_state {
	int fd;
	dev_t dev;
	ino_t ino;
	struct journal_page *page;
};

static inline uint64_t journal_owner(uint32_t generation, enum journal_phase phase)
{
	return (uint64_t)generation << 32 | (uint64_t)phase;
}

static inline enum journal_phase journal_owner_phase(uint64_t owner)
{
	return (enum journal_phase)(owner & 3);
}

static inline uint32_t journal_owner_generation(uint64_t owner)
{
	return (uint32_t)(owner >> 32);
}

/**
 * Map journal/state.
 *
 * @param create   make it when it is not there or not as it should be
 * @return 0; -ENOENT; -EBADMSG; other errno
 */
_must_use_ int journal_state_open(bool create, struct journal_state **ret);
void journal_state_close(struct journal_state *st);
DEFINE_CLEANUP(struct journal_state *, journal_state_close);
/** Map journal/state for looking only: results as of journal_state_open(). */
_must_use_ int journal_state_open_to_read(struct journal_state **ret);
/** True when journal/state is another file by now, or not there. */
bool journal_state_is_stale(const struct journal_state *st);
/** Become the reader: 0, -EBUSY, other errno. */
_must_use_ int journal_state_lock_reader(const struct journal_state *st);
/** True when a reader has announced itself; `look` asks the kernel whether it lives. */
bool journal_state_has_reader(const struct journal_state *st, bool look);
/** Wait, not for ever, for the right to claim segments: 0; -EBUSY; other negative errno. */
_must_use_ int journal_state_lock_claim(const struct journal_state *st);
/** End that. */
void journal_state_unlock_claim(const struct journal_state *st);
/** Segments that the limit allows, 1..JOURNAL_SEGMENTS. */
uint32_t journal_segments_allowed(const struct journal_settings *s);
/** Least generation that may be given out at this time of day, so that ids never come again. */
uint32_t journal_generation_floor(void);

/* ---- walking ---- */

struct journal_scan {
	const struct journal_segment *seg;
	uint64_t pos;       /* where to look next */
	uint64_t end;       /* nothing is read from here on */
	struct buf window;  /* bytes of the segment */
	uint64_t window_at; /* its place there */
	uint64_t gap; /* where the bytes lie that were skipped before the last record, 0 none */
	struct journal_head head; /* of the last record */
	struct journal_place place;
	struct buf image; /* of the last record, when asked for */
};

enum journal_found {
	JOURNAL_END = 0,
	JOURNAL_RECORD = 1,
	JOURNAL_DAMAGED = 2, /* the head is good, the image is not */
};

/** Start at `pos` (a multiple of JOURNAL_ALIGN). */
void journal_scan_init(struct journal_scan *s, const struct journal_segment *seg, uint64_t pos,
	uint64_t end);
void journal_scan_done(struct journal_scan *s);
/**
 * Next record of the segment's generation. Bytes that are none are skipped (s->gap).
 *
 * @param with_image   read the image and compare its checksum
 * @return enum journal_found; negative errno: cannot be read
 */
_must_use_ int journal_scan_next(struct journal_scan *s, bool with_image);

/**
 * Keep what is damaged: copy bytes of a segment to corrupt/`name`, on stable storage.
 *
 * @return 0, also when it is there already; negative errno
 */
_must_use_ int journal_keep(const struct queue_settings *q, const struct journal_segment *seg,
	uint64_t offset, uint64_t length, const char *name);
/** Keep the bytes from `offset` that are no record: results as of journal_keep(). */
_must_use_ int journal_keep_gap(const struct queue_settings *q, const struct journal_segment *seg,
	uint64_t offset, uint64_t length, const struct notes *notes);

/**
 * The bytes of the last record's image, read with its head whenever they fit; borrowed until the next call.
 *
 * @return empty when it is long, or cannot be read
 */
struct str journal_scan_image(struct journal_scan *s);

/* ---- images that agents work on ---- */

/** Unlock bytes of a segment, all from the offset on when length is 0: 0 or negative errno. */
_must_use_ int journal_segment_unlock(const struct journal_segment *seg, uint64_t offset,
	uint64_t length);
/** Lock bytes of a segment: 0; -EBUSY (only without `wait`); other errno. */
_must_use_ int journal_segment_lock(const struct journal_segment *seg, uint64_t offset,
	uint64_t length, bool exclusive, bool wait);
/** True when somebody else has a lock on the image. */
bool journal_is_locked(const struct journal_segment *seg, const struct journal_place *p);
/** True when an error of queue_open() says that there is no such message: no file, or none of ours. */
bool journal_is_absent(int error);
/**
 * Copy marks of an image to the file that it became, wherever that lies.
 *
 * @return 1; 0 there is none; negative errno
 * Blocks: on the disk.
 */
_must_use_ int journal_merge_known(const struct queue_settings *q, struct str id, struct str image);

/** An image that an agent of an earlier qmgr works on. */
struct journal_busy_one {
	struct journal_entry e;
	struct journal_segment seg; /* with a shared lock on the image */
	bool settled;               /* a file since before */
	bool in_use;                /* counted by the reader */
};

struct journal_busy {
	struct journal_busy_one *v;
	size_t n;
};

/** Add one: 0 or negative errno. */
_must_use_ int journal_busy_add(struct journal_busy *b, const struct journal_entry *e,
	bool settled);
void journal_busy_done(struct journal_busy *b);
/** The one at a place, or NULL. */
struct journal_busy_one *journal_busy_find(const struct journal_busy *b,
	const struct journal_place *p);
/** True when a message is among them. */
bool journal_busy_has(const struct journal_busy *b, struct str id);
/**
 * Settle, or merge, those whose agents have gone; done() is called for each.
 *
 * @return 0; negative errno: some could not be written, they stay
 */
_must_use_ int journal_busy_retry(struct journal_busy *b, const struct queue_settings *q,
	void (*done)(void *arg, const struct journal_busy_one *o), void *arg,
	struct journal_report *report, struct why *why);

/**
 * The replay, for who has the reader's lock.
 *
 * @param busy   gets what agents work on
 */
_must_use_ int journal_replay_locked(const struct journal_settings *s, struct journal_state *st,
	struct journal_busy *busy, struct journal_report *ret, struct why *why);
