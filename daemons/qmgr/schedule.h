/* SPDX-License-Identifier: Apache-2.0 */
/*
 * qmgr/schedule.h — which delivery starts next: transports, destinations, concurrency windows.
 *
 * Sans I/O: time comes as an argument, nothing is read, written or logged, so that tests move the
 * clock. A transport has destinations; a destination has entries (one delivery request each) that
 * wait or are under way. sched_pick() chooses fairly: destinations of a transport
 * that may start something take turns. A preemptive choice among messages would replace pick.
 *
 * Invariants: a destination is in its transport's ready list exactly when it has a waiting entry and
 * may start it now; t->slots is the sum of what the ready destinations may start. An entry that
 * was picked is ended by exactly one sched_finish() or sched_requeue().
 */
#pragma once

#include "base/clock.h"
#include "base/list.h"
#include "base/map.h"
#include "feedback.h"

/** Settings of one transport. */
struct sched_params {
	unsigned initial_concurrency;
	unsigned concurrency_limit; /* 0: none */
	unsigned recipient_limit;   /* of one delivery request; 0: none */
	struct feedback positive;
	struct feedback negative;
	unsigned failed_cohort_limit; /* 0: never dead */
	usec_t destination_rate_delay;
	usec_t transport_rate_delay;
};

/** Why a transport or destination is avoided, in a form that can be a nexthop: "4.4.1 text". */
struct sched_reason {
	char *dsn;
	char *text;
};

struct sched {
	struct map *transports;
	usec_t transport_retry_time;
	usec_t minimal_backoff_time;
	struct list dead; /* destinations by time of revival */
};

struct transport {
	char *name;
	struct sched *sched;
	struct sched_params params;
	struct map *destinations;
	struct list ready;   /* destinations, in turn */
	struct list delayed; /* destinations that wait for their rate delay, by time */
	size_t slots;        /* entries that could be picked now, transport delay aside */
	usec_t dead_until;   /* 0: alive */
	usec_t next_start;   /* transport_rate_delay: not before */
	struct sched_reason reason;
	void *user; /* of the owner: connections */
};

struct destination {
	struct list in_ready;   /* node in transport->ready */
	struct list in_delayed; /* node in transport->delayed */
	struct list in_dead;    /* node in sched->dead */
	struct transport *transport;
	char *key;          /* name in transport->destinations */
	char *nexthop;      /* for requests */
	struct list shares; /* struct share, in turn */
	struct list busy;
	size_t n_todo;
	size_t n_busy;
	size_t slots; /* share in transport->slots */
	unsigned window;
	double success;
	double failure;
	double fail_cohorts;
	usec_t dead_until; /* 0: alive */
	usec_t next_start; /* destination_rate_delay: not before */
	struct sched_reason reason;
	bool stored; /* agents were told to keep connections */
	usec_t clog_warned;
};

/** What waits of one message at one destination. */
struct share {
	struct list in_dest;
	struct list todo;
	const void *group; /* the message */
};

/** One delivery request; embedded in the owner's structure. */
struct entry {
	struct list node; /* in share->todo or destination->busy */
	struct destination *dest;
	struct share *share; /* NULL when under way */
	const void *group;   /* entries of one group wait together */
};

void sched_init(struct sched *s);
/** Free everything; there are no entries any more. */
void sched_done(struct sched *s);

/** The transport of this name, or NULL. */
struct transport *sched_find(const struct sched *s, struct str name);
/** Make a transport. */
struct transport *sched_add_transport(struct sched *s, struct str name,
	const struct sched_params *p);
/** The destination of this key, or NULL. */
struct destination *sched_find_destination(const struct transport *t, struct str key);
/** Find or make a destination; `nexthop` counts when it is made. */
struct destination *sched_destination(struct transport *t, struct str key, struct str nexthop);

/** Add an entry of a group (a message) to a destination that is not dead. */
void sched_add(struct destination *d, struct entry *e, const void *group, usec_t now);
/** The entry of the group that was added last and still waits, if the group came last; or NULL. */
struct entry *sched_last(const struct destination *d, const void *group);
/** The next entry to deliver, now under way; NULL when nothing may start now. */
struct entry *sched_pick(struct transport *t, usec_t now);
/** Entries that could be picked now. */
size_t sched_slots(const struct transport *t, usec_t now);
/** Put a picked entry back in front (its connection was stale). */
void sched_requeue(struct entry *e, usec_t now);
/** What a finished delivery says of its destination. */
enum sched_outcome {
	SCHED_OK,      /* the destination answers */
	SCHED_FAILED,  /* it should be avoided */
	SCHED_NEUTRAL, /* the transport failed, nothing is known of the destination */
};
/**
 * End a picked entry and give feedback.
 *
 * @return true when the destination has become dead: set its reason, drain its entries
 * The destination may be freed by this call when nothing is left in it and it is not dead.
 */
bool sched_finish(struct entry *e, enum sched_outcome outcome, struct str dsn, struct str text,
	usec_t now);
/** Take a waiting entry out of its destination (its message goes elsewhere). */
void sched_remove(struct entry *e, usec_t now);
/** A waiting entry of a destination, to drain it; NULL at the end. */
struct entry *sched_first_todo(struct destination *d);

/** Avoid a transport for transport_retry_time. */
void sched_throttle(struct transport *t, struct str dsn, struct str text, usec_t now);
/** Revive what may be tried again at `now`; frees what is empty. */
void sched_expire(struct sched *s, usec_t now);
/** Revive everything dead (trigger F). */
void sched_unthrottle_all(struct sched *s, usec_t now);
/** Revive one transport and destination (flush hint of a message). */
void sched_unthrottle(struct transport *t, struct destination *d, usec_t now);
/** Earliest time after `now` at which something revives or may start; USEC_NEVER none. */
usec_t sched_next_event(const struct sched *s, usec_t now);
