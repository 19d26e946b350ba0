/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table/build.h — writing tables (postmap, postalias, caches) and reading their source files.
 *
 * Indexed files are interchangeable with those of other programs: lmdb and hash-like keys and values
 * end in a NUL byte, cdb ones do not. A bulk build is one transaction (lmdb) or a new file that
 * replaces the old one (cdb): readers see the old table or the new one, never a part.
 */
#pragma once

#include <sys/types.h>

#include "table/table.h"

/** Called for each pair; a value other than 0 ends the walk and is returned. */
typedef int (*table_each_fn)(void *ctx, struct str key, struct str value);

/**
 * Visit all pairs of a table.
 *
 * @return 0; what fn returned; -ENOTSUP when the type cannot be walked; -EIO with why
 */
_must_use_ int table_each(const struct table *t, table_each_fn fn, void *ctx, struct why *why);
/** As table_get(), but an empty result is LOOKUP_FOUND and why holds the bare cause (postmap -q). */
_must_use_ enum lookup table_get_raw(const struct table *t, struct str key, struct buf *ret,
	struct why *why);
