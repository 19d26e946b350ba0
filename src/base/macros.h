/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/macros.h — attributes, cleanup helpers and check().
 *
 * Everything may include this file; it includes nothing of ours.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#define _cleanup_(fn)  __attribute__((cleanup(fn)))
#define _must_use_     __attribute__((warn_unused_result))
#define _printf_(f, a) __attribute__((format(printf, f, a)))
#define _noreturn_     __attribute__((noreturn))
#define _unused_       __attribute__((unused))
#define _const_fn_     __attribute__((const))
#define _nonnull_(...) __attribute__((nonnull(__VA_ARGS__)))
#define _alloc_        __attribute__((malloc, returns_nonnull))
#define _fallthrough_  __attribute__((fallthrough))

/** Number of elements of a true array. */
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/** The structure that holds member `m` at address `p`. */
#define container_of(p, type, m) ((type *)(void *)((char *)(p)-offsetof(type, m)))

/** Hand over a pointer: yields its value and leaves NULL behind. */
#define TAKE(p)                              \
	({                                   \
		typeof(p) take_value_ = (p); \
		(p) = NULL;                  \
		take_value_;                 \
	})

/** Hand over a descriptor: yields its value and leaves -1 behind. */
#define TAKE_FD(fd)                  \
	({                           \
		int take_fd_ = (fd); \
		(fd) = -1;           \
		take_fd_;            \
	})

/* sys/param.h has its own. */
#undef MIN
#undef MAX
#define MIN(a, b)                                  \
	({                                         \
		typeof(a) min_a_ = (a);            \
		typeof(b) min_b_ = (b);            \
		min_a_ < min_b_ ? min_a_ : min_b_; \
	})

#define MAX(a, b)                                  \
	({                                         \
		typeof(a) max_a_ = (a);            \
		typeof(b) max_b_ = (b);            \
		max_a_ > max_b_ ? max_a_ : max_b_; \
	})

/** Drop a result that must otherwise be used: the failure shows elsewhere or changes nothing. */
#define IGNORE(expr)        \
	do {                \
		if (expr) { \
		}           \
	} while (0)

/** Called by check(): prints file, line and condition to descriptor 2, then aborts. */
_noreturn_ void check_failed(const char *file, int line, const char *cond);

/** A programmer's error ends the process, in every build. Never for input or environment. */
#define check(cond)                                              \
	do {                                                     \
		if (__builtin_expect(!(cond), 0))                \
			check_failed(__FILE__, __LINE__, #cond); \
	} while (0)

/** Cleanup function for `_cleanup_free_`. */
static inline void free_p(void *p)
{
	free(*(void **)p);
}

#define _cleanup_free_ _cleanup_(free_p)

/** Define `name##p`, a cleanup function that calls `fn` on a pointer variable that is not NULL. */
#define DEFINE_CLEANUP(type, fn)          \
	static inline void fn##p(type *p) \
	{                                 \
		if (*p != NULL)           \
			fn(*p);           \
	}                                 \
	struct cleanup_needs_semicolon_
