/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/arena.c — blocks of doubling size, bump allocation; see arena.h.
 *
 * Under AddressSanitizer the part of a block that was not handed out is poisoned.
 */
#include "base/arena.h"

#include <stdarg.h>

#include "base/format.h"
#include "base/mem.h"

#ifdef __SANITIZE_ADDRESS__
#	include <sanitizer/asan_interface.h>
#	define POISON(p, n)   ASAN_POISON_MEMORY_REGION((p), (n))
#	define UNPOISON(p, n) ASAN_UNPOISON_MEMORY_REGION((p), (n))
#else
#	define POISON(p, n)   ((void)(p), (void)(n))
#	define UNPOISON(p, n) ((void)(p), (void)(n))
#endif

#define ALIGNMENT _Alignof(max_align_t)
/* With its head still of a size that malloc keeps ready for each thread (up to 1,032 bytes in glibc). */
#define FIRST_BLOCK ((size_t)960)
#define MAX_BLOCK   ((size_t)256 * 1024)
#define NO_LIMIT    ((size_t)1024 * 1024 * 1024)

struct block {
	struct block *next;
	size_t size;
	size_t used;
	_Alignas(max_align_t) char data[];
};

struct hook {
	struct hook *next;
	void (*fn)(void *);
	void *ptr;
};

struct arena {
	struct block *blocks; /* newest first; objects come from the first */
	struct hook *hooks;   /* newest first; they live in the blocks */
	size_t limit;
	size_t held; /* sum of the sizes of all blocks */
	size_t used;
};

struct arena *arena_new(size_t limit)
{
	struct arena *a = mem_new(struct arena);

	a->limit = limit == 0 ? NO_LIMIT : limit;
	return a;
}

static void run_hooks(struct arena *a)
{
	while (a->hooks != NULL) {
		struct hook *h = a->hooks;

		a->hooks = h->next;
		h->fn(h->ptr);
	}
}

static void free_block(struct block *b)
{
	UNPOISON(b->data, b->size);
	free(b);
}

void arena_free(struct arena *a)
{
	if (a == NULL)
		return;
	run_hooks(a);
	while (a->blocks != NULL) {
		struct block *b = a->blocks;

		a->blocks = b->next;
		free_block(b);
	}
	free(a);
}

void arena_clear(struct arena *a)
{
	struct block *keep = a->blocks;

	if (keep == NULL)
		return;
	run_hooks(a);
	while (keep->next != NULL) {
		struct block *b = keep->next;

		keep->next = b->next;
		free_block(b);
	}
	a->held = keep->size;
	a->used = 0;
	keep->used = 0;
	POISON(keep->data, keep->size);
}

void arena_trim(struct arena *a, size_t max)
{
	run_hooks(a);
	while (a->blocks != NULL && a->blocks->size > max) {
		struct block *b = a->blocks;

		a->blocks = b->next;
		free_block(b);
	}
	a->held = a->used = 0;
	arena_clear(a);
}

/* Add a block that has room for `need` bytes; false when the limit forbids it. */
static bool grow(struct arena *a, size_t need)
{
	size_t size = a->blocks == NULL ? FIRST_BLOCK : MIN(a->blocks->size * 2, MAX_BLOCK);
	struct block *b;

	if (need > a->limit - a->held)
		return false;
	size = MAX(MIN(size, a->limit - a->held), need);
	b = malloc(sizeof *b + size);
	if (b == NULL)
		b = mem_alloc(SIZE_MAX / 2);
	b->next = a->blocks;
	b->size = size;
	b->used = 0;
	POISON(b->data, b->size);
	a->blocks = b;
	a->held += size;
	return true;
}

void *arena_try(struct arena *a, size_t size)
{
	struct block *b;
	size_t need;
	void *p;

	if (size > a->limit)
		return NULL;
	need = (MAX(size, (size_t)1) + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
	b = a->blocks;
	if (b == NULL || b->size - b->used < need) {
		if (!grow(a, need))
			return NULL;
		b = a->blocks;
	}
	p = b->data + b->used;
	b->used += need;
	a->used += need;
	UNPOISON(p, size);
	memset(p, 0, size);
	return p;
}

void *arena_alloc(struct arena *a, size_t size)
{
	void *p = arena_try(a, size);

	check(p != NULL);
	return p;
}

void *arena_array(struct arena *a, size_t n, size_t size)
{
	size_t total;

	check(!__builtin_mul_overflow(n, size, &total));
	return arena_alloc(a, total);
}

char *arena_cstr(struct arena *a, struct str s)
{
	char *p = arena_alloc(a, s.len + 1);

	if (s.len > 0)
		memcpy(p, s.ptr, s.len);
	return p;
}

struct str arena_str(struct arena *a, struct str s)
{
	return str_from(arena_cstr(a, s), s.len);
}

struct str arena_fmt(struct arena *a, const char *fmt, ...)
{
	va_list ap;
	char *p;
	size_t n;

	va_start(ap, fmt);
	n = format_text(NULL, 0, fmt, ap);
	va_end(ap);
	p = arena_alloc(a, n + 1);
	va_start(ap, fmt);
	(void)format_text(p, n + 1, fmt, ap);
	va_end(ap);
	return str_from(p, n);
}

void arena_on_free(struct arena *a, void (*fn)(void *), void *ptr)
{
	struct hook *h = arena_obj(a, struct hook);

	h->fn = fn;
	h->ptr = ptr;
	h->next = a->hooks;
	a->hooks = h;
}

size_t arena_used(const struct arena *a)
{
	return a->used;
}
