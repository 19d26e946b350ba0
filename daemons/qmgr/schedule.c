/* SPDX-License-Identifier: Apache-2.0 */
/*
 * qmgr/schedule.c — concurrency windows, dead destinations, rate delays, whose turn it is.
 */
#include "schedule.h"

#include <errno.h>

#include "base/mem.h"

static struct destination *of_ready(struct list *l)
{
	return list_entry(l, struct destination, in_ready);
}

static struct destination *of_delayed(struct list *l)
{
	return list_entry(l, struct destination, in_delayed);
}

static struct destination *of_dead(struct list *l)
{
	return list_entry(l, struct destination, in_dead);
}

static void reason_clear(struct sched_reason *r)
{
	free(r->dsn);
	free(r->text);
	*r = (struct sched_reason){ 0 };
}

static void reason_set(struct sched_reason *r, struct str dsn, struct str text)
{
	char *new_dsn = str_dup(dsn);
	char *new_text = str_dup(text);

	reason_clear(r);
	r->dsn = new_dsn;
	r->text = new_text;
}

static void free_destination(void *p)
{
	struct destination *d = p;

	list_remove(&d->in_ready);
	list_remove(&d->in_delayed);
	list_remove(&d->in_dead);
	reason_clear(&d->reason);
	free(d->key);
	free(d->nexthop);
	free(d);
}

static void free_transport(void *p)
{
	struct transport *t = p;

	map_free(t->destinations);
	reason_clear(&t->reason);
	free(t->name);
	free(t);
}

void sched_init(struct sched *s)
{
	*s = (struct sched){ .transports = map_new(free_transport) };
	list_init(&s->dead);
}

void sched_done(struct sched *s)
{
	map_free(TAKE(s->transports));
}

struct transport *sched_find(const struct sched *s, struct str name)
{
	return map_get(s->transports, name);
}

struct transport *sched_add_transport(struct sched *s, struct str name,
	const struct sched_params *p)
{
	struct transport *t = mem_new(struct transport);

	t->name = str_dup(name);
	t->sched = s;
	t->params = *p;
	t->destinations = map_new(free_destination);
	list_init(&t->ready);
	list_init(&t->delayed);
	check(map_add(s->transports, name, t));
	return t;
}

struct destination *sched_find_destination(const struct transport *t, struct str key)
{
	return map_get(t->destinations, key);
}

static unsigned initial_window(const struct sched_params *p)
{
	unsigned w = p->initial_concurrency;

	if (p->destination_rate_delay > 0)
		return 1;
	if (p->concurrency_limit > 0 && w > p->concurrency_limit)
		w = p->concurrency_limit;
	return MAX(w, 1U);
}

struct destination *sched_destination(struct transport *t, struct str key, struct str nexthop)
{
	struct destination *d = sched_find_destination(t, key);

	if (d != NULL)
		return d;
	d = mem_new(struct destination);
	d->transport = t;
	d->key = str_dup(key);
	d->nexthop = str_dup(nexthop);
	d->window = initial_window(&t->params);
	list_init(&d->in_ready);
	list_init(&d->in_delayed);
	list_init(&d->in_dead);
	list_init(&d->shares);
	list_init(&d->busy);
	map_set(t->destinations, key, d);
	return d;
}

/* Restore the invariants of the lists after any change to a destination. */
static void update(struct destination *d, usec_t now)
{
	struct transport *t = d->transport;
	size_t slots = 0;

	if (d->dead_until == 0 && d->n_busy < d->window)
		slots = MIN(d->n_todo, d->window - d->n_busy);
	if (slots > 0 && d->next_start > now) {
		slots = 0;
		if (list_is_empty(&d->in_delayed))
			list_push(&t->delayed, &d->in_delayed);
	} else {
		list_remove(&d->in_delayed);
	}
	t->slots += slots;
	t->slots -= d->slots;
	d->slots = slots;
	if (slots == 0)
		list_remove(&d->in_ready);
	else if (list_is_empty(&d->in_ready))
		list_push(&t->ready, &d->in_ready);
}

/* Forget a destination that has nothing left to remember. */
static void release(struct destination *d, usec_t now)
{
	if (d->n_todo == 0 && d->n_busy == 0 && d->dead_until == 0 && d->next_start <= now)
		(void)map_remove(d->transport->destinations, str_of(d->key));
}

