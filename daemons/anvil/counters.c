/* SPDX-License-Identifier: Apache-2.0 */
/*
 * counters.c — entries by client, peaks for the statistics.
 */
#include "counters.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/mem.h"

static void entry_free(void *p)
{
	struct anvil_entry *e = p;

	list_remove(&e->idle);
	free(e->ident);
	free(e);
}

void anvil_init(struct anvil_counters *c, usec_t unit)
{
	*c = (struct anvil_counters){ .entries = map_new(entry_free), .unit = unit };
	list_init(&c->idle);
}

void anvil_done(struct anvil_counters *c)
{
	map_free(c->entries);
	for (int i = 0; i < ANVIL_RATES; i++)
		free(c->rate[i].ident);
	free(c->count.ident);
}

/* Forget clients that went a time unit ago. */
static void expire(struct anvil_counters *c, usec_t now)
{
	while (!list_is_empty(&c->idle)) {
		struct anvil_entry *e = list_entry(c->idle.next, struct anvil_entry, idle);

		if (e->expires > now)
			return;
		(void)map_remove(c->entries, str_of(e->ident));
	}
}

/* A new time unit begins when the old one is over. */
static void advance(const struct anvil_counters *c, struct anvil_entry *e, usec_t now)
{
	if (e->window + c->unit >= now)
		return;
	e->window = now;
	memset(e->rate, 0, sizeof(e->rate));
}

static void note_peak(struct anvil_peak *p, int value, struct str ident, time_t wall)
{
	if (value <= p->value)
		return;
	p->value = value;
	p->when = wall;
	free(p->ident);
	p->ident = str_dup(ident);
}

struct anvil_entry *anvil_find(struct anvil_counters *c, struct str ident, usec_t now)
{
	struct anvil_entry *e;

	expire(c, now);
	e = map_get(c->entries, ident);
	if (e != NULL)
		advance(c, e, now);
	return e;
}

struct anvil_entry *anvil_connect(struct anvil_counters *c, struct str ident, usec_t now,
	time_t wall)
{
	struct anvil_entry *e = anvil_find(c, ident, now);

	if (e == NULL) {
		e = mem_new(struct anvil_entry);
		list_init(&e->idle);
		e->ident = str_dup(ident);
		e->window = now;
		map_set(c->entries, ident, e);
		if (map_count(c->entries) > c->cache_peak) {
			c->cache_peak = map_count(c->entries);
			c->cache_when = wall;
		}
	}
	list_remove(&e->idle);
	e->count++;
	e->rate[ANVIL_CONNECT]++;
	note_peak(&c->count, e->count, ident, wall);
	note_peak(&c->rate[ANVIL_CONNECT], e->rate[ANVIL_CONNECT], ident, wall);
	return e;
}

void anvil_disconnect(struct anvil_counters *c, struct str ident, usec_t now)
{
	struct anvil_entry *e = anvil_find(c, ident, now);

	if (e == NULL || e->count == 0)
		return;
	if (--e->count == 0) {
		e->expires = now + c->unit;
		list_push(&c->idle, &e->idle);
	}
}

struct anvil_entry *anvil_event(struct anvil_counters *c, struct str ident, enum anvil_rate what,
	usec_t now, time_t wall)
{
	struct anvil_entry *e = anvil_find(c, ident, now);

	if (e == NULL)
		return NULL;
	e->rate[what]++;
	note_peak(&c->rate[what], e->rate[what], ident, wall);
	return e;
}

static void forget_peak(struct anvil_peak *p)
{
	free(p->ident);
	*p = (struct anvil_peak){ 0 };
}

void anvil_report(struct anvil_counters *c, void (*fn)(const char *line))
{
	static const char *const names[ANVIL_RATES] = { "connection rate", "message rate",
		"recipient rate", "newtls rate", "auth rate", "tlstrace rate" };
	_cleanup_buf_ struct buf b = BUF_LOCAL(BUF_SMALL);

	for (int i = 0; i < ANVIL_RATES; i++) {
		struct anvil_peak *p = &c->rate[i];

		if (p->value > 0) {
			buf_clear(&b);
			buf_putf(&b, "statistics: max %s %d/%llds for (%.1000s) at ", names[i],
				p->value, (long long)(c->unit / USEC_PER_SEC), p->ident);
			clock_syslog(&b, p->when);
			fn(buf_cstr(&b));
		}
		if (i == ANVIL_CONNECT && c->count.value > 0) {
			buf_clear(&b);
			buf_putf(&b, "statistics: max connection count %d for (%.1000s) at ",
				c->count.value, c->count.ident);
			clock_syslog(&b, c->count.when);
			fn(buf_cstr(&b));
		}
		forget_peak(p);
	}
	forget_peak(&c->count);
	if (c->cache_peak > 0) {
		buf_clear(&b);
		buf_putf(&b, "statistics: max cache size %zu at ", c->cache_peak);
		clock_syslog(&b, c->cache_when);
		fn(buf_cstr(&b));
	}
	c->cache_peak = 0;
}
