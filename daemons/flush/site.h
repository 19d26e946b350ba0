/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flush/site.h — logs of queue ids by destination, and what a flush does to the messages.
 *
 * A site's log is flush/<name>, one id a line, under an exclusive lock while it is read or written.
 */
#pragma once

#include "queue/dir.h"

/** Results of the flush protocol. */
enum flush_status {
	FLUSH_OK = 0,
	FLUSH_FAIL = -1,
	FLUSH_BAD = 3,
	FLUSH_DENY = 4,
};

/** Append the file name of a site: lower-case ASCII, what is not alphanumeric as '_'; 0 or -EINVAL. */
_must_use_ int site_file_name(struct str site, struct buf *ret);
/** Note that a message waits for a site. */
enum flush_status site_add(const struct queue_settings *q, struct str file, struct str id);
/** Make all messages of a site due now and empty its log; a missing log is an empty one. */
enum flush_status site_flush(const struct queue_settings *q, struct str file);
/** Make one message due now: deferred ones go to incoming; with `hint` qmgr forgets dead places. */
enum flush_status site_flush_one(const struct queue_settings *q, struct str id, bool hint);
/**
 * Flush logs that were not flushed for `refresh`, remove empty ones older than `purge`.
 *
 * @return true when something was flushed
 */
bool site_refresh(const struct queue_settings *q, int64_t refresh, int64_t purge);
