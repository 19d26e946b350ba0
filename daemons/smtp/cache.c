/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cache.c — idle connections, shared by the threads of a process.
 *
 * A connection is in the cache or owned by one thread, never both. A thread of its own closes what
 * was idle for too long, so that peers do not wait for our next delivery.
 */
#include <pthread.h>

#include "base/mem.h"
#include "client.h"

/* Requests for the destinations that share a slot, by second. */
struct rate {
	usec_t since;
	unsigned now, before;
};
#define RATES 64

struct cache {
	pthread_mutex_t lock;
	struct rate rates[RATES];
	pthread_cond_t wake;
	struct session *head; /* newest first */
	size_t n, max;
	bool has_reaper;
	usec_t wakes_at; /* when the reaper looks again without being called */
	usec_t ends_at;  /* no connection is past its time before */
};

/* With nothing to watch, the reaper stays awake for this long: the next connection need not wake it. */
#define LINGER (2 * USEC_PER_SEC)

struct cache *cache_new(size_t max)
{
	struct cache *c = mem_new(struct cache);
	pthread_condattr_t attr;

	c->max = max;
	c->ends_at = USEC_NEVER;
	(void)pthread_mutex_init(&c->lock, NULL);
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&c->wake, &attr);
	(void)pthread_condattr_destroy(&attr);
	return c;
}

/* A word of farewell that nobody waits for, then close. */
static void part(struct session *list)
{
	while (list != NULL) {
		struct session *s = list;
		int e;

		list = s->next;
		e = session_send(s, STR("QUIT\r\n"), USEC_PER_SEC, true);
		(void)e; /* the peer may be gone */
		session_free(s);
	}
}

static usec_t end_of(const struct session *s)
{
	return MIN(s->idle_until, s->expires);
}

/* Take out what is past its time, or beyond `max`; the lock is held. Mostly there is nothing to look for. */
static struct session *take_old(struct cache *c, usec_t now)
{
	struct session **p = &c->head, *out = NULL;
	size_t kept = 0;

	if (now < c->ends_at && c->n <= c->max)
		return NULL;
	c->ends_at = USEC_NEVER;
	while (*p != NULL) {
		struct session *s = *p;
		usec_t end = end_of(s);

		if (end > now && kept < c->max) {
			c->ends_at = MIN(c->ends_at, end);
			kept++;
			p = &s->next;
			continue;
		}
		*p = s->next;
		s->next = out;
		out = s;
		c->n--;
	}
	return out;
}

static usec_t next_deadline(const struct cache *c)
{
	usec_t t = USEC_NEVER;

	for (const struct session *s = c->head; s != NULL; s = s->next) {
		usec_t end = end_of(s);

		t = MIN(t, end);
	}
	return t;
}

static void *reap(void *arg)
{
	struct cache *c = arg;
	bool lingered = false;

	(void)pthread_mutex_lock(&c->lock);
	for (;;) {
		usec_t until = next_deadline(c);
		struct session *old;

		if (until == USEC_NEVER && !lingered)
			until = clock_deadline(LINGER);
		lingered = c->head == NULL;
		c->wakes_at = until;
		if (until == USEC_NEVER) {
			(void)pthread_cond_wait(&c->wake, &c->lock);
		} else {
			struct timespec ts = { .tv_sec = (time_t)(until / USEC_PER_SEC),
				.tv_nsec = (long)(until % USEC_PER_SEC) * 1000 };

			(void)pthread_cond_timedwait(&c->wake, &c->lock, &ts);
		}
		old = take_old(c, clock_now());
		(void)pthread_mutex_unlock(&c->lock);
		part(old);
		(void)pthread_mutex_lock(&c->lock);
	}
	return NULL;
}

/* Threads can only be made after the jail, so the first connection starts it. Lock held. */
static void start_reaper(struct cache *c)
{
	pthread_t t;

	if (c->has_reaper)
		return;
	c->has_reaper = pthread_create(&t, NULL, reap, c) == 0;
	if (c->has_reaper)
		(void)pthread_detach(t);
}

/*
 * Two destinations that share a slot may count for each other: the worst that comes of it is an idle
 * connection.
 */
bool cache_count(struct cache *c, struct str label)
{
	uint32_t hash = 2166136261u;
	usec_t now = clock_now();
	struct rate *r;
	bool often;

	for (size_t i = 0; i < label.len; i++)
		hash = (hash ^ (unsigned char)label.ptr[i]) * 16777619u;
	(void)pthread_mutex_lock(&c->lock);
	r = &c->rates[hash % RATES];
	if (now - r->since >= USEC_PER_SEC) {
		r->before = now - r->since < 2 * USEC_PER_SEC ? r->now : 0;
		r->now = 0;
		r->since = now;
	}
	r->now++;
	often = r->now > CACHE_OFTEN || r->before > CACHE_OFTEN;
	(void)pthread_mutex_unlock(&c->lock);
	return often;
}

struct session *cache_take(struct cache *c, const char *dest, const struct net_addr *addr)
{
	struct session *found = NULL, *old;

	(void)pthread_mutex_lock(&c->lock);
	old = take_old(c, clock_now());
	for (struct session **p = &c->head; *p != NULL; p = &(*p)->next) {
		struct session *s = *p;
		bool hit = dest != NULL ? s->dest != NULL && str_eq(str_of(s->dest), str_of(dest))
					: net_addr_eq(&s->addr, addr, true);

		if (!hit)
			continue;
		*p = s->next;
		s->next = NULL;
		c->n--;
		found = s;
		break;
	}
	(void)pthread_mutex_unlock(&c->lock);
	part(old);
	return found;
}

void cache_put(struct cache *c, struct session *s, usec_t idle)
{
	struct session *old;
	usec_t now = clock_now(), end;
	bool wake;

	(void)pthread_mutex_lock(&c->lock);
	s->idle_until = now + idle;
	end = end_of(s);
	s->next = c->head;
	c->head = s;
	c->n++;
	c->ends_at = MIN(c->ends_at, end);
	old = take_old(c, now);
	start_reaper(c);
	wake = end < c->wakes_at;
	if (wake)
		c->wakes_at = 0;
	(void)pthread_mutex_unlock(&c->lock);
	/* Outside the lock, or who wakes up would wait for it at once. */
	if (wake)
		(void)pthread_cond_signal(&c->wake);
	part(old);
}
