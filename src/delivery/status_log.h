/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delivery/status_log.h — the per-message logs in bounce/, defer/ and trace/: one entry a recipient.
 *
 * Text, entries separated by empty lines, as documented for these directories. Paths come from
 * queue_path() and are relative to queue_directory. Writers append under an exclusive lock and flush
 * to disk, so that readers see whole entries; a failed append leaves the file as it was.
 */
#pragma once

#include "base/arena.h"
#include "base/why.h"
#include "delivery/dsn.h"
#include "delivery/request.h"
#include "queue/dir.h"

/** What one recipient's log entry says. Strings are borrowed. */
struct status_entry {
	struct recipient
		rcpt; /* orig_addr, address (internal form), offset, dsn_orcpt, dsn_notify */
	struct dsn dsn;
};

/**
 * Append one entry; the file and its hash directories are made when they do not exist.
 *
 * Control characters are stored as '?'.
 * @param q         which directories are hashed
 * @param service   directory: "bounce", "defer" or "trace"
 * @param id        of the message
 * @param e         what to write; an empty action becomes the one that the directory stands for
 * @param compat    also write the line of old versions (backwards_bounce_logfile_compatibility)
 * @return 0 when the entry is on stable storage; negative errno with why, nothing appended
 * Blocks: on the lock and the disk.
 */
_must_use_ int status_log_append(const struct queue_settings *q, struct str service, struct str id,
	const struct status_entry *e, bool compat, struct why *why);

struct status_log;

/**
 * Open a log for reading.
 *
 * @return 0; -ENOENT there is none; other errno
 */
_must_use_ int status_log_open(const struct queue_settings *q, struct str service, struct str id,
	struct status_log **ret);
/** Wait for writers and keep them out until the log is closed: 0 or negative errno. */
_must_use_ int status_log_lock(struct status_log *l);
/**
 * The next entry.
 *
 * What is missing gets the documented defaults: "4.0.0"/"delayed" in defer, "5.0.0"/"failed"
 * elsewhere, "(recipient address unavailable)", "(description unavailable)"; an empty address
 * stays empty (its text form is "(MAILER-DAEMON)").
 *
 * @param ret   borrowed until the next call
 * @return 1; 0 at the end; -EBADMSG an entry over the size limit; other negative errno
 */
_must_use_ int status_log_next(struct status_log *l, struct status_entry *ret);
void status_log_close(struct status_log *l);
DEFINE_CLEANUP(struct status_log *, status_log_close);
/** Delete a log: 0, also when there is none; or negative errno. */
_must_use_ int status_log_remove(const struct queue_settings *q, struct str service, struct str id);
