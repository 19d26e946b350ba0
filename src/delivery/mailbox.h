/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delivery/mailbox.h — writing a message to an mbox file or a maildir, as its owner.
 *
 * For single-client processes: the effective identity of the process changes during the write and
 * comes back afterwards. "Delivered" is only said of bytes that are on stable storage: the file and,
 * where a name was made, its directory were fsynced.
 */
#pragma once

#include "delivery/lock.h"
#include "delivery/mail_copy.h"

/** Who writes. */
struct mailbox_identity {
	uid_t uid;
	gid_t gid;
	bool change; /* false: stay what we are (not root) */
};

enum mailbox_outcome {
	MAILBOX_DELIVERED,
	MAILBOX_DEFERRED,
	MAILBOX_BOUNCED,
	MAILBOX_CORRUPT, /* the queue file is damaged: mark it, defer */
};

struct mailbox_result {
	enum mailbox_outcome outcome;
	int err;            /* positive errno of the failure, 0 none */
	const char *status; /* "2.0.0", "4.2.0", "5.2.2", ... */
	struct why why;     /* reason, without the name of the mailbox */
	bool not_regular;   /* the mailbox is a device or the like: worth a warning */
};

struct mailbox_settings {
	struct mailbox_lock_settings lock;
	int64_t size_limit; /* bytes: of an mbox with the new message, or of a maildir file; 0 none */
	bool strict_ownership; /* strict_mailbox_ownership */
	const char *hostname;  /* in names of maildir files */
	bool named;            /* always give a maildir file a name in tmp/ */
};

/** Become `id` (groups, gid, uid, effective): 0 or negative errno with why. */
_must_use_ int mailbox_become(const struct mailbox_identity *id, struct why *why);
/** Undo mailbox_become(); ends the process when that is impossible. */
void mailbox_return(const struct mailbox_identity *id);

/**
 * Append to an mbox file, made when absent (mode 0600).
 *
 * Refused: symbolic links, hard links, what is not a regular file, what was replaced while we waited
 * for a lock; with strict_ownership, files of others. On failure the file is cut back to its old
 * length.
 * @param id     who writes and, with strict_ownership, must own the file
 * @param path   absolute, or relative to the queue directory
 * @param copy   flags usually MAIL_COPY_MBOX; its limit is set here
 * Blocks: on locks, on the disk.
 */
void mbox_deliver(const struct mailbox_settings *s, const struct mailbox_identity *id,
	const char *path, struct mail_copy *copy, struct mailbox_result *ret);
/**
 * Store a file in a maildir; the directories are made when absent (mode 0700).
 *
 * @param id     who writes
 * @param path   with or without '/' at its end
 * @param copy   flags usually MAIL_COPY_MAILDIR; its limit is set here
 * Blocks: on the disk.
 */
void maildir_deliver(const struct mailbox_settings *s, const struct mailbox_identity *id,
	const char *path, struct mail_copy *copy, struct mailbox_result *ret);

/**
 * fsync a directory, which may be named by a symbolic link, after a name in it was made: 0 or errno.
 *
 * One that its owner may not read is left to the file system.
 */
_must_use_ int mailbox_sync_dir(const char *path);
/** Set outcome and status from what failed: EDQUOT and EFBIG bounce with 5.2.2, the rest waits. */
void mailbox_fail(struct mailbox_result *ret, int err);
