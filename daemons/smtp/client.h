/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client.h — what the parts of smtp(8) share.
 *
 * The life of a request (deliver.c): for each destination of the next hop (smtp/destination.h), find
 * the addresses (dns/hosts.h), take a connection from the cache (cache.c) or make one (connect.c), and do one
 * mail transaction on it (transfer.c, content.c). Recipients that fail softly go on to the next host;
 * at the last one they are deferred. fail.c turns errors into reports.
 *
 * One struct client serves all threads and is immutable but for the cache. Everything else belongs
 * to one thread.
 */
#pragma once

#include "base/text.h"
#include "delivery/request.h"
#include "dns/hosts.h"
#include "mime/mime.h"
#include "params.h"
#include "service/agent.h"
#include "service/router_settings.h"
#include "smtp/client_ehlo.h"
#include "smtp/client_tx.h"
#include "smtp/destination.h"
#include "smtp/reply.h"

/* Most addresses of our own. */
#define MAX_ADDRS 256

/** flags= of master.cf. */
enum client_flags {
	CLIENT_DELIVERED_TO = 1 << 0, /* D */
	CLIENT_ORIGINAL_TO = 1 << 1,  /* O */
	CLIENT_RETURN_PATH = 1 << 2,  /* R */
	CLIENT_FINAL = 1 << 3,        /* X */
};

/** One word of smtp_requiretls_policy: a table, or an action that applies to all. */
struct tls_rule {
	struct table *table; /* NULL: action */
	struct str action;
};
#define MAX_TLS_RULES 32

struct client {
	struct client_params p;
	bool lmtp;
	unsigned flags; /* enum client_flags */
	struct smtp_destination_settings destinations;
	struct dns_hosts_settings hosts;
	bool probe_data;
	bool notify_protocol;
	struct net_addr own[MAX_ADDRS]; /* inet_interfaces and proxy_interfaces */
	struct net_addr from4, from6;   /* len 0: not bound */
	struct agent agent;
	struct router_conf router_conf;
	struct router *router; /* NULL without generic maps */
	struct tables ehlo_maps, pix_maps, generic, header_checks, mime_header_checks;
	struct tables nested_header_checks, body_checks, reply_filter, dns_filter;
	struct tables tls_policy, sasl_passwords;
	struct match_list *cache_destinations;
	struct tls_rule requiretls[MAX_TLS_RULES];
	size_t n_requiretls;
	unsigned discard_keywords;
	struct map *services; /* name to TCP port; read before the jail */
	struct cache *cache;
	struct pass_peer *best_mx; /* the agents of best_mx_transport */
};

/** Open tables, resolver, cache: 0 or negative errno. client.c */
_must_use_ int client_setup(struct client *c, struct service_ctx *ctx, struct why *why);
/** Parse smtp_requiretls_policy: 0 or -EINVAL. policy.c */
_must_use_ int policy_open(struct client *c, const struct table_settings *ts, struct why *why);
/** A table that changed, or NULL. */
const char *client_changed(const struct client *c);

/* ---- session: connect.c ---- */

struct session {
	struct session *next; /* in the cache */
	struct stream *s;
	bool best; /* a host of the best preference */
	struct net_addr addr;
	char *host;       /* name as logged */
	char *where;      /* "name[addr]" */
	char *where_port; /* "name[addr]:port", or as `where` for UNIX sockets */
	char *dest;       /* destination label, NULL: only by address */
	struct smtp_features f;
	bool pix_dotcrlf;    /* delay before the final dot */
	struct strv history; /* transcript, when one may be sent */
	bool protocol_error; /* and will be */
	bool broken;         /* not to be talked to any more */
	int reuse_count;
	size_t owed;          /* replies to what was sent last */
	size_t pieces;        /* in which they came */
	bool answers_at_once; /* in one, last time */
	usec_t expires;       /* monotonic; no reuse after */
	usec_t idle_until;    /* monotonic; in the cache */
	struct smtp_reply reply;
	struct buf line;
	struct buf out;
	struct buf window; /* for reading queue files, between messages */
};

/** Close without a word and free. NULL is accepted. */
void session_free(struct session *s);

/* ---- one delivery ---- */

struct delivery {
	const struct client *c;
	struct delivery_request *rq;
	struct arena *a;
	size_t left;    /* undecided recipients */
	int status;     /* the answer: -1 when something was deferred */
	bool last;      /* no other host would be tried: soft failures defer */
	struct dsn why; /* what went wrong last */
	bool why_hard;  /* and for good */
	bool why_host; /* and it concerns the destination as a whole, not a recipient or the message */
	bool said;     /* the host of this session said "later" in a transaction */
	bool talked; /* an earlier one did, and did not break off: the destination is not dead */
	bool map_failed; /* a generic table could not be asked */
	struct timeval setup_done;
	struct str relay; /* of the session that was used last, "none" */
	int reuse_count;
};

/** Connect and greet; on failure NULL with d->why set and, where documented, logged. connect.c */
struct session *session_open(struct delivery *d, const struct dns_host *h,
	const struct smtp_destination *to);
/**
 * The same over a stream that is connected already, and that the session owns from now on.
 */
struct session *session_begin(struct delivery *d, const struct dns_host *h,
	const struct smtp_destination *to, struct stream *stream);
/**
 * Read one reply into s->reply.
 *
 * @return 0; -ETIMEDOUT; other negative errno: connection lost
 */
