/* SPDX-License-Identifier: Apache-2.0 */
/*
 * address/cache.c — results of resolve, one slot a hash value, for a short time.
 *
 * A new result takes the slot of an old one; so the size is bounded and nothing needs to be ordered.
 * Lifetime is that of the result cache in clients of the original (30 s): tables that change without
 * notice are heard soon enough.
 */
#include <pthread.h>

#include "address/router_priv.h"
#include "base/map.h"
#include "base/mem.h"

#define LIFETIME (30 * USEC_PER_SEC)
#define LOCKS    16
/* Longer keys are not worth keeping. */
#define MAX_KEY 1024

struct entry {
	usec_t expires;
	size_t key_len, transport_len, nexthop_len, recipient_len;
	unsigned flags;
	char bytes[]; /* key, transport, nexthop, recipient */
};

struct resolve_cache {
	size_t size;
	pthread_mutex_t lock[LOCKS]; /* slot i belongs to lock i % LOCKS */
	struct entry **slot;
};

struct resolve_cache *resolve_cache_new(size_t size)
{
	struct resolve_cache *c;

	if (size == 0)
		return NULL;
	c = mem_new(struct resolve_cache);
	c->size = size;
	c->slot = mem_array(size, sizeof(struct entry *));
	for (size_t i = 0; i < LOCKS; i++)
		check(pthread_mutex_init(&c->lock[i], NULL) == 0);
	return c;
}

void resolve_cache_free(struct resolve_cache *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < c->size; i++)
		free(c->slot[i]);
	for (size_t i = 0; i < LOCKS; i++)
		pthread_mutex_destroy(&c->lock[i]);
	free(c->slot);
	free(c);
}

/* "sender NUL recipient"; false when it is too long. */
static bool make_key(char ret[MAX_KEY], struct str sender, struct str recipient, struct str *key)
{
	if (sender.len + 1 + recipient.len > MAX_KEY)
		return false;
	if (sender.len > 0)
		memcpy(ret, sender.ptr, sender.len);
	ret[sender.len] = '\0';
	if (recipient.len > 0)
		memcpy(ret + sender.len + 1, recipient.ptr, recipient.len);
	*key = str_from(ret, sender.len + 1 + recipient.len);
	return true;
}

bool resolve_cache_get(struct resolve_cache *c, struct str sender, struct str recipient,
	struct arena *a, struct resolve_reply *ret)
{
	char space[MAX_KEY];
	const struct entry *e;
	const char *p;
	struct str key;
	bool hit;
	size_t i;

	if (!make_key(space, sender, recipient, &key))
		return false;
	i = hash_bytes(key) % c->size;
	pthread_mutex_lock(&c->lock[i % LOCKS]);
	e = c->slot[i];
	hit = e != NULL && e->expires > clock_now() && str_eq(str_from(e->bytes, e->key_len), key);
	if (hit) {
		p = e->bytes + e->key_len;
		ret->transport = arena_str(a, str_from(p, e->transport_len));
		p += e->transport_len;
		ret->nexthop = arena_str(a, str_from(p, e->nexthop_len));
		p += e->nexthop_len;
		ret->recipient = arena_str(a, str_from(p, e->recipient_len));
		ret->flags = e->flags;
	}
	pthread_mutex_unlock(&c->lock[i % LOCKS]);
	return hit;
}

void resolve_cache_put(struct resolve_cache *c, struct str sender, struct str recipient,
	const struct resolve_reply *reply)
{
	char space[MAX_KEY];
	struct entry *e, *old;
	struct str key;
	char *p;
	size_t i;

	if (!make_key(space, sender, recipient, &key))
		return;
	e = mem_alloc(sizeof(*e) + key.len + reply->transport.len + reply->nexthop.len +
		      reply->recipient.len);
	e->expires = clock_now() + LIFETIME;
	e->key_len = key.len;
	e->transport_len = reply->transport.len;
	e->nexthop_len = reply->nexthop.len;
	e->recipient_len = reply->recipient.len;
	e->flags = reply->flags;
	p = mempcpy(e->bytes, key.ptr, key.len);
	p = mempcpy(p, reply->transport.ptr, reply->transport.len);
	p = mempcpy(p, reply->nexthop.ptr, reply->nexthop.len);
	memcpy(p, reply->recipient.ptr, reply->recipient.len);
	i = hash_bytes(key) % c->size;
	pthread_mutex_lock(&c->lock[i % LOCKS]);
	old = c->slot[i];
	c->slot[i] = e;
	pthread_mutex_unlock(&c->lock[i % LOCKS]);
	free(old);
}
