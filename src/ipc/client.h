/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ipc/client.h — a connection to an internal service that stays open between requests.
 *
 * Thread-safe pool of connections to one service: ipc_call() takes an idle connection (or makes
 * one), sends a request, reads the reply list, and keeps the connection when the service is
 * persistent (its protocol says so, or a fresh greeting followed the reply). One retry on a
 * connection that had gone stale. Blocks, at most `timeout`.
 */
#pragma once

#include "base/why.h"
#include "ipc/attr.h"

struct ipc_client;

struct ipc_client_settings {
	const char *path;     /* "private/rewrite", relative to the queue directory or absolute */
	const char *protocol; /* expected greeting, NULL: none is sent */
	enum attr_enc enc;
	bool persistent; /* the protocol itself allows further requests (rewrite, anvil, ...) */
	usec_t timeout;  /* ipc_timeout */
	usec_t idle;     /* ipc_idle: close after this long without use */
	usec_t ttl;      /* ipc_ttl */
	size_t max_idle; /* idle connections kept */
};

/** A client; copies the settings. Connects at the first call. */
_alloc_ struct ipc_client *ipc_client_new(const struct ipc_client_settings *s);
/** Close everything and free. NULL is accepted. No call may be under way. */
void ipc_client_free(struct ipc_client *c);
/**
 * One request, one reply.
 *
 * @param request   complete encoded list(s)
 * @param limit     most bytes of the reply
 * @param a         owns the reply
 * @return 0; -ENOENT/-ECONNREFUSED service not there; -EPROTO; -ETIMEDOUT; other errno, with why
 */
_must_use_ int ipc_call(struct ipc_client *c, struct str request, size_t limit, struct arena *a,
	struct attr_list *ret, struct why *why);

/** Trigger a service ("W", "FADI", ...): UNIX socket or fifo at path; 0 or negative errno. */
_must_use_ int ipc_trigger(const char *path, struct str request, usec_t timeout);
