/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/mem.h — allocation that cannot fail.
 *
 * Memory is zeroed. When there is none left the process writes one line to descriptor 2 and leaves
 * with status 75; master starts it again.
 */
#pragma once

#include "base/macros.h"

/** `size` zeroed bytes; the caller frees them. */
_alloc_ void *mem_alloc(size_t size);
/** Room for `n` elements of `size` bytes, zeroed; overflow is treated as no memory. */
_alloc_ void *mem_array(size_t n, size_t size);
/** realloc for arrays; new space is not zeroed. */
__attribute__((returns_nonnull)) void *mem_resize(void *p, size_t n, size_t size);
/** Heap copy of a NUL-terminated string; NULL gives NULL. */
char *mem_strdup(const char *s);

/** One zeroed object of a type. */
#define mem_new(type) ((type *)mem_alloc(sizeof(type)))
