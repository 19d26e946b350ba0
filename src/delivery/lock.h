/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delivery/lock.h — mailbox locks: fcntl, flock, dotlock, with attempts and stale lock files.
 */
#pragma once

#include "base/clock.h"
#include "base/why.h"

enum mailbox_lock {
	MAILBOX_LOCK_FCNTL = 1 << 0,
	MAILBOX_LOCK_FLOCK = 1 << 1,
	MAILBOX_LOCK_DOTLOCK = 1 << 2,
};

struct mailbox_lock_settings {
	unsigned methods; /* enum mailbox_lock */
	int attempts;     /* deliver_lock_attempts, at least 1 */
	usec_t delay;     /* deliver_lock_delay, between attempts */
	usec_t stale; /* stale_lock_time, by the change time (ctime) of the lock file; 0 never */
};

/** Methods of a list ("fcntl, dotlock"): 0, -EINVAL an unknown one, with why. */
_must_use_ int mailbox_lock_parse(struct str list, unsigned *ret, struct why *why);
/**
 * Make PATH.lock, also when PATH does not exist. After a first attempt one that is older than
 * `stale` is removed, so never with a single attempt.
 *
 * @return 0; -EEXIST still held after all attempts; errno of open(2); with why
 * Blocks: up to attempts times delay.
 */
_must_use_ int mailbox_dotlock(const char *path, const struct mailbox_lock_settings *s,
	struct why *why);
/** Remove PATH.lock. */
void mailbox_dotunlock(const char *path);
/**
 * Take the kernel locks of `s` on an open file; closing it releases them.
 *
 * @return 0; -EAGAIN still held after all attempts; other errno; with why
 * Blocks: up to attempts times delay.
 */
_must_use_ int mailbox_flock(int fd, const struct mailbox_lock_settings *s, struct why *why);
