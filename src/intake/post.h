/* SPDX-License-Identifier: Apache-2.0 */
/*
 * intake/post.h — hand a message to the cleanup service over its socket.
 *
 * For bounce, pickup, smtpd with another cleanup_service_name, and notices to the postmaster.
 * Blocks, bounded by ipc_timeout.
 */
#pragma once

#include "base/why.h"
#include "base/clock.h"
#include "queue/record.h"

struct post;

/** Connect, send flags (enum intake_flags), receive the queue id: 0 or negative errno. */
_must_use_ int post_open(const char *cleanup_path, unsigned flags, usec_t timeout, struct post **ret,
	struct why *why);
/** The queue id that cleanup chose. */
const char *post_id(const struct post *p);
/** Send one record: 0 or negative errno. */
_must_use_ int post_record(struct post *p, int type, struct str data);
/** Send a formatted record. */
_must_use_ int post_recordf(struct post *p, int type, const char *fmt, ...) _printf_(3, 4);
/** After E: flush, read the answer: 0 and status bits and reason (borrowed), or negative errno. */
_must_use_ int post_finish(struct post *p, unsigned *ret_status, struct str *ret_reason,
	struct why *why);
/** Close; an unfinished message is given up by the other side. */
void post_free(struct post *p);

/** Begin a notice of our own: T, attributes, S, R, M are sent as local posting agents do. */
_must_use_ int post_notice(const char *cleanup_path, unsigned flags, usec_t timeout,
	struct str sender, struct str recipient, int trace_flags, struct post **ret, struct why *why);
/** One text line as N/L records. */
_must_use_ int post_line(struct post *p, struct str line);
