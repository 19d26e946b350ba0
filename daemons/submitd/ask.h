/* SPDX-License-Identifier: Apache-2.0 */
/*
 * submitd/ask.h — the queue is listed and flushed for a postqueue that has no privileges.
 *
 * The request is the text of its first record (service/queue_request.h). The answer is a list, status
 * (0 or as in sysexits.h) and reason; behind a good one to "list" comes what showq sends.
 */
#pragma once

#include "intake/submit.h"
#include "io/stream.h"
#include "service/queue_request.h"

/** Settings, named after the parameters; strings live as long as the process. */
struct ask_settings {
	const char *authorized_mailq_users;
	const char *authorized_flush_users;
	const char *showq_service_name;
	struct queue_request services;
	const struct table_settings *tables;
	usec_t timeout; /* of showq, ipc_timeout */
};

struct ask;
/** Open the lists of users; immutable from then on, for all threads. */
_alloc_ struct ask *ask_new(const struct ask_settings *s);
/** Name of a table whose file has changed, or NULL. */
const char *ask_changed(const struct ask *a);
/** Send the list that ends a dialogue, of a message too: 0 or the stream's error. */
_must_use_ int ask_answer(struct stream *s, int status, struct str reason);
/**
 * Serve one request and answer it; what goes wrong with the client is its own affair.
 *
 * Blocks: on showq or the flush service, and on the client within the timeout of `s`.
 */
void ask_serve(const struct ask *a, struct stream *s, const struct submit_user *u,
	struct str request);
