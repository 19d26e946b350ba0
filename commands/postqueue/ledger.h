/* SPDX-License-Identifier: Apache-2.0 */
/*
 * postqueue/ledger.h — from log lines and a listing of the queue: did every message reach an end?
 *
 * Lines go in as they stand in the log, in order; then what is in the queue; then ledger_close() judges.
 * No I/O, no clock. A message whose end was logged is forgotten when so many others have ended since that
 * lines which a program wrote late cannot come any more: memory is bounded by the messages without an end
 * and LEDGER_RECENT others.
 */
#pragma once

#include "base/str.h"

/** Ended messages that are remembered for lines that come late. */
#define LEDGER_RECENT 50000

/** Where a message has ended; or that it has not. */
enum ledger_end {
	LEDGER_DELIVERED, /* to all recipients */
	LEDGER_BOUNCED,   /* a recipient failed, or was too long on its way, and it was said */
	LEDGER_EXPIRED,   /* returned because its time was over, or by postsuper -e */
	LEDGER_DISCARDED, /* by a rule, with a log line */
	LEDGER_DELETED,   /* postsuper -d */
	LEDGER_REPLACED,  /* has another id now: postsuper -r, repairs */
	LEDGER_INCOMING,  /* in this queue now */
	LEDGER_ACTIVE,
	LEDGER_DEFERRED,
	LEDGER_HELD,
	LEDGER_MAILDROP,
	LEDGER_CORRUPT, /* put aside */
	LEDGER_REFUSED, /* never accepted: canceled, rejected */
	LEDGER_UNKNOWN, /* began, nothing more: the client gave up, or it was lost before it was seen */
	LEDGER_LOST,       /* accepted, no end, not in the queue */
	LEDGER_UNREPORTED, /* removed, with fewer recipients in the log than it had */
	LEDGER_RETURNED,   /* ended, and in the queue nevertheless */
	LEDGER_END_COUNT,
};

struct ledger;

/** What ledger_close() says of one message that is not as it should be; texts are borrowed. */
struct ledger_finding {
	struct str id;
	enum ledger_end end; /* LEDGER_LOST, LEDGER_UNREPORTED, LEDGER_RETURNED or LEDGER_UNKNOWN */
	bool has_beginning;  /* its beginning is in the log */
	unsigned recipients; /* by qmgr's count; 0: not in the log */
	unsigned reported;
};

struct ledger_counts {
	size_t whole[LEDGER_END_COUNT];   /* messages that began in the log */
	size_t partial[LEDGER_END_COUNT]; /* messages that began before it */
	size_t only_queued;               /* in the queue, never in the log */
};

/** A ledger without entries. */
_alloc_ struct ledger *ledger_new(void);
void ledger_free(struct ledger *l);
DEFINE_CLEANUP(struct ledger *, ledger_free);

/** Take one log line, with or without its end; lines that say nothing of a message are passed over. */
void ledger_line(struct ledger *l, struct str line);
/** From now on lines of messages that are not known are passed over: the end of a log that grows. */
void ledger_only_known(struct ledger *l);
/**
 * A file is in a queue.
 *
 * @param id         valid queue id
 * @param queue      name of the queue
 * @param is_ready   it is complete; others count only as a place where a refused message was
 */
void ledger_queued(struct ledger *l, struct str id, struct str queue, bool is_ready);
/** Call fn for each id of which neither an end nor a place in the queue is known. */
void ledger_each_open(const struct ledger *l, void (*fn)(void *arg, struct str id), void *arg);
/**
 * Judge what is left; the ledger takes nothing afterwards.
 *
 * @param fn    called for each message that is not as it should be; may be NULL
 * @param ret   the counts
 */
void ledger_close(struct ledger *l, void (*fn)(void *arg, const struct ledger_finding *f),
	void *arg, struct ledger_counts *ret);
/** Name of an end, for people. */
const char *ledger_end_name(enum ledger_end end);