_must_use_ int session_reply(struct delivery *d, struct session *s, usec_t timeout);
/** Say QUIT; the session is broken afterwards. */
void session_quit(struct delivery *d, struct session *s);
/** Write bytes and flush: 0 or negative errno. */
_must_use_ int session_send(struct session *s, struct str data, usec_t timeout, bool deadline);

/* ---- transfer.c ---- */

enum transfer_result {
	TRANSFER_DONE,  /* a transaction took place, whatever became of the recipients */
	TRANSFER_STALE, /* a cached connection was dead; nothing happened */
};
/** One transaction for all undecided recipients. The session may be reused unless broken. */
_must_use_ enum transfer_result transfer(struct delivery *d, struct session *s, bool keep);

/* ---- content.c ---- */

enum content_flags {
	CONTENT_DOWNGRADE = 1 << 0, /* 8bit parts become quoted-printable */
};
/**
 * Send the message content, without the final dot; what remains in s->out is for the caller to send.
 *
 * @return 0; 1 the queue file cannot be read (why says); negative errno: connection
 */
_must_use_ int content_send(struct delivery *d, struct session *s, unsigned flags, struct why *why);

/* ---- generic.c ---- */

/** The address that the outside should see, internal form; sets d->map_failed when a table fails. */
struct str generic_map(struct delivery *d, struct str internal);
/** Append a header with its addresses mapped; false: nothing to change, or a table failed. */
bool generic_header(struct delivery *d, const struct header_def *def, struct str text,
	struct buf *ret);

/* ---- checks.c ---- */

enum check_result {
	CHECK_KEEP,
	CHECK_DROP,
	CHECK_REPLACE, /* by the text */
	CHECK_PREPEND, /* the text comes first */
};
/**
 * Header and body checks on the way out.
 *
 * @param what   "header" or "body", for the log
 * @param text   storage of a replacement
 * @return the outcome; -1 a table failed (why says)
 */
int check_text(const struct delivery *d, const struct tables *t, const char *what,
	struct str content, struct buf *text, struct why *why);

/* ---- fail.c ---- */

/** Recipient was accepted for delivery by the peer: report, forget. */
void rcpt_sent(struct delivery *d, struct session *s, struct recipient *r,
	const struct smtp_reply *reply);
/** A reply refused one recipient. */
void rcpt_refused(struct delivery *d, struct session *s, struct recipient *r,
	const struct smtp_reply *reply, const char *command);
/** A reply refused these recipients, which are undecided; said once when another host follows. */
void some_refused(struct delivery *d, struct session *s, struct recipient **v, size_t n,
	const struct smtp_reply *reply, const char *command);
/** The host of d->why did not get as far as a transaction: log when another one follows. */
void host_unusable(struct delivery *d);
/** A reply refused all undecided recipients. */
void all_refused(struct delivery *d, struct session *s, const struct smtp_reply *reply,
	const char *command);
/** The undecided recipients fail with a status and a reason of ours; soft ones may go on elsewhere. */
void all_failed(struct delivery *d, const char *status, const char *fmt, ...) _printf_(3, 4);
/** One recipient fails for a reason of ours. */
void rcpt_failed(struct delivery *d, struct recipient *r, const char *status, const char *reason);
/** The connection broke during `what`; -ETIMEDOUT or another errno. */
void session_lost(struct delivery *d, struct session *s, int err, const char *what);
/** Remember why a host could not be used. */
void set_why(struct delivery *d, const char *status, const char *fmt, ...) _printf_(3, 4);
/** As set_why, from a reply; `soft`: a 5xx reply counts as temporary. */
void set_why_reply(struct delivery *d, struct session *s, const struct smtp_reply *reply, bool soft,
	const char *fmt, ...) _printf_(5, 6);
/** No host is left: bounce or defer what is undecided, with d->why. */
void finish(struct delivery *d);
/** Every undecided recipient goes to another transport (best_mx_transport). */
void pass_all(struct delivery *d, struct str transport);

/* ---- policy.c ---- */

/**
 * May mail go to this host in plaintext and without login?
 *
 * What asks for TLS or SASL, which this build cannot do, is deferred.
 * @return true; false with d->why set
 */
bool policy_allows(struct delivery *d, const struct smtp_destination *to, struct str host);

/* ---- notice.c ---- */

/** Add a line of the server to the transcript. */
void notice_in(const struct client *c, struct session *s, struct str line);
/** Add commands, each with CR LF, to the transcript. */
void notice_out(const struct client *c, struct session *s, struct str text);
/** Judge the code of a reply that refused something. */
void notice_code(struct session *s, int code);
/** Send the transcript to the postmaster if the server broke the protocol; forgets it. */
void notice_send(const struct client *c, struct session *s);

/* ---- cache.c ---- */

_alloc_ struct cache *cache_new(size_t max);
/** A connection for a destination label or an address; NULL when there is none. Caller owns it. */
struct session *cache_take(struct cache *c, const char *dest, const struct net_addr *addr);
/**
 * Count a request for a destination label.
 *
 * @return it is asked for often: more than CACHE_OFTEN times within a second
 */
bool cache_count(struct cache *c, struct str label);
/** Requests a second for one destination beyond which connections to it are kept. */
#define CACHE_OFTEN 10
/** Keep a connection; may close it or another one instead. */
void cache_put(struct cache *c, struct session *s, usec_t idle);

/* ---- deliver.c ---- */

/** Deliver one request; agent_deliver_fn with the client given. */
int client_deliver(const struct client *c, struct delivery_request *rq, struct arena *a);