static struct share *of_shares(struct list *l)
{
	return list_entry(l, struct share, in_dest);
}

static struct entry *of_todo(struct list *l)
{
	return list_entry(l, struct entry, node);
}

static struct share *new_share(const void *group)
{
	struct share *j = mem_new(struct share);

	list_init(&j->todo);
	list_init(&j->in_dest);
	j->group = group;
	return j;
}

/* Take an entry out of its share, which goes when nothing is left in it. */
static void leave_share(struct entry *e)
{
	struct share *j = TAKE(e->share);

	list_remove(&e->node);
	if (!list_is_empty(&j->todo))
		return;
	list_remove(&j->in_dest);
	free(j);
}

void sched_add(struct destination *d, struct entry *e, const void *group, usec_t now)
{
	struct share *j = list_is_empty(&d->shares) ? NULL : of_shares(d->shares.prev);

	if (j == NULL || j->group != group) {
		j = new_share(group);
		list_push(&d->shares, &j->in_dest);
	}
	e->dest = d;
	e->share = j;
	e->group = group;
	list_push(&j->todo, &e->node);
	d->n_todo++;
	update(d, now);
}

struct entry *sched_last(const struct destination *d, const void *group)
{
	const struct share *j;

	if (list_is_empty(&d->shares))
		return NULL;
	j = of_shares(d->shares.prev);
	return j->group == group ? of_todo(j->todo.prev) : NULL;
}

size_t sched_slots(const struct transport *t, usec_t now)
{
	if (t->dead_until != 0 || t->next_start > now)
		return 0;
	return t->params.transport_rate_delay > 0 ? MIN(t->slots, (size_t)1) : t->slots;
}

/* Destinations whose rate delay is over may start again. */
static void end_delays(struct transport *t, usec_t now)
{
	while (!list_is_empty(&t->delayed) && of_delayed(t->delayed.next)->next_start <= now)
		update(of_delayed(t->delayed.next), now);
}

struct entry *sched_pick(struct transport *t, usec_t now)
{
	struct destination *d;
	struct share *j;
	struct entry *e;

	if (t->dead_until != 0 || t->next_start > now)
		return NULL;
	end_delays(t, now);
	if (list_is_empty(&t->ready))
		return NULL;
	d = of_ready(t->ready.next);
	j = of_shares(d->shares.next);
	list_remove(&j->in_dest); /* to the end of the turn */
	list_push(&d->shares, &j->in_dest);
	e = of_todo(j->todo.next);
	leave_share(e);
	list_push(&d->busy, &e->node);
	d->n_todo--;
	d->n_busy++;
	if (t->params.transport_rate_delay > 0)
		t->next_start = now + t->params.transport_rate_delay;
	list_remove(&d->in_ready); /* to the end of the turn, if it stays ready */
	update(d, now);
	return e;
}

void sched_requeue(struct entry *e, usec_t now)
{
	struct destination *d = e->dest;

	check(e->share == NULL);
	list_remove(&e->node);
	e->share = new_share(e->group);
	list_push_front(&d->shares, &e->share->in_dest);
	list_push(&e->share->todo, &e->node);
	d->n_busy--;
	d->n_todo++;
	update(d, now);
}

static void feedback_success(struct destination *d, size_t busy_before)
{
	const struct sched_params *p = &d->transport->params;

	d->fail_cohorts = 0;
	/* Growing only while the window is in use keeps negative feedback effective. */
	if (d->window >= busy_before + p->initial_concurrency)
		return;
	d->success += feedback_of(&p->positive, d->window);
	while (d->success >= 1) {
		d->window++;
		d->failure = 0;
		d->success -= 1;
	}
	if (p->concurrency_limit > 0 && d->window > p->concurrency_limit)
		d->window = p->concurrency_limit;
	if (p->destination_rate_delay > 0)
		d->window = 1;
}

/* True when the destination is dead now. */
static bool feedback_failure(struct destination *d)
{
	const struct sched_params *p = &d->transport->params;

	d->fail_cohorts += 1.0 / (double)d->window;
	if (p->failed_cohort_limit > 0 && d->fail_cohorts > (double)p->failed_cohort_limit)
		return true;
	d->failure -= feedback_of(&p->negative, d->window);
	while (d->failure < 0) {
		if (d->window > 1)
			d->window--;
		d->failure += 1;
		d->success = 0;
	}
	return false;
}

