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

#include "address/rewrite.h"
#include "conn.h"
#include "delivery/report.h"
#include "envelope.h"
#include "pool.h"
#include "queue/dir.h"
#include "schedule.h"
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
};

/** Where a recipient goes. Strings in the arena of its batch. */
struct route {
	struct str transport;
	struct str nexthop;
	struct str address;
	bool discard; /* nothing is to be done (double bounce, redirected) */
};

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
	size_t in_memory;    /* recipients counted in q->n_rcpt */
};

/** A running or waiting scan of one queue. */
struct scan {
	const char *queue;
	struct queue_scan *s; /* NULL: not running; a worker's while sweeping */
	bool sweeping;
	struct strv found; /* ids that are due, up to where the scan is */
	size_t next;       /* first of them that was not taken up */
	bool ignore_time, flush;
	bool again, again_ignore_time, again_flush; /* another one was asked for meanwhile */
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
	struct list calls;  /* requests to bounce services that wait */
	size_t n_calls;     /* under way */
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
/** Ask for a scan; one that runs is repeated. */
void scan_request(struct qmgr *q, struct scan *s, bool ignore_time, bool flush);
/** Take up ids while there is room in the active queue. */
void scan_pump(struct qmgr *q);
/** Start-up: everything in active/ goes back to incoming/. */
void scan_recover(struct qmgr *q);

/* load.c */
/** Bring a file into the active queue; ends in active_add(), or in nothing. */
void load_message(struct qmgr *q, struct str id, const char *from, bool ignore_time, bool flush);
/** Read and route further recipients; ends in active_continue(). */
void load_more(struct qmgr *q, struct message *m);
/** Most recipients that may be read for one message now. */
size_t load_limit(const struct qmgr *q);

/* route.c */
/** Route the recipients of a message. In a worker thread. */
void route_recipients(const struct qmgr *q, const struct router *router, struct message *m,
	struct arena *a, bool first);

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
