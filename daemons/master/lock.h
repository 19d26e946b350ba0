/* SPDX-License-Identifier: Apache-2.0 */
/*
 * master/lock.h — the files that say that a master runs: locked as long as it lives.
 */
#pragma once

#include "base/why.h"

/** Create, lock and fill a lock file: its descriptor, to be kept open; or negative errno. */
_must_use_ int lock_take(const char *path, struct why *why);
/** 1 somebody holds the lock; 0 nobody does, or there is no such file; or negative errno. */
_must_use_ int lock_test(const char *path, struct why *why);