static void kill_destination(struct destination *d, struct str dsn, struct str text, usec_t now)
{
	struct sched *s = d->transport->sched;

	d->dead_until = now + s->minimal_backoff_time;
	reason_set(&d->reason, dsn, text);
	list_remove(&d->in_dead);
	list_push(&s->dead, &d->in_dead);
}

bool sched_finish(struct entry *e, enum sched_outcome outcome, struct str dsn, struct str text,
	usec_t now)
{
	struct destination *d = e->dest;
	size_t busy_before = d->n_busy;
	bool dead = false;

	check(e->share == NULL);
	list_remove(&e->node);
	d->n_busy--;
	if (d->transport->params.destination_rate_delay > 0)
		d->next_start = now + d->transport->params.destination_rate_delay;
	if (d->dead_until == 0) {
		if (outcome == SCHED_OK)
			feedback_success(d, busy_before);
		else if (outcome == SCHED_FAILED)
			dead = feedback_failure(d);
		if (dead)
			kill_destination(d, dsn, text, now);
	}
	e->dest = NULL;
	update(d, now);
	release(d, now);
	return dead;
}

void sched_remove(struct entry *e, usec_t now)
{
	struct destination *d = e->dest;

	check(e->share != NULL);
	leave_share(e);
	d->n_todo--;
	e->dest = NULL;
	update(d, now);
	release(d, now);
}

struct entry *sched_first_todo(struct destination *d)
{
	return list_is_empty(&d->shares) ? NULL : of_todo(of_shares(d->shares.next)->todo.next);
}

void sched_throttle(struct transport *t, struct str dsn, struct str text, usec_t now)
{
	t->dead_until = now + t->sched->transport_retry_time;
	reason_set(&t->reason, dsn, text);
}

static void revive_transport(struct transport *t)
{
	t->dead_until = 0;
	reason_clear(&t->reason);
}

static void revive_destination(struct destination *d, usec_t now)
{
	list_remove(&d->in_dead);
	reason_clear(&d->reason);
	d->dead_until = 0;
	d->window = initial_window(&d->transport->params);
	d->success = d->failure = d->fail_cohorts = 0;
	update(d, now);
	release(d, now);
}

void sched_unthrottle(struct transport *t, struct destination *d, usec_t now)
{
	if (t->dead_until != 0)
		revive_transport(t);
	if (d != NULL && d->dead_until != 0)
		revive_destination(d, now);
}

/* Delayed destinations that have nothing to wait for are forgotten. */
static void expire_idle(struct transport *t, usec_t now)
{
	struct map_iter it = { 0 };
	void *value;

	if (t->params.destination_rate_delay == 0)
		return;
	while (map_next(t->destinations, &it, NULL, &value))
		release(value, now);
}

void sched_expire(struct sched *s, usec_t now)
{
	struct map_iter it = { 0 };
	void *value;

	while (!list_is_empty(&s->dead) && of_dead(s->dead.next)->dead_until <= now)
		revive_destination(of_dead(s->dead.next), now);
	while (map_next(s->transports, &it, NULL, &value)) {
		struct transport *t = value;

		if (t->dead_until != 0 && t->dead_until <= now)
			revive_transport(t);
		end_delays(t, now);
		expire_idle(t, now);
	}
}

void sched_unthrottle_all(struct sched *s, usec_t now)
{
	struct map_iter it = { 0 };
	void *value;

	while (!list_is_empty(&s->dead))
		revive_destination(of_dead(s->dead.next), now);
	while (map_next(s->transports, &it, NULL, &value))
		if (((struct transport *)value)->dead_until != 0)
			revive_transport(value);
}

usec_t sched_next_event(const struct sched *s, usec_t now)
{
	usec_t at = USEC_NEVER;
	struct map_iter it = { 0 };
	void *value;

	if (!list_is_empty(&s->dead))
		at = of_dead(s->dead.next)->dead_until;
	while (map_next(s->transports, &it, NULL, &value)) {
		const struct transport *t = value;

		if (t->dead_until != 0)
			at = MIN(at, t->dead_until);
		else if (t->slots > 0 && t->next_start > now)
			at = MIN(at, t->next_start);
		if (!list_is_empty(&t->delayed))
			at = MIN(at, of_delayed(t->delayed.next)->next_start);
	}
	return at;
}
