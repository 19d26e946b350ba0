/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/spares.h — objects that nobody uses now, kept for whoever needs one next.
 *
 * For objects that are expensive to make and are needed again and again, by any thread: what was put
 * last is taken first, since its memory is most likely still in the processor's cache. How much memory
 * may lie here is bounded twice: by the number of objects, and by the owner, who gives back what an
 * object grew beyond its usual size before he puts it here.
 *
 * Thread-safe. Invariant: an object is here, or somebody's, never both.
 */
#pragma once

#include "base/macros.h"

struct spares;

/** Room for `max` objects; `free_one` is called for those beyond, and by spares_free(). */
_alloc_ struct spares *spares_new(size_t max, void (*free_one)(void *));
/** Free the objects that are here. NULL is accepted. */
void spares_free(struct spares *s);
/** An object that was put, as it was put; NULL: there is none, make one. */
_must_use_ void *spares_take(struct spares *s);
/** Keep an object, or free it when there are enough. */
void spares_put(struct spares *s, void *object);
