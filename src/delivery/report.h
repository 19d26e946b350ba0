/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delivery/report.h — tell the world what became of a recipient: log line, bounce/defer/trace
 * service, and the mark in the queue file.
 *
 * Every agent and qmgr ends each recipient through exactly one of these calls. Thread-safe with one
 * `struct report_conf` per process. Blocks on the bounce services.
 */
#pragma once

#include "delivery/request.h"

struct report_settings {
	const char *bounce_path, *defer_path, *trace_path, *flush_path, *verify_path; /* sockets; flush/verify NULL: not used */
	usec_t ipc_timeout;
	bool soft_bounce;
	bool info_address_internal;            /* info_log_address_format */
	int64_t delay_logging_resolution_limit; /* 0..6 digits */
	const char *delivery_status_filter;    /* tables, "" none */
	const char *fast_flush_domains;        /* list, "" none */
	bool smtp_log_tls_feature_status;
	const struct table_settings *tables;
	const struct notes *log;               /* receives the complete delivery lines */
};

struct report_conf;
_must_use_ int report_conf_new(const struct report_settings *s, struct report_conf **ret,
	struct why *why);
void report_conf_free(struct report_conf *c);

/** What a report is about; `relay` "none", "virtual", "host[addr]:port". */
struct report {
	const struct delivery_request *rq;
	const struct recipient *rcpt;
	struct str relay;
	struct msg_stats stats;
	struct dsn dsn;
	struct str tls; /* value of the tls= field, "" none */
};

/** Delivered (dsn 2.x.x): logs "status=sent", trace when asked for, marks the recipient done. 0, or -1: could not record, treat as deferred. */
_must_use_ int report_sent(const struct report_conf *c, const struct report *r);
/** Failed for good: bounce log; falls back to defer when bounce is unavailable. 0 recorded and marked; -1 deferred. */
_must_use_ int report_bounce(const struct report_conf *c, const struct report *r);
/** To be tried again: defer log, flush log. Always -1 (recipient remains). */
int report_defer(const struct report_conf *c, const struct report *r);
/** Append the fields "to=<..>, ... status=X (reason)" as the log line has them (without the id). */
void report_format(const struct report_conf *c, struct buf *b, const struct report *r,
	const char *status);
/** Append a delay with two significant digits ("0.14", "61"). */
void report_delay(struct buf *b, usec_t delay, int64_t digits);

/* Whole-message requests to the bounce services (qmgr): see delivery/bounce_client.h */
