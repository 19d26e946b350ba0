/* SPDX-License-Identifier: Apache-2.0 */
/*
 * intake/post.h — hand a message to the cleanup service over its socket.
 *
 * For bounce, pickup, smtpd with another cleanup_service_name, and notices to the postmaster.
 * Blocks, bounded by ipc_timeout. Not shared between threads.
 */
#pragma once

#include "base/clock.h"
#include "base/why.h"
#include "queue/record.h"

struct post;

/**
 * Connect, receive the queue id, and buffer the flags.
 *
 * @param cleanup_path   socket, relative to the queue directory or absolute
 * @param flags          enum intake_flags of intake/intake.h
 * @param timeout        of the connection and of each read and write (ipc_timeout)
 * @return 0; -ENOENT or -ECONNREFUSED no service; -EPROTO another one; -ETIMEDOUT; other errno
 * Ownership: *ret is freed with post_free().   Blocks: on the service.
 */
_must_use_ int post_open(const char *cleanup_path, unsigned flags, usec_t timeout,
	struct post **ret, struct why *why);
/** The queue id that cleanup chose, valid until post_free(). */
const char *post_id(const struct post *p);
/** Send one record (buffered): 0 or negative errno. */
_must_use_ int post_record(struct post *p, int type, struct str data);
/** Send a formatted record. */
_must_use_ int post_recordf(struct post *p, int type, const char *fmt, ...) _printf_(3, 4);
/** Send one text line as L and N records: 0 or negative errno. */
_must_use_ int post_line(struct post *p, struct str line);
/** Send one formatted text line: 0 or negative errno. */
_must_use_ int post_linef(struct post *p, const char *fmt, ...) _printf_(2, 3);
/**
 * Send the Received field that notices and forwarded mail begin with.
 *
 * @param myhostname, mail_name   the parameters
 * @return 0 or negative errno
 */
_must_use_ int post_received(struct post *p, const char *myhostname, const char *mail_name);
/**
 * After E: write what waits and read the answer.
 *
 * @param ret_status   enum intake_status bits; 0: the message is on stable storage
 * @param ret_reason   text for people, often empty; valid until post_free()
 * @return 0; -EPROTO or the stream's error: what became of the message is not known
 */
_must_use_ int post_finish(struct post *p, unsigned *ret_status, struct str *ret_reason,
	struct why *why);
/** Close and free; an unfinished message is given up by the other side. NULL is accepted. */
void post_free(struct post *p);

/**
 * Begin a notice of our own: T, attributes, S, R and M are sent as local posting agents do.
 *
 * The caller goes on with post_line(), then X and E, then post_finish().
 * @param sender        internal form, empty for the null sender
 * @param recipient     internal form
 * @param trace_flags   REQUEST_ trace bits of delivery/request.h, mostly 0
 */
_must_use_ int post_notice(const char *cleanup_path, unsigned flags, usec_t timeout,
	struct str sender, struct str recipient, int trace_flags, struct post **ret,
	struct why *why);
