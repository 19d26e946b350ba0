/* SPDX-License-Identifier: Apache-2.0 */
/*
 * qmgr/qmgr.h — the queue manager's state and the calls between its files.
 *
 * Life of a message: scan.c finds an id; load.c, in a worker thread, moves the file to active/, reads
 * the envelope and routes the recipients; active.c makes delivery requests of them; schedule.c says which
 * one is next; agent.c talks to the delivery agents; finish.c bounces, warns, defers or removes.
 *
 * Everything but run() of jobs happens in the loop; jobs touch only what they own and what is
 * immutable (settings, router).
 */
#pragma once

#include <ev.h>

#include "address/rewrite.h"
#include "conn.h"
#include "delivery/report.h"
#include "envelope.h"
#include "form.h"
#include "pool.h"
#include "queue/dir.h"
#include "schedule.h"
#include "service/journal_settings.h"
#include "service/service.h"

/** Parameters; names as in main.cf. */
struct qmgr_conf {
	const char *hash_queue_names;
	int64_t hash_queue_depth;
	bool enable_long_queue_ids;
	const char *defer_transports;
	const char *default_filter_nexthop;
	const char *double_bounce_sender;
	const char *recipient_delimiter;
	const char *bounce_service_name;
	const char *defer_service_name;
	const char *trace_service_name;
	const char *error_service_name;
	const char *address_verify_service_name;
	const char *info_log_address_format;
	const char *delivery_status_filter;
	bool disable_verp_bounces;
	bool confirm_delay_cleared;
	bool helpful_warnings;
	int64_t address_verify_pending_request_limit;
	int64_t delay_logging_resolution_limit;
	int64_t qmgr_message_active_limit;
	int64_t qmgr_message_recipient_limit;
	int64_t qmgr_message_recipient_minimum;
	usec_t bounce_queue_lifetime;
	usec_t daemon_timeout;
	usec_t maximal_backoff_time;
	usec_t maximal_queue_lifetime;
	usec_t minimal_backoff_time;
	usec_t qmgr_clog_warn_time;
	usec_t qmgr_ipc_timeout;
	usec_t queue_run_delay;
	usec_t transport_retry_time;
};

/** Where a message lies. */
enum home {
	HOME_FILE,   /* active/ID */
	HOME_YOUNG,  /* the journal */
	HOME_MOVING, /* on its way from there to active/ID */
};

struct qmgr;

/** Something that goes on when a message is a file in active/. */
struct waiter {
	struct list node; /* in message->waiters */
	void (*fn)(struct qmgr *q, struct waiter *w);
};

/** Name of the transport that defers what it is given. */
#define RETRY_TRANSPORT "retry"

struct message;
struct router_conf;

/** One delivery request to be. */
struct request {
	struct entry e;
	struct message *msg;
	struct recipient *rcpt;
	size_t n, cap;
	struct waiter waiter; /* to be sent when the message is a file */
	bool in_journal;      /* an agent works on the image; its segment is held */
	struct form_use form;
};

/** Where a recipient goes. Strings in the arena of its batch. */
struct route {
	struct str transport;
	struct str nexthop;
	struct str address;
	bool discard; /* nothing is to be done (double bounce, redirected) */
};

/** What is to be done again later, because it was asked for at a moment when it could not be done. */
struct again {
	const char *from; /* the queue; NULL: nothing was asked for */
	bool ignore_time, flush;
};

/** Ask; what was asked before is not forgotten. `from` is one of the names of queues. */
void again_ask(struct again *a, const char *from, bool ignore_time, bool flush);

/** A message in the active queue; owned by the loop once loaded. */
struct message {
	char id[QUEUE_ID_MAX + 1];
	struct arena *arena; /* envelope, first recipients */
	struct arena *batch; /* later recipients; NULL: in arena */
	struct envelope env;
	struct rcpt_batch rcpts;
	struct route *routes;
	struct timeval activated;
	size_t outstanding; /* requests and deferrals under way */
	bool failed;        /* some recipient must be tried again */
	bool force_expired;
	bool bounce_now;     /* force-expired with a defer log: no delivery attempt */
	bool flush;          /* forget dead transports and destinations of this message */
	bool override_defer; /* defer_transports does not count */
	bool probe;          /* counted in q->n_probes */
	struct again again;  /* a scan saw its file before its end was known here */
	enum home home;
	struct journal_place place; /* unless it always was a file */
	struct list in_young;       /* in q->young, oldest first, while it lies in the journal */
	struct list waiters;
	usec_t since;     /* when it came from the journal */
	usec_t attempt;   /* when a first request of it was sent; 0: none was */
	bool wants_file;  /* to be settled as soon as it is active */
	size_t unsure;    /* requests that may have left a log with bounce, defer or trace */
	size_t in_memory; /* recipients counted in q->n_rcpt */
};

