/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/spares.c — a stack of pointers behind a lock; see spares.h.
 */
#include "base/spares.h"

#include <pthread.h>

#include "base/mem.h"

struct spares {
	pthread_mutex_t lock; /* for n and v */
	void (*free_one)(void *);
	size_t max;
	size_t n;
	void *v[];
};

struct spares *spares_new(size_t max, void (*free_one)(void *))
{
	struct spares *s = mem_alloc(sizeof *s + max * sizeof *s->v);

	check(pthread_mutex_init(&s->lock, NULL) == 0);
	s->free_one = free_one;
	s->max = max;
	return s;
}

void spares_free(struct spares *s)
{
	if (s == NULL)
		return;
	while (s->n > 0)
		s->free_one(s->v[--s->n]);
	(void)pthread_mutex_destroy(&s->lock);
	free(s);
}

void *spares_take(struct spares *s)
{
	void *object;

	(void)pthread_mutex_lock(&s->lock);
	object = s->n > 0 ? s->v[--s->n] : NULL;
	(void)pthread_mutex_unlock(&s->lock);
	return object;
}

void spares_put(struct spares *s, void *object)
{
	bool kept;

	(void)pthread_mutex_lock(&s->lock);
	kept = s->n < s->max;
	if (kept)
		s->v[s->n++] = object;
	(void)pthread_mutex_unlock(&s->lock);
	if (!kept)
		s->free_one(object);
}
