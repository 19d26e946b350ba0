/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/map.h — hash table from byte strings to pointers.
 *
 * Keys are copied. The hash is SipHash-1-3 with a random key per process, so that peers cannot
 * choose collisions. Iteration order is insertion order as long as nothing was removed. Not
 * thread-safe.
 */
#pragma once

#include "base/str.h"

struct map;

/** A map; `free_value` (may be NULL) is called on values that are replaced, removed or left. */
_alloc_ struct map *map_new(void (*free_value)(void *));
/** As map_new, keys compared without regard to ASCII case. */
_alloc_ struct map *map_new_nocase(void (*free_value)(void *));
/** Free the map and its values. NULL is accepted. */
void map_free(struct map *m);
DEFINE_CLEANUP(struct map *, map_free);
#define _cleanup_map_ _cleanup_(map_freep)

/** The value, or NULL. */
void *map_get(const struct map *m, struct str key);
/** True when the key is there (also with a NULL value). */
bool map_has(const struct map *m, struct str key);
/** Set or replace. */
void map_set(struct map *m, struct str key, void *value);
/** Add when absent: true when added, false (nothing changed) when the key was there. */
bool map_add(struct map *m, struct str key, void *value);
/** Remove and free the value: true when it was there. */
bool map_remove(struct map *m, struct str key);
/** Number of entries. */
size_t map_count(const struct map *m);

/** Position of an iteration; start with {0}. */
struct map_iter {
	size_t pos;
};
/** Next entry; false at the end. The map must not change meanwhile, but for removal of the entry. */
bool map_next(const struct map *m, struct map_iter *it, struct str *ret_key, void **ret_value);

/** Keyed 64-bit hash of bytes (SipHash-1-3, process key). */
uint64_t hash_bytes(struct str s);
