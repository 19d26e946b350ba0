/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue/message_priv.h — the inside of a message handle, for message.c and reader.c only.
 */
#pragma once

#include "queue/message.h"

struct queue_message {
	int fd;
	const char *bytes; /* the message, when it is in memory; fd is -1 then */
	int64_t base;      /* where the message begins in the file; not 0: in the journal */
	int64_t size;
	int64_t mtime;
	unsigned mode;
};

/** Read up to `n` bytes at a message offset, fewer only at its end: count or negative errno. */
_must_use_ ssize_t queue_message_pread(const struct queue_message *m, char *p, size_t n,
	int64_t offset);
