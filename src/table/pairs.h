/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table/pairs.h — an immutable set of pairs in memory: the body of inline:, texthash: and internal:.
 */
#pragma once

#include "table/table_priv.h"

/** Longest value that such a table takes. */
#define PAIRS_VALUE_MAX ((size_t)16 * 1024 * 1024)

struct map;

/** An empty set in t->impl; pairs_close() frees it. */
void pairs_init(struct table *t);
/**
 * Add a pair: the key is folded as the table's flags say, the first of two equal keys stays.
 *
 * @param replace a later pair takes the place of the first one instead
 * @param where   for the note about a duplicate: "FILE, line N" or the name of the table
 * @return 0; negative errno when a value names a file that cannot be read
 */
_must_use_ int pairs_add(struct table *t, struct str key, struct str value, bool replace,
	const char *where, struct why *why);
/** The value as it is stored: the text, or base64 of the files it names (TABLE_SRC_RHS_IS_FILE). */
_must_use_ int pairs_value(const struct table *t, struct str text, struct buf *ret,
	struct why *why);
/** Append base64 of the concatenation of files, named with commas or blanks between: 0 or errno. */
_must_use_ int table_files_base64(struct str names, struct buf *ret, struct why *why);

void pairs_close(struct table *t);
/** table_ops.get of types that keep pairs in memory. */
enum lookup pairs_get(const struct table *t, struct str key, struct buf *ret, struct why *why);
/** table_ops.each of types that keep pairs in memory. */
int pairs_each(const struct table *t, table_each_fn fn, void *ctx, struct why *why);
