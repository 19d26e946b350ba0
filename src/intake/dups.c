/* SPDX-License-Identifier: Apache-2.0 */
/*
 * intake/dups.c — which recipients of a message were written: a set that ends with the message.
 *
 * All of it lies in the message's arena, so a message of one or a few recipients costs no memory of its
 * own. Invariant: at least half of the slots are free, so every search ends.
 */
#include "base/map.h"
#include "intake/intake_priv.h"

#define FIRST_SLOTS ((size_t)8)

struct dup {
	uint64_t hash;
	struct str key; /* ptr NULL: free */
};

/* The slot of a key, or the free one where it belongs. */
static struct dup *find(const struct dups *d, struct str key, uint64_t hash)
{
	size_t at = hash & (d->slots - 1);

	while (d->v[at].key.ptr != NULL && (d->v[at].hash != hash || !str_eq(d->v[at].key, key)))
		at = (at + 1) & (d->slots - 1);
	return &d->v[at];
}

static void grow(struct dups *d, struct arena *a)
{
	struct dups old = *d;

	d->slots = old.slots == 0 ? FIRST_SLOTS : old.slots * 2;
	d->v = arena_array(a, d->slots, sizeof(*d->v));
	for (size_t i = 0; i < old.slots; i++)
		if (old.v[i].key.ptr != NULL)
			*find(d, old.v[i].key, old.v[i].hash) = old.v[i];
}

/* What a key takes, with the slots that it makes necessary. */
static size_t cost(struct str key)
{
	return key.len + 1 + 8 * sizeof(struct dup);
}

bool dups_add(struct dups *d, struct arena *a, struct str key, int64_t limit)
{
	uint64_t hash = hash_bytes(key);
	struct dup *slot;

	if (d->slots == 0)
		grow(d, a);
	slot = find(d, key, hash);
	if (slot->key.ptr != NULL)
		return false;
	if ((limit > 0 && (int64_t)d->n >= limit) || d->bytes + cost(key) > DUPS_MAX_BYTES)
		return true;
	*slot = (struct dup){ .hash = hash, .key = arena_str(a, key) };
	d->bytes += cost(key);
	d->n++;
	if (d->n * 2 > d->slots)
		grow(d, a);
	return true;
}
