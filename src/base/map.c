/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/map.c — entries in insertion order beside an open-addressed index; see map.h.
 *
 * Invariants: index has a power of two slots, more than entries can be used; a slot is 0 or the
 * number of an entry plus 1. A removed entry keeps its slot, with key NULL, until the next rebuild.
 */
#include "base/map.h"

#include <errno.h>
#include <pthread.h>
#include <sys/random.h>

#include "base/mem.h"

struct entry {
	uint64_t hash;
	char *key; /* NULL: removed */
	size_t len;
	void *value;
};

struct map {
	void (*free_value)(void *);
	bool nocase;
	struct entry *entries;
	size_t n;     /* entries used, removed ones included */
	size_t cap;   /* entries there is room for */
	size_t alive; /* entries that were not removed */
	uint32_t *index;
	size_t mask; /* slots - 1 */
};

static uint64_t the_hash_key[2];
static pthread_once_t the_hash_once = PTHREAD_ONCE_INIT;

static void make_hash_key(void)
{
	char *p = (char *)the_hash_key;
	size_t got = 0;

	while (got < sizeof the_hash_key) {
		ssize_t n = getrandom(p + got, sizeof the_hash_key - got, 0);

		if (n > 0)
			got += (size_t)n;
		else
			check(errno == EINTR);
	}
}

static inline uint64_t rotl(uint64_t x, unsigned n)
{
	return x << n | x >> (64 - n);
}

static inline void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotl(v[1], 13) ^ v[0];
	v[0] = rotl(v[0], 32);
	v[2] += v[3];
	v[3] = rotl(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotl(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotl(v[1], 17) ^ v[2];
	v[2] = rotl(v[2], 32);
}

/* Up to 8 bytes, little endian, folded to lower case if asked. */
static inline uint64_t load(const char *p, size_t n, bool fold)
{
	uint64_t w = 0;

	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)p[i];

		w |= (uint64_t)(fold ? ascii_lower(c) : c) << (8 * i);
	}
	return w;
}

/* SipHash-1-3 with the key of the process. Source: Aumasson and Bernstein, "SipHash". */
static uint64_t hash_with(struct str s, bool fold)
{
	uint64_t v[4];
	uint64_t w;
	size_t left = s.len;
	const char *p = s.ptr;

	(void)pthread_once(&the_hash_once, make_hash_key);
	v[0] = the_hash_key[0] ^ UINT64_C(0x736f6d6570736575);
	v[1] = the_hash_key[1] ^ UINT64_C(0x646f72616e646f6d);
	v[2] = the_hash_key[0] ^ UINT64_C(0x6c7967656e657261);
	v[3] = the_hash_key[1] ^ UINT64_C(0x7465646279746573);
	for (; left >= 8; left -= 8, p += 8) {
		w = load(p, 8, fold);
		v[3] ^= w;
		sip_round(v);
		v[0] ^= w;
	}
	w = (uint64_t)s.len << 56 | load(p, left, fold);
	v[3] ^= w;
	sip_round(v);
	v[0] ^= w;
	v[2] ^= 0xff;
	sip_round(v);
	sip_round(v);
	sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t hash_bytes(struct str s)
{
	return hash_with(s, false);
}

struct map *map_new(void (*free_value)(void *))
{
	struct map *m = mem_new(struct map);

	m->free_value = free_value;
	return m;
}

struct map *map_new_nocase(void (*free_value)(void *))
{
	struct map *m = map_new(free_value);

	m->nocase = true;
	return m;
}

static void drop_value(const struct map *m, void *value)
{
	if (m->free_value != NULL && value != NULL)
		m->free_value(value);
}

void map_free(struct map *m)
{
	if (m == NULL)
		return;
	for (size_t i = 0; i < m->n; i++) {
		if (m->entries[i].key != NULL) {
			free(m->entries[i].key);
			drop_value(m, m->entries[i].value);
		}
	}
	free(m->entries);
	free(m->index);
	free(m);
}

static struct entry *find(const struct map *m, struct str key, uint64_t hash)
{
	if (m->cap == 0)
		return NULL;
	for (size_t at = hash & m->mask; m->index[at] != 0; at = (at + 1) & m->mask) {
		struct entry *e = &m->entries[m->index[at] - 1];
		struct str have = str_from(e->key, e->len);

		if (e->key == NULL || e->hash != hash)
			continue;
		if (m->nocase ? str_ieq(have, key) : str_eq(have, key))
			return e;
	}
	return NULL;
}

static void put_index(struct map *m, size_t number)
{
	size_t at = m->entries[number].hash & m->mask;

	while (m->index[at] != 0)
		at = (at + 1) & m->mask;
	m->index[at] = (uint32_t)(number + 1);
}

/* Forget removed entries and make room for at least one more. */
static void rebuild(struct map *m)
{
	size_t cap = m->cap == 0 ? 8 : (m->alive * 2 > m->cap ? m->cap * 2 : m->cap);
	size_t n = 0;

	check(cap < UINT32_MAX / 2);
	for (size_t i = 0; i < m->n; i++) {
		if (m->entries[i].key != NULL)
			m->entries[n++] = m->entries[i];
	}
	m->entries = mem_resize(m->entries, cap, sizeof *m->entries);
	free(m->index);
	m->index = mem_array(cap * 2, sizeof *m->index);
	m->mask = cap * 2 - 1;
	m->cap = cap;
	m->n = n;
	for (size_t i = 0; i < n; i++)
		put_index(m, i);
}

static void insert(struct map *m, struct str key, uint64_t hash, void *value)
{
	if (m->n == m->cap)
		rebuild(m);
	m->entries[m->n] = (struct entry){ hash, str_dup(key), key.len, value };
	put_index(m, m->n);
	m->n++;
	m->alive++;
}

void *map_get(const struct map *m, struct str key)
{
	const struct entry *e = find(m, key, hash_with(key, m->nocase));

	return e == NULL ? NULL : e->value;
}

bool map_has(const struct map *m, struct str key)
{
	return find(m, key, hash_with(key, m->nocase)) != NULL;
}

void map_set(struct map *m, struct str key, void *value)
{
	uint64_t hash = hash_with(key, m->nocase);
	struct entry *e = find(m, key, hash);

	if (e == NULL) {
		insert(m, key, hash, value);
		return;
	}
	if (e->value != value)
		drop_value(m, e->value);
	e->value = value;
}

bool map_add(struct map *m, struct str key, void *value)
{
	uint64_t hash = hash_with(key, m->nocase);

	if (find(m, key, hash) != NULL)
		return false;
	insert(m, key, hash, value);
	return true;
}

bool map_remove(struct map *m, struct str key)
{
	struct entry *e = find(m, key, hash_with(key, m->nocase));
	char *old_key;
	void *value;

	if (e == NULL)
		return false;
	old_key = TAKE(e->key);
	value = TAKE(e->value);
	m->alive--;
	/* The key may be the one of this very entry: freed last. */
	drop_value(m, value);
	free(old_key);
	return true;
}

size_t map_count(const struct map *m)
{
	return m->alive;
}

bool map_next(const struct map *m, struct map_iter *it, struct str *ret_key, void **ret_value)
{
	for (; it->pos < m->n; it->pos++) {
		const struct entry *e = &m->entries[it->pos];

		if (e->key == NULL)
			continue;
		if (ret_key != NULL)
			*ret_key = str_from(e->key, e->len);
		if (ret_value != NULL)
			*ret_value = e->value;
		it->pos++;
		return true;
	}
	return false;
}
