/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue/journal_files.h — segments that a process keeps open from one message to the next.
 *
 * For agents, which open the same few segments thousands of times. Each descriptor is used by one message at a
 * time, as the lock on the image belongs to it; it is kept without a lock, so it keeps nobody from
 * claiming the segment. One that was not used for a while is closed. With each is room for a small image,
 * which is read at once.
 */
#pragma once

#include "queue/message.h"

struct journal_files;

/** How long agents keep a segment that they do not need. */
#define JOURNAL_FILES_IDLE (10 * USEC_PER_SEC)

/**
 * None are open at first.
 *
 * @param idle   those that were not used for so long are closed when another one is given back: a segment
 *               that was removed keeps its blocks as long as it is open
 */
_alloc_ struct journal_files *journal_files_new(usec_t idle);
/** No message that was opened with it may be open. NULL is accepted. */
void journal_files_free(struct journal_files *f);
/**
 * As queue_message_open_place(), writable, on a segment that is open already if there is one. Thread-safe.
 *
 * @param f     lives longer than *ret; NULL: the segment is opened for this message alone
 * @param p     where the image lies
 * @param ret   the handle
 * @return as there
 */
_must_use_ int queue_message_open_kept(struct journal_files *f, const struct journal_place *p,
	struct queue_message **ret, struct why *why);
