/* SPDX-License-Identifier: Apache-2.0 */
/*
 * share.c — see share.h.
 */
#include "share.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/mem.h"

struct share {
	pthread_mutex_t lock;
	size_t clients; /* room in all */
	size_t n;       /* users that have clients here */
	size_t active;  /* clients of all users */
	struct user {
		uid_t uid;
		size_t active;
	} * v; /* never more than `clients` */
};

struct share *share_new(size_t clients)
{
	struct share *s = mem_new(struct share);

	check(pthread_mutex_init(&s->lock, NULL) == 0);
	s->clients = MAX(clients, (size_t)1);
	s->v = mem_array(s->clients, sizeof *s->v);
	return s;
}

void share_free(struct share *s)
{
	if (s == NULL)
		return;
	(void)pthread_mutex_destroy(&s->lock);
	free(s->v);
	free(s);
}

static struct user *find(struct share *s, uid_t uid)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->v[i].uid == uid)
			return &s->v[i];
	return NULL;
}

static bool enter(struct share *s, uid_t uid)
{
	struct user *u = find(s, uid);

	if (s->active >= s->clients)
		return false;
	if (u == NULL) {
		u = &s->v[s->n++];
		*u = (struct user){ .uid = uid };
	} else if (u->active >= (s->clients - (s->active - u->active)) / 2) {
		return false;
	}
	u->active++;
	s->active++;
	return true;
}

bool share_enter(struct share *s, uid_t uid)
{
	bool ok;

	check(pthread_mutex_lock(&s->lock) == 0);
	ok = enter(s, uid);
	check(pthread_mutex_unlock(&s->lock) == 0);
	return ok;
}

void share_leave(struct share *s, uid_t uid)
{
	struct user *u;

	check(pthread_mutex_lock(&s->lock) == 0);
	u = find(s, uid);
	check(u != NULL && s->active > 0);
	s->active--;
	if (--u->active == 0)
		*u = s->v[--s->n];
	check(pthread_mutex_unlock(&s->lock) == 0);
}

bool share_is_scarce(struct share *s)
{
	bool scarce;

	check(pthread_mutex_lock(&s->lock) == 0);
	scarce = s->active > 1 && s->active * 4 >= s->clients * 3;
	check(pthread_mutex_unlock(&s->lock) == 0);
	return scarce;
}
