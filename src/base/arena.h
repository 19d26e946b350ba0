/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/arena.h — an owner of object trees with one lifetime and a hard byte limit.
 *
 * A session has three: session (connection), tx (one message), scratch (one command). Nothing in an
 * arena points to something that lives shorter. Not shared between threads.
 *
 * Invariant: the sum of all blocks never exceeds the limit. arena_alloc() at the limit returns NULL
 * only through arena_try(); the others treat it as a programmer's error because their callers bound
 * what they store.
 */
#pragma once

#include "base/str.h"

struct arena;

/** An arena that may hold at most `limit` bytes (0: 1 GiB). Free with arena_free(). */
_alloc_ struct arena *arena_new(size_t limit);
/** Run the registered functions, newest first, and free everything. NULL is accepted. */
void arena_free(struct arena *a);
DEFINE_CLEANUP(struct arena *, arena_free);
#define _cleanup_arena_ _cleanup_(arena_freep)
/** Run the registered functions and forget all objects; keeps one block for reuse. */
void arena_clear(struct arena *a);
/** As arena_clear, but the block that is kept has at most `max` bytes. */
void arena_trim(struct arena *a, size_t max);

/** `size` zeroed bytes, aligned for any type. check()s the limit. */
_alloc_ void *arena_alloc(struct arena *a, size_t size);
/** As arena_alloc, but NULL when the limit would be exceeded; for sizes that a peer controls. */
_must_use_ void *arena_try(struct arena *a, size_t size);
/** `n` zeroed elements of `size` bytes; check()s overflow and limit. */
_alloc_ void *arena_array(struct arena *a, size_t n, size_t size);
/** A copy with a NUL added. */
struct str arena_str(struct arena *a, struct str s);
/** A NUL-terminated copy. */
_alloc_ char *arena_cstr(struct arena *a, struct str s);
/** Formatted text in the arena. */
struct str arena_fmt(struct arena *a, const char *fmt, ...) _printf_(2, 3);
/** Call fn(ptr) when the arena is cleared or freed. */
void arena_on_free(struct arena *a, void (*fn)(void *), void *ptr);
/** Bytes handed out since creation or the last clear. */
size_t arena_used(const struct arena *a);

/** One zeroed object of a type in an arena. */
#define arena_obj(a, type) ((type *)arena_alloc((a), sizeof(type)))
