/* SPDX-License-Identifier: Apache-2.0 */
/*
 * qmgr/envelope.h — what the queue manager wants from a queue file: everything but the content.
 *
 * One pass reads all envelope and extracted records, because filter and redirect may stand behind
 * the content; at most a given number of recipients is kept, the place of the first one left is
 * remembered. Reads through the message handle only.
 */
#pragma once

#include "delivery/request.h"

struct envelope {
	struct rec_size size;
	struct timeval arrival;
	int64_t create_time; /* seconds; of the queue file */
	struct str sender;
	struct str encoding;
	struct str dsn_envid;
	int dsn_ret;
	struct str verp; /* two characters, or empty */
	struct str filter;
	struct str inspector;
	struct str redirect;
	int trace_flags;      /* enum request_flags */
	int64_t trace_offset; /* of the A record; -1 none */
	int64_t warn_time;    /* seconds; 0 none */
	int64_t warn_offset;  /* -1 none */
	bool warn_sent;
	struct str client_name, client_addr, client_port, client_proto, client_helo;
	struct str sasl_method, sasl_username, sasl_sender;
	struct str log_ident, rewrite_context;
	size_t n_rcpt; /* recipients to do, found by the first pass */
	size_t unread; /* of these, not handed out yet */
	int64_t next;  /* where the first one not handed out begins */
	bool next_extracted;
};

/** Recipients, in an arena. */
struct rcpt_batch {
	struct recipient *v;
	size_t n;
};

/**
 * Read the envelope and the first recipients.
 *
 * @param max     most recipients to hand out; 1 or more
 * @param a       owns all strings of *ret
 * @param batch   owns *ret_rcpt (may be the same as a)
 * @return 0; -EBADMSG the file is corrupt, with why; other errno of reading
 */
_must_use_ int envelope_read(struct queue_message *m, size_t max, struct arena *a,
	struct arena *batch, struct envelope *ret, struct rcpt_batch *ret_rcpt, struct why *why);
/** Read the next recipients that are still to do: results as for envelope_read(). */
_must_use_ int envelope_more(struct queue_message *m, struct envelope *e, size_t max,
	struct arena *batch, struct rcpt_batch *ret, struct why *why);
