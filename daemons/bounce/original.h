/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bounce/original.h — the message that a notice is about, as far as it can be read.
 */
#pragma once

#include "base/arena.h"
#include "intake/post.h"
#include "queue/message.h"

struct original {
	struct queue_message *msg; /* NULL: cannot be read */
	int64_t data_offset;       /* of the first record of its content */
	int64_t size;              /* bytes of content */
	int64_t arrival;           /* seconds since 1970 */
};

/** Open a queue file; one that is gone or damaged gives an empty original. */
void original_open(struct original *o, const struct queue_settings *q, struct str queue_name,
	struct str queue_id);
void original_close(struct original *o);
/** The Message-Id, with its brackets, in the arena; empty when there is none. */
struct str original_message_id(const struct original *o, struct arena *a);
/**
 * Send the headers, and the rest of the message when `full`.
 *
 * @return 0, also when the file is damaged half-way; negative errno of the post
 */
_must_use_ int original_copy(const struct original *o, struct post *p, bool full);
