/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/buf.h — a growing byte buffer with a limit given at creation.
 *
 * Invariants: ptr is NULL or NUL-terminated at ptr[len]; len never exceeds limit. An append that
 * would exceed the limit changes nothing and returns -EMSGSIZE. `local` says that ptr is room on the
 * stack, which nobody frees.
 */
#pragma once

#include <stdarg.h>

#include "base/str.h"

struct buf {
	char *ptr;
	size_t len;
	size_t cap;
	size_t limit;
	bool local;
};

/** A limit for text that our own code composes from bounded parts. */
#define BUF_SMALL ((size_t)64 * 1024)
/** A limit for texts that contain one message header, table value or the like. */
#define BUF_MEDIUM ((size_t)4 * 1024 * 1024)

/** An empty buffer that will hold at most `limit` bytes. */
#define BUF(lim) ((struct buf){ .ptr = NULL, .len = 0, .cap = 0, .limit = (lim) })

/** Bytes that a BUF_LOCAL holds without an allocation, the NUL included. */
#define BUF_LOCAL_ROOM ((size_t)256)
/**
 * As BUF, for a buffer that ends with the block it is declared in: most texts fit in its room on the
 * stack. It must not be copied or swapped to where it lives longer; buf_take() may be used.
 */
#define BUF_LOCAL(lim)                                                      \
	((struct buf){ .ptr = (char[BUF_LOCAL_ROOM]){ 0 },                  \
		.cap = (lim) < BUF_LOCAL_ROOM ? (lim) + 1 : BUF_LOCAL_ROOM, \
		.limit = (lim),                                             \
		.local = true })

/** Free the content. The buffer may be used again with the same limit. */
void buf_done(struct buf *b);
#define _cleanup_buf_ _cleanup_(buf_done)

/** Forget the content, keep the memory. */
void buf_clear(struct buf *b);
/** As buf_clear, but memory of more than `max` bytes is given back. */
static inline void buf_trim(struct buf *b, size_t max)
{
	if (b->cap > max)
		buf_done(b);
	else
		buf_clear(b);
}
/** Shorten to `len` bytes; `len` is not greater than the length. */
void buf_truncate(struct buf *b, size_t len);
/** Remove the first `n` bytes. */
void buf_consume(struct buf *b, size_t n);
/**
 * Make room for `n` more bytes.
 *
 * @return 0; -EMSGSIZE when the limit would be exceeded
 */
_must_use_ int buf_reserve(struct buf *b, size_t n);

/**
 * Append bytes.
 *
 * @return 0; -EMSGSIZE, nothing changed
 */
_must_use_ int buf_add(struct buf *b, struct str s);
/** Append one byte: 0 or -EMSGSIZE. */
_must_use_ int buf_addc(struct buf *b, char c);
/** Append a NUL-terminated string: 0 or -EMSGSIZE. */
_must_use_ int buf_adds(struct buf *b, const char *s);
/** Append formatted text: 0 or -EMSGSIZE. */
_must_use_ int buf_addf(struct buf *b, const char *fmt, ...) _printf_(2, 3);
/** As buf_addf with a va_list. */
_must_use_ int buf_addv(struct buf *b, const char *fmt, va_list ap) _printf_(2, 0);

/** Append for content that is bounded by construction: check()s that it fits. */
void buf_put(struct buf *b, struct str s);
/** buf_put for one byte. */
void buf_putc(struct buf *b, char c);
/** buf_put for a NUL-terminated string. */
void buf_puts(struct buf *b, const char *s);
/** buf_put for formatted text. */
void buf_putf(struct buf *b, const char *fmt, ...) _printf_(2, 3);

/** The content, borrowed until the next change. */
static inline struct str buf_str(const struct buf *b)
{
	return (struct str){ b->ptr == NULL ? "" : b->ptr, b->len };
}

/** The content as a NUL-terminated string, borrowed until the next change. */
static inline const char *buf_cstr(const struct buf *b)
{
	return b->ptr == NULL ? "" : b->ptr;
}

/** Take the content as a heap string (never NULL); the buffer is empty afterwards. */
_alloc_ char *buf_take(struct buf *b);

/** Exchange two buffers, limits included; neither may be a BUF_LOCAL. */
static inline void buf_swap(struct buf *a, struct buf *b)
{
	struct buf t = *a;

	check(!a->local && !b->local);
	*a = *b;
	*b = t;
}
