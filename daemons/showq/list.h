/* SPDX-License-Identifier: Apache-2.0 */
/*
 * showq/list.h — one message as a list of attributes.
 */
#pragma once

#include "queue/message.h"

struct list_settings {
	struct queue_settings queues;
	bool brief;               /* what clients of before 3.11 want: recipient and reason only */
	const char *empty_sender; /* shown for the null sender (empty_address_recipient) */
	size_t duplicates; /* recipients that are remembered as shown (duplicate_filter_limit) */
};

/** Most bytes of a message's list; what does not fit is left out. */
#define LIST_LIMIT ((size_t)256 * 1024 * 1024)

/**
 * Append the list of one message: queue, id, time, size, sender, recipients with reasons.
 *
 * Recipients of which the defer and bounce logs tell come first, then those of the queue file that
 * are still to do.
 * @return 1 appended; 0 the file is gone, incomplete or none of ours
 * Blocks: on the disk.
 */
int list_message(const struct list_settings *s, struct str queue, struct str id, struct buf *ret);
/** The same for a message of the journal; it is shown as one of the active queue. */
int list_young(const struct list_settings *s, const struct journal_entry *e, struct buf *ret);
