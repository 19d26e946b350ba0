/* SPDX-License-Identifier: Apache-2.0 */
/*
 * counters.h — how many connections a client has, and how often it did what.
 *
 * Sans I/O: the time is an argument, so tests move the clock. Not thread-safe; main.c locks.
 *
 * Invariant: an entry exists while its client is connected, and for one time unit after; memory is
 * bounded by the clients of two time units.
 */
#pragma once

#include "base/clock.h"
#include "base/list.h"
#include "base/map.h"

/** What is counted a time unit, in the order of the statistics lines. */
enum anvil_rate {
	ANVIL_CONNECT,
	ANVIL_MESSAGE,
	ANVIL_RECIPIENT,
	ANVIL_NEWTLS,
	ANVIL_AUTH,
	ANVIL_TLSTRACE,
	ANVIL_RATES,
};

struct anvil_entry {
	struct list idle; /* in counters.idle while count is 0, oldest first */
	char *ident;      /* "service:client" */
	int count;        /* connections now */
	int rate[ANVIL_RATES];
	usec_t window;  /* when the present time unit began */
	usec_t expires; /* while count is 0 */
};

/** The largest value of one figure since the last report. */
struct anvil_peak {
	int value;
	char *ident;
	time_t when; /* wall clock */
};

struct anvil_counters {
	struct map *entries;
	struct list idle;
	usec_t unit; /* anvil_rate_time_unit */
	struct anvil_peak rate[ANVIL_RATES];
	struct anvil_peak count;
	size_t cache_peak;
	time_t cache_when;
};

/** Empty counters. */
void anvil_init(struct anvil_counters *c, usec_t unit);
/** Free everything. */
void anvil_done(struct anvil_counters *c);
/** A client connected: count and rate go up. The entry, owned by the counters. */
struct anvil_entry *anvil_connect(struct anvil_counters *c, struct str ident, usec_t now,
	time_t wall);
/** A client went: the entry is forgotten a time unit later. An unknown one is ignored. */
void anvil_disconnect(struct anvil_counters *c, struct str ident, usec_t now);
/** One event of a connected client; the entry, or NULL when it is not connected. */
struct anvil_entry *anvil_event(struct anvil_counters *c, struct str ident, enum anvil_rate what,
	usec_t now, time_t wall);
/** The entry with its rates brought up to `now`, or NULL. */
struct anvil_entry *anvil_find(struct anvil_counters *c, struct str ident, usec_t now);
/** Hand one line for each figure that is not zero to fn, then forget the peaks. */
void anvil_report(struct anvil_counters *c, void (*fn)(const char *line));
