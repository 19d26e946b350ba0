/* SPDX-License-Identifier: Apache-2.0 */
/*
 * share.h — how many clients each user may occupy this process with.
 *
 * A user gets at most half of what the others leave: so however many connections some open, the next
 * one finds room. Thread-safe.
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "base/macros.h"

struct share;

/** For a process that serves `clients` at once. */
_alloc_ struct share *share_new(size_t clients);
/** NULL is accepted. */
void share_free(struct share *s);
/**
 * May one more client of this user be served? Counts it when so.
 *
 * The first one of a user always may.
 */
_must_use_ bool share_enter(struct share *s, uid_t uid);
/** A client that had entered left. */
void share_leave(struct share *s, uid_t uid);
/** Three quarters of the room are taken: clients that do nothing should go. */
bool share_is_scarce(struct share *s);