/** A running or waiting scan of one queue. */
struct scan {
	const char *queue;
	struct queue_scan *s; /* NULL: not running; a worker's while sweeping */
	bool sweeping;
	struct strv found; /* ids that are due, up to where the scan is */
	size_t next;       /* first of them that was not taken up */
	bool ignore_time, flush;
	struct again again; /* another one was asked for meanwhile */
};

/** A router with its tables; replaced as a whole when a table has changed. */
struct routing {
	struct router *router;
	size_t users; /* jobs under way that hold it, and one when it is current */
};

struct qmgr {
	struct qmgr_conf conf;
	struct service_ctx *ctx;
	struct ev_loop *loop;
	struct pool *pool;
	struct router_conf *router_conf;
	struct routing *routing; /* current one */
	usec_t tables_checked;
	struct report_conf *report;
	struct queue_settings queues;
	struct strv hashed;
	struct strv defer_transports;
	struct sched_params default_params;
	struct sched sched;
	struct map *active;  /* id -> struct message * */
	struct map *loading; /* ids under way to active */
	size_t n_rcpt;       /* recipients in memory */
	size_t n_probes;     /* address verification probes in the active queue */
	struct scan incoming, deferred;
	bool deferred_turn;
	bool has_strays;   /* a file could not leave active/: it is looked for on the next timer */
	struct list calls; /* requests to bounce services that wait */
	size_t n_calls;    /* under way */
	bool starting_calls;
	ev_timer calls_retry;
	ev_timer busy_timer; /* looks for files that were still being delivered */
	usec_t busy_until;   /* when it has seen all of them */
	struct journal_params journal_params;
	struct journal_reader *journal; /* NULL: messages are files */
	struct list young;              /* messages in the journal, oldest first */
	size_t n_routing;               /* of these, not active yet: a worker routes them */
	struct list settling;           /* on their way to a file, not taken up by a worker yet */
	size_t n_settlers;              /* workers at that */
	usec_t settle_pause;            /* not before, after a failure */
	bool left_unread;               /* the active queue was full */
	bool has_ahead;                 /* `ahead` was read, but there was no room for it */
	struct journal_entry ahead;
	size_t busy;          /* messages that agents of an earlier process work on */
	usec_t journal_retry; /* when these, or the journal itself, are looked at again; 0: never */
	usec_t journal_pause; /* it could not be read */
	bool recycle;         /* messages have left it since... */
	usec_t recycled;
	bool rescan;        /* there are new files in incoming/ */
	struct buf encoded; /* the delivery request that is being sent */
	bool pump;          /* something may be started */
	struct list spare;  /* messages without content, for reuse */
	size_t n_spare;
	size_t flow_owed;   /* messages that left since tokens were written */
	bool flow_token;    /* there is a pipe for in_flow_delay */
	int64_t flow_limit; /* tokens in it when there is nothing to do */
	usec_t flow_next;
};

/* params.c */
/** Settings of a transport from main.cf: 0 or -EINVAL, and why. */
_must_use_ int qmgr_params(const struct qmgr *q, struct str transport, struct sched_params *ret,
	struct why *why);
/** Router and settings from the configuration, before the jail: 0 or negative errno. */
_must_use_ int qmgr_configure(struct qmgr *q, struct why *why);
extern const struct conf_var qmgr_vars[];
/** Take the current routing for a job; give it back when the job is done. */
struct routing *routing_take(struct qmgr *q);
void routing_drop(struct routing *r);
/** When a table has changed, open all anew; where that cannot work (chroot), ask for a restart. */
void routing_refresh(struct qmgr *q);

/* scan.c */
/** True when one more message may become active. */
bool scan_has_room(const struct qmgr *q);
/** Ask for a scan; one that runs is repeated. */
void scan_request(struct qmgr *q, struct scan *s, bool ignore_time, bool flush);
/** Take up ids while there is room in the active queue. */
void scan_pump(struct qmgr *q);
/** Files in active/ of which no message is in memory (the disk was full) go to deferred/. */
void scan_strays(struct qmgr *q);
/** Start-up: everything in active/ goes back to incoming/. */
void scan_recover(struct qmgr *q);

/* load.c */
/** Bring a file into the active queue; ends in active_add(), or in nothing. */
void load_message(struct qmgr *q, struct str id, const char *from, bool ignore_time, bool flush);
/** Read and route further recipients; ends in active_continue(). */
void load_more(struct qmgr *q, struct message *m);
/** Most recipients that may be read for one message now. */
size_t load_limit(const struct qmgr *q);
/** Mark the recipients of a message that are not to be delivered (double bounce). */
void load_discard(struct message *m, struct queue_message *f);
/**
 * A message without content. `q` is NULL in a worker thread; else one that was freed is used again.
 */
