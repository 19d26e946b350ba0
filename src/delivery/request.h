/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delivery/request.h — delivery requests, both ends: qmgr asks, agents answer.
 *
 * A request names a queue file and recipients; the answer tells whether some must be tried again and,
 * when the whole destination should be avoided, why. Source: the documented internal protocol.
 *
 * Two attributes are ours. "journal" is the place of a message that is no file yet; only agents that are known
 * to be ours get it (they alone greet again after an answer). To such a request they answer "no_reports"
 * when bounce, defer and trace heard nothing, so qmgr need not look for logs of theirs.
 */
#pragma once

#include "base/arena.h"
#include "delivery/dsn.h"
#include "ipc/attr.h"
#include "queue/message.h"

enum request_flags {
	REQUEST_SUCCESS = 1, /* mark done recipients in the queue file */
	REQUEST_BOUNCE = 2,
	REQUEST_MTA_VRFY = 256,
	REQUEST_USR_VRFY = 512,
	REQUEST_RECORD = 1024,
	REQUEST_CONN_LOAD = 2048,
	REQUEST_CONN_STORE = 4096,
	REQUEST_REC_DLY_SENT = 8192,
};

/** The two forms of a request, which differ in the name of one attribute. */
enum request_form {
	REQUEST_SENDOPTS, /* 3.10 and later */
	REQUEST_SMTPUTF8, /* before: without the bits that are no part of SENDOPT_SMTPUTF8 */
};

/** Time stamps on the way; wire form is 88 bytes native. Zero: not available. */
struct msg_stats {
	struct timeval incoming_arrival;
	struct timeval active_arrival;
	struct timeval agent_handoff;
	struct timeval conn_setup_done;
	struct timeval deliver_done;
	int reuse_count;
};
_Static_assert(sizeof(struct msg_stats) == 88, "wire form of msg_stats");

/** Now, as a time stamp. */
struct timeval msg_stats_now(void);

struct recipient {
	struct str orig_addr; /* before rewriting; "" same or unknown */
	struct str address;   /* internal form */
	int64_t offset;       /* of the R record; -1 none */
	struct str dsn_orcpt; /* "rfc822;x" */
	int dsn_notify;       /* DSN_NOTIFY_ bits, 0 none given */
	unsigned status;      /* for the agent's use: 0 undecided */
	void *tag;            /* for the agent's use */
};

struct delivery_request {
	enum request_form form; /* for the encoding */
	int flags;              /* enum request_flags */
	struct str queue_name;
	struct str queue_id;
	int64_t data_offset;
	int64_t data_size;
	struct str nexthop;
	struct str encoding; /* "", "7bit", "8bit" */
	int sendopts;
	struct str sender; /* internal form */
	struct str dsn_envid;
	int dsn_ret;
	struct msg_stats stats;
	struct str client_name, client_addr, client_port, client_proto, client_helo;
	struct str sasl_method, sasl_username, sasl_sender;
	struct str log_ident, rewrite_context;
	struct recipient *rcpt;
	size_t n_rcpt;
	bool young; /* the message lies in the journal, at `place` */
	struct journal_place place;
	struct queue_message *msg; /* open and share-locked while the agent works */
	struct dsn hop_status;     /* agent sets it when the whole destination failed */
	bool has_reports; /* bounce, defer or trace were, or may have been, told something */
};

/** Most recipients of one request (bounded by qmgr's own limits). */
#define REQUEST_MAX_RCPT 50000

/** Append a whole request in wire form: 0 or -EMSGSIZE. For qmgr and deliver-pass. */
_must_use_ int request_encode(struct buf *b, const struct delivery_request *r);
/** The agent's answer. */
struct request_result {
	struct dsn dsn;  /* status empty: destination is fine */
	int status;      /* 0 all recipients done; non-zero: some must be tried again */
	bool no_reports; /* nothing was told to bounce, defer or trace; false: not known */
};
/** Parse an answer list. */
_must_use_ int request_result_parse(struct attr_list *l, struct arena *a,
	struct request_result *ret);

/**
 * Agent's side: read a request and open and lock (shared) its queue file, or its image in the journal;
 * what has left the journal since the request was sent is a file.
 *
 * The greeting must have been sent. Accepts `sendopts` (3.10 and later) and `smtputf8` (before).
 * @param qs    which queues are hashed; NULL: none
 * @param a     owns everything in *ret but the message, which request_answer() closes
 * @return 0; -ENODATA the client closed without asking; -EBADMSG malformed (answered, logged by
 *         caller); -ENOENT the queue file is gone (answered "deferred", logged by the caller); other
 *         errno, with why: not answered, the caller closes the connection
 */
_must_use_ int request_read(struct stream *s, const struct queue_settings *qs, struct arena *a,
	struct delivery_request *ret, struct why *why);
/**
 * Agent's side: answer, with a fresh greeting in the same write when `again`; closes the file. A
 * request with "journal" gets "no_reports" unless r->has_reports.
 *
 * @param r        hop_status tells whether the destination failed
 * @param status   0 all done, -1 some must be tried again
 * @return 0 or the stream's error (nothing remains to be done but to close the connection)
 */
int request_answer(struct stream *s, struct delivery_request *r, int status, bool again);
/** Send the greeting "delivery_request_protocol". */
_must_use_ int request_greet(struct stream *s);

/** What passing has learnt of the agents of one transport; zero at first, for all threads. */
struct pass_peer {
	_Atomic int form; /* 0: nothing; else 1 + enum request_form */
};

/**
 * Hand one recipient to another transport ("transport[:nexthop]"), by the same protocol.
 *
 * The nexthop is the recipient's domain unless given. The other agent reports and marks the
 * recipient. An agent that knows the other form of requests only gets that. Source: deliver passing of
 * the documented internal protocol.
 * @return 0 done; 1 the other agent deferred it and said so; negative errno: not delivered and
 *         nobody reported it (defer it), with why
 */
_must_use_ int request_pass(const struct delivery_request *r, const struct recipient *rcpt,
	struct str transport, struct pass_peer *peer, usec_t timeout, struct why *why);
