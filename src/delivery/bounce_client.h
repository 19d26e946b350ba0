/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delivery/bounce_client.h — requests to bounce, defer and trace.
 *
 * Encoding is separate from sending, so that event-driven callers (qmgr) send it themselves.
 */
#pragma once

#include "delivery/request.h"

enum bounce_request {
	BOUNCE_APPEND = 0,
	BOUNCE_FLUSH = 1,
	BOUNCE_WARN = 2,
	BOUNCE_VERP = 3,
	BOUNCE_ONE = 4,
	BOUNCE_TRACE = 5,
};
#define BOUNCE_FLAG_CLEAN   1 /* delete the log on error */
#define BOUNCE_FLAG_DELRCPT 2 /* mark recipients done in the queue file */

struct bounce_message {
	struct str queue_name, queue_id, encoding;
	int sendopts;
	struct str sender, dsn_envid;
	int dsn_ret;
	struct str verp; /* two characters, or empty */
};

/** Append request 0 (rcpt and dsn needed). */
_must_use_ int bounce_encode_append(struct buf *b, int flags, struct str queue_id,
	const struct recipient *rcpt, const struct dsn *dsn);
/** Append request 1, 2, 3 or 5. */
_must_use_ int bounce_encode_flush(struct buf *b, enum bounce_request what, int flags,
	const struct bounce_message *m);
/** Append request 4. */
_must_use_ int bounce_encode_one(struct buf *b, int flags, const struct bounce_message *m,
	const struct recipient *rcpt, const struct dsn *dsn);
/** Send one encoded request to a service and read its status: 0, or negative errno with why. Blocks. */
_must_use_ int bounce_call(const char *path, struct str request, usec_t timeout, struct why *why);