_alloc_ struct message *message_new(struct qmgr *q, const char *id);
/** Its end; `q` as above. */
void message_free(struct qmgr *q, struct message *m);

/* young.c */
/**
 * Start using the journal, or, when it is off, empty what an earlier process left in it. What fails is
 * logged: mail then goes by files.
 *
 * @param patient   wait some seconds for another reader to go (blocks)
 * @return 0; -EBUSY another queue manager is at work on this queue, with why
 */
_must_use_ int young_open(struct qmgr *q, bool patient, struct why *why);
/** Stop announcing the journal. */
void young_close(struct qmgr *q);
/** Take up what was committed, while there is room in the active queue. */
void young_poll(struct qmgr *q);
/** Once a second: settle what is slow or in the way. */
void young_tick(struct qmgr *q);
/** Make files of all young messages (a tool wants to work on them). */
void young_settle_all(struct qmgr *q);
/** True when young_tick() has something to look after. */
bool young_wants_tick(const struct qmgr *q);
/** The message has left the queue. */
void young_removed(struct qmgr *q, struct message *m);

/* settle.c */
/** Make a young message a file; one that is not active yet when it is. */
void settle_start(struct qmgr *q, struct message *m);
/** Put a message that nobody has read into incoming/. */
void settle_aside(struct qmgr *q, const struct journal_entry *e);
/** Give workers what waits to be settled. */
void settle_pump(struct qmgr *q);
/** Call w->fn when the message, which is none yet, is a file; settles it. */
void settle_wait(struct qmgr *q, struct message *m, struct waiter *w);
/** A request is sent by place: keep the image. */
void settle_hold(struct qmgr *q, struct request *r);
/** The agent is done with it: when the message is no longer young, its file gets the marks. */
void settle_release(struct qmgr *q, struct request *r);

/* route.c */
/** Route the recipients of a message. In a worker thread. */
void route_recipients(const struct qmgr *q, const struct router *router, struct message *m,
	struct arena *a, bool first);
/**
 * Route the first recipients in the loop, when nothing can make it wait.
 *
 * @return false: nothing was done, a worker must do it
 */
_must_use_ bool route_cached(const struct qmgr *q, const struct router *router, struct message *m);

/* active.c */
/** An address as info_log_address_format wants it; may use `b`. */
struct str qmgr_show(const struct qmgr *q, struct buf *b, struct str address);
/** A message was loaded. */
void active_add(struct qmgr *q, struct message *m);
/** Further recipients were loaded, or `err`. */
void active_continue(struct qmgr *q, struct message *m, int err);
/** Make requests of the recipients in m->rcpts. */
void active_assign(struct qmgr *q, struct message *m);
/** A request ended: `some_left` when recipients must be tried again. */
void active_request_done(struct qmgr *q, struct request *r, bool some_left);
/** Put a picked request back: it is the next one, or goes where all others of a dead destination go. */
void active_requeue(struct qmgr *q, struct request *r);
/** Give a request that waits to the retry transport, or defer its recipients here. */
void active_divert(struct qmgr *q, struct request *r, struct str dsn, struct str text);
/** Divert all that waits for a dead destination or transport. */
void active_drain(struct qmgr *q, struct destination *d);
void active_drain_transport(struct qmgr *q, struct transport *t);
/** Start what can be started. */
void active_pump(struct qmgr *q);
/** One thing less under way; the last one finishes the message. */
void active_release(struct qmgr *q, struct message *m);
/** The message has left the active queue: forget it. */
void active_forget(struct qmgr *q, struct message *m);

/* agent.c */
/** Set up the connections of a new transport. */
void agent_attach(struct qmgr *q, struct transport *t);
/** Give ready agents something to do, or connect to more. */
void agent_pump(struct qmgr *q, struct transport *t);

/* finish.c */
/** All recipients were tried: bounce, trace, warn, then defer or remove. */
void finish_message(struct qmgr *q, struct message *m);

/* notify.c */
/** Called once with 0, or negative when the service failed. */
typedef void (*notify_fn)(struct qmgr *q, void *arg, int result);
/** Send one request to private/<service>; `request` is copied. */
void notify_call(struct qmgr *q, const char *service, struct str request, notify_fn fn, void *arg);
/** Defer one recipient without an agent: log line and defer log; counts as outstanding. */
void notify_defer(struct qmgr *q, struct message *m, const struct recipient *r, struct str dsn,
	struct str text);
