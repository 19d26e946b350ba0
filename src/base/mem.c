/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/mem.c — allocation that cannot fail; see mem.h.
 */
#include "base/mem.h"

#include <string.h>
#include <unistd.h>

/* Out of memory: no stdio, no allocation, no exit handlers. */
static _noreturn_ void no_memory(void)
{
	static const char text[] = "fatal: out of memory\n";

	if (write(STDERR_FILENO, text, sizeof text - 1) < 0) {
		/* nothing is left to be told */
	}
	_exit(75);
}

/*
 * glibc's malloc hands out small pieces that the thread has freed; its calloc (before 2.41) never takes these, so that
 * they stay and each piece comes from and goes to the heap that all threads share.
 */
#define SMALL ((size_t)1024)

void *mem_alloc(size_t size)
{
	void *p = size <= SMALL ? malloc(MAX(size, (size_t)1)) : calloc(1, size);

	if (p == NULL)
		no_memory();
	return size <= SMALL ? memset(p, 0, size) : p;
}

void *mem_array(size_t n, size_t size)
{
	size_t total;

	if (__builtin_mul_overflow(n, size, &total))
		no_memory();
	return mem_alloc(total);
}

void *mem_resize(void *p, size_t n, size_t size)
{
	size_t total;
	void *q;

	if (__builtin_mul_overflow(n, size, &total))
		no_memory();
	q = realloc(p, total == 0 ? 1 : total);
	if (q == NULL)
		no_memory();
	return q;
}

char *mem_strdup(const char *s)
{
	size_t size;
	char *p;

	if (s == NULL)
		return NULL;
	size = strlen(s) + 1;
	p = mem_alloc(size);
	memcpy(p, s, size);
	return p;
}
