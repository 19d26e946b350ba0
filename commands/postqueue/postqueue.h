/* SPDX-License-Identifier: Apache-2.0 */
/*
 * postqueue/postqueue.h — what any user may ask of the queue: list it, flush it.
 */
#pragma once

#include <stdio.h>
#include <sysexits.h>

#include "base/why.h"
#include "conf/conf.h"
#include "io/stream.h"

/** Parameters that are used. */
struct postqueue_conf {
	const char *queue_directory;
	const char *daemon_directory;
	const char *config_directory;
	const char *authorized_mailq_users;
	const char *authorized_flush_users;
	const char *showq_service_name;
	const char *flush_service_name;
	const char *queue_service_name;
	const char *pickup_service_name;
	const char *submission_service_name;
	const char *maillog_file;
	const char *hash_queue_names;
	int64_t hash_queue_depth;
	bool enable_long_queue_ids;
};

extern struct postqueue_conf the_conf;

/** One recipient of a listed message. */
struct list_recipient {
	struct str original, address;
	struct str class; /* "defer", "bounce", or empty */
	struct str reason;
};

/** What a listing calls, in order; texts are borrowed. */
struct list_ops {
	void (*begin)(FILE *out);
	/** A message; `size` in bytes, `time` in seconds. */
	void (*message)(FILE *out, const char *queue, const char *id, int64_t time, int64_t size,
		bool expired, const char *sender);
	void (*recipient)(FILE *out, const struct list_recipient *r);
	void (*message_end)(FILE *out);
	void (*end)(FILE *out);
};

/** The listing of mailq, and JSON lines. */
extern const struct list_ops list_as_text;
extern const struct list_ops list_as_json;

/** Read a whole listing from showq: 0; -EPROTO with why, -ENODATA cut off, other errno. */
_must_use_ int list_read(struct stream *in, const struct list_ops *ops, FILE *out, struct why *why);

/** True when we may not enter public/, and so need submitd. */
bool door_is_needed(void);
/**
 * Have submitd do it. Ends the program when that refuses, fails or is not there.
 *
 * @param what   begins the message of a failure
 * @param verb   the request (service/queue_request.h); `name` follows it
 * @return the connection, with what follows the answer
 */
_alloc_ struct stream *door_ask(const char *what, const char *verb, const char *name);

/** List the queue, by showq or, as root with the system down, by a showq of our own. */
void show_queue(bool json);

/** Flush everything; one site; one message. End the program when that cannot be. */
void flush_all(void);
void flush_site(const char *site);
void flush_file(const char *id);

/**
 * Compare the logs (none: maillog_file), the oldest first, with the queue; the exit status.
 *
 * @param hashed   names of hashed queues, NULL-terminated
 * @param n        number of `names`; "-" is standard input
 */
int audit(struct conf *conf, char **hashed, int n, char **names);
