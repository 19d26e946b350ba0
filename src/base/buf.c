/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/buf.c — growing byte buffers with a limit; see buf.h.
 */
#include "base/buf.h"

#include <errno.h>

#include "base/format.h"
#include "base/mem.h"

/* The first allocation; most texts fit. */
#define FIRST_CAP 256

static void forget(struct buf *b)
{
	b->ptr = NULL;
	b->len = b->cap = 0;
	b->local = false;
}

void buf_done(struct buf *b)
{
	if (b == NULL)
		return;
	if (!b->local)
		free(b->ptr);
	forget(b);
}

void buf_clear(struct buf *b)
{
	buf_truncate(b, 0);
}

void buf_truncate(struct buf *b, size_t len)
{
	check(len <= b->len);
	b->len = len;
	if (b->ptr != NULL)
		b->ptr[len] = '\0';
}

void buf_consume(struct buf *b, size_t n)
{
	check(n <= b->len);
	if (n == 0)
		return;
	memmove(b->ptr, b->ptr + n, b->len - n);
	buf_truncate(b, b->len - n);
}

static void grow(struct buf *b, size_t cap)
{
	char *p = mem_resize(b->local ? NULL : b->ptr, cap, 1);

	if (b->local)
		memcpy(p, b->ptr, b->len);
	p[b->len] = '\0';
	b->ptr = p;
	b->cap = cap;
	b->local = false;
}

int buf_reserve(struct buf *b, size_t n)
{
	size_t need;
	size_t cap;

	if (b->len > b->limit || n > b->limit - b->len)
		return -EMSGSIZE;
	need = b->len + n + 1;
	if (need <= b->cap)
		return 0;
	cap = b->cap < FIRST_CAP ? FIRST_CAP : b->cap;
	while (cap < need) {
		if (__builtin_mul_overflow(cap, (size_t)2, &cap))
			cap = need;
	}
	if (b->limit < SIZE_MAX && cap > b->limit + 1)
		cap = b->limit + 1;
	grow(b, cap);
	return 0;
}

int buf_add(struct buf *b, struct str s)
{
	int r = buf_reserve(b, s.len);

	if (r < 0)
		return r;
	if (s.len > 0)
		memcpy(b->ptr + b->len, s.ptr, s.len);
	b->len += s.len;
	b->ptr[b->len] = '\0';
	return 0;
}

int buf_addc(struct buf *b, char c)
{
	return buf_add(b, str_from(&c, 1));
}

int buf_adds(struct buf *b, const char *s)
{
	return buf_add(b, str_of(s));
}

int buf_addv(struct buf *b, const char *fmt, va_list ap)
{
	va_list again;
	size_t room;
	size_t n;
	int r;

	r = buf_reserve(b, 0);
	if (r < 0)
		return r;
	room = b->cap - b->len;
	va_copy(again, ap);
	n = format_text(b->ptr + b->len, room, fmt, again);
	va_end(again);
	if (n >= room) {
		b->ptr[b->len] = '\0';
		r = buf_reserve(b, n);
		if (r < 0)
			return r;
		(void)format_text(b->ptr + b->len, b->cap - b->len, fmt, ap);
	}
	b->len += n;
	return 0;
}

int buf_addf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = buf_addv(b, fmt, ap);
	va_end(ap);
	return r;
}

void buf_put(struct buf *b, struct str s)
{
	check(buf_add(b, s) == 0);
}

void buf_putc(struct buf *b, char c)
{
	check(buf_addc(b, c) == 0);
}

void buf_puts(struct buf *b, const char *s)
{
	check(buf_adds(b, s) == 0);
}

void buf_putf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = buf_addv(b, fmt, ap);
	va_end(ap);
	check(r == 0);
}

char *buf_take(struct buf *b)
{
	char *p = b->ptr;

	if (p == NULL || b->local) {
		p = mem_alloc(b->len + 1);
		memcpy(p, buf_cstr(b), b->len);
	}
	forget(b);
	return p;
}
