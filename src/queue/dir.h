/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue/dir.h — queue directories: ids, hashed paths, creation, scanning, safe moves.
 *
 * All paths are relative to the current directory, which is queue_directory. Settings say which
 * queues are hashed. Thread-safe.
 */
#pragma once

#include <pthread.h>

#include "base/clock.h"
#include "base/why.h"

#define QUEUE_MAILDROP "maildrop"
#define QUEUE_INCOMING "incoming"
#define QUEUE_ACTIVE   "active"
#define QUEUE_DEFERRED "deferred"
#define QUEUE_HOLD     "hold"
#define QUEUE_CORRUPT  "corrupt"
#define QUEUE_BOUNCE   "bounce"
#define QUEUE_DEFER    "defer"
#define QUEUE_TRACE    "trace"
#define QUEUE_FLUSH    "flush"
#define QUEUE_SAVED    "saved"

/** Mode bits of a queue file. */
#define QUEUE_MODE_READY   0700
#define QUEUE_MODE_CORRUPT 0400
#define QUEUE_MODE_FLUSH   0040 /* flush hint */
#define QUEUE_MODE_EXPIRE  0010 /* force-expire */

/** Longest id in bytes. */
#define QUEUE_ID_MAX 255
/** Room for a path "queue/x/y/id". */
#define QUEUE_PATH_MAX 512

struct journal_files;
struct queue_settings {
	const char *const *hashed;   /* NULL-terminated names (hash_queue_names) */
	unsigned hash_depth;         /* 1.. */
	bool long_ids;               /* enable_long_queue_ids */
	struct journal_files *files; /* of an agent: segments that stay open; NULL: none do */
	/**
	 * Of a server of many clients: who creates a file holds it, NULL: nobody does. One at a time can
	 * change a directory, and in the kernel those who wait for that burn their processor.
	 */
	pthread_mutex_t *creating;
};

/** 1..100 alphanumeric characters. */
bool queue_name_ok(struct str name);
/** 1..255 characters of [A-Za-z0-9_]. */
bool queue_id_ok(struct str id);

/** Append the short id of (microseconds, inode). */
void queue_id_short(struct buf *b, uint32_t usec, uint64_t inode);
/** Append the long id of (seconds, microseconds, inode). */
void queue_id_long(struct buf *b, int64_t sec, uint32_t usec, uint64_t inode);
/** What an id says. */
struct queue_id_parts {
	bool is_long;
	int64_t sec; /* long ids only */
	uint32_t usec;
	uint64_t inode;
};
/** Take an id apart: 0 or -EINVAL. */
_must_use_ int queue_id_parse(struct str id, struct queue_id_parts *ret);

/** Append the path of a file, hashed as configured. */
void queue_path(const struct queue_settings *s, struct buf *b, struct str queue, struct str id);

/** A file that is being written. */
struct queue_file {
	int fd;
	char id[QUEUE_ID_MAX + 1];
	struct timeval created; /* the time that the id tells */
};

/**
 * Create a file in a queue with a name made of time and inode; mode as given, read and write.
 *
 * @return 0; -EACCES, -ENOSPC, ... with why; tries again only where documented
 */
_must_use_ int queue_create(const struct queue_settings *s, struct str queue, mode_t mode,
	struct queue_file *ret, struct why *why);
/**
 * Move a file between queues (rename, directories made on demand).
 *
 * @return 0; -ENOENT not there; other errno
 */
_must_use_ int queue_move(const struct queue_settings *s, struct str id, struct str from,
	struct str to, struct why *why);
/** True when a queue is hashed; names are compared without regard to case. */
bool queue_is_hashed(const struct queue_settings *s, struct str queue);
/** Unlink: 0, -ENOENT, other errno. */
_must_use_ int queue_remove(const struct queue_settings *s, struct str queue, struct str id);
/** Open without following links; makes hash directories with O_CREAT: descriptor or errno. */
_must_use_ int queue_open(const struct queue_settings *s, struct str queue, struct str id,
	int flags, mode_t mode);

/** A scan of one queue, in directory order, descending into one-character directories. */
struct queue_scan;
/** Start: 0 or negative errno. */
_must_use_ int queue_scan_open(struct str queue, struct queue_scan **ret);
/** The queue is never hashed: a directory in it is an entry like others. Call before the first one. */
void queue_scan_flat(struct queue_scan *s);
/** Path of the entry that was returned last ("deferred/A/ABC123"), borrowed until the next call. */
const char *queue_scan_path(const struct queue_scan *s);
/** Next valid id: 1 with *ret_id borrowed until the next call, 0 at the end, or negative errno. */
_must_use_ int queue_scan_next(struct queue_scan *s, struct str *ret_id);
void queue_scan_close(struct queue_scan *s);
DEFINE_CLEANUP(struct queue_scan *, queue_scan_close);
