/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delivery/report.h — tell the world what became of a recipient: log line, bounce/defer/trace
 * service, and the mark in the queue file.
 *
 * Every agent and qmgr ends each recipient through exactly one of these calls. Thread-safe with one
 * `struct report_conf` per process. Blocks on the bounce services, at most ipc_timeout each.
 *
 * What goes where: probes of the verify service go to verify, probes of a user (sendmail -bv) to
 * trace; otherwise success goes to trace when the sender asked for it, failure to bounce, delay to
 * defer. soft_bounce and the delivery status filter may turn a failure into a delay or back, never
 * a success into anything else.
 */
#pragma once

#include "delivery/request.h"
#include "table/table.h"

struct report_settings {
	const char *bounce_path, *defer_path, *trace_path; /* sockets */
	const char *flush_path, *verify_path;              /* sockets; NULL: not used */
	usec_t ipc_timeout;
	bool soft_bounce;
	bool verify_negative_cache;             /* address_verify_negative_cache */
	bool info_address_internal;             /* info_log_address_format = internal */
	int64_t delay_logging_resolution_limit; /* 0..6 digits */
	const char *delivery_status_filter;     /* tables, "" none */
	const char *fast_flush_domains;         /* list, "" none */
	bool fast_flush_parent;                 /* in parent_domain_matches_subdomains */
	bool smtp_log_tls_feature_status;       /* write the tls= field of reports that have one */
	const struct table_settings *tables;    /* outlives the report_conf */
	const struct notes *log;                /* receives the complete delivery lines */
};

struct report_conf;
/**
 * Open tables and prepare connections; copies the settings, not the strings.
 *
 * @return 0; -EINVAL a malformed table list
 */
_must_use_ int report_conf_new(const struct report_settings *s, struct report_conf **ret,
	struct why *why);
/** Close connections and tables. NULL is accepted. */
void report_conf_free(struct report_conf *c);
DEFINE_CLEANUP(struct report_conf *, report_conf_free);
/** Name of the first table whose file has changed, or NULL. */
const char *report_conf_changed(const struct report_conf *c);

/** What a report is about; `relay` "none", "virtual", "host[addr]:port". */
struct report {
	struct delivery_request *rq;
	const struct recipient *rcpt;
	struct str relay;
	struct msg_stats
		stats; /* deliver_done zero: now; conn_setup_done zero: no connection phase */
	struct dsn dsn;
	struct str tls; /* value of the tls= field, "" none */
};

/**
 * Delivered (dsn 2.x.x): logs "status=sent", trace when asked for, marks the recipient done.
 *
 * @return 0; -1: the trace could not be recorded, the recipient was deferred instead
 */
_must_use_ int report_sent(const struct report_conf *c, const struct report *r);
/**
 * Failed for good: bounce log; falls back to defer when bounce is unavailable.
 *
 * @return 0 recorded and marked; -1 deferred
 */
_must_use_ int report_bounce(const struct report_conf *c, const struct report *r);
/**
 * To be tried again: defer log, flush log.
 *
 * @return -1, the recipient remains; 0 when the status filter made it final, or for probes
 */
int report_defer(const struct report_conf *c, const struct report *r);
/** The recipient was dealt with elsewhere (forwarded, expanded): mark it done, no log line. */
void report_mark(const struct report_conf *c, const struct report *r);
/** Append the fields "to=<..>, ... status=X (reason)" as the log line has them (without the id). */
void report_format(const struct report_conf *c, struct buf *b, const struct report *r,
	const char *status);
/**
 * Append a delay with two significant digits ("0.14", "61"), rounded, zeros trimmed.
 *
 * @param digits   most decimals, 0..6
 */
void report_delay(struct buf *b, usec_t delay, int64_t digits);

/* Whole-message requests to the bounce services (qmgr): see delivery/bounce_client.h */
