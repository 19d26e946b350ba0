/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue/message_priv.h — the inside of a message handle, for message.c, reader.c and journal_files.c only.
 */
#pragma once

#include "queue/message.h"

struct queue_message {
	int fd;
	const char *bytes; /* the message, when it is in memory, or NULL */
	char *copy;        /* the same when it is in a file too, where marks are made; or NULL */
	int64_t base;      /* where the message begins in the file; not 0: in the journal */
	int64_t size;
	int64_t mtime;
	unsigned mode;
	struct journal_files *files; /* fd goes back there; NULL: it is closed */
	struct kept *kept;
};

struct journal_segment;

/** Room for a head and an image that is read with it. */
#define QUEUE_IMAGE_ROOM ((size_t)16 * 1024)

/**
 * A handle on an image of a segment that is open and locked; its descriptor becomes the handle's.
 *
 * @param room   QUEUE_IMAGE_ROOM bytes that stay as long as the handle: an image that fits is read at
 *               once; NULL: it is not
 */
_must_use_ int queue_message_in_segment(const struct journal_segment *seg,
	const struct journal_place *p, char *room, struct queue_message **ret, struct why *why);
/** Open the segment (O_RDONLY or O_RDWR), lock the image, and make a handle as above. */
_must_use_ int queue_message_open_image(const struct journal_place *p, int flags, char *room,
	struct journal_segment *seg, struct queue_message **ret, struct why *why);
/** Give a descriptor back, unlocked. */
void journal_files_put(struct journal_files *f, struct kept *k, uint64_t offset, uint64_t length);

/** Read up to `n` bytes at a message offset, fewer only at its end: count or negative errno. */
_must_use_ ssize_t queue_message_pread(const struct queue_message *m, char *p, size_t n,
	int64_t offset);
