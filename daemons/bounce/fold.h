/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bounce/fold.h — long lines of a report broken at blanks.
 */
#pragma once

#include "base/buf.h"

/** Columns of a line. */
#define FOLD_WIDTH 79

/** Receives one line without its end: 0, or a negative errno that ends the work. */
typedef int (*fold_fn)(void *ctx, struct str line);

/**
 * Hand out `text` as lines of at most FOLD_WIDTH bytes, continued with four blanks.
 *
 * Words are not broken, so that a line with a long one is longer.
 * @return 0 or what fn returned
 */
_must_use_ int fold_text(struct str text, fold_fn fn, void *ctx);
