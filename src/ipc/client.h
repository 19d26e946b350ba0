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
	size_t max_busy; /* calls at once; further ones wait their turn, within timeout; 0: no limit */
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
/** True when a connection is kept: the service said after its last reply that it goes on. */
bool ipc_client_has_idle(struct ipc_client *c);

/** Trigger a service ("W", "FADI", ...): UNIX socket or fifo at path; 0 or negative errno. */
_must_use_ int ipc_trigger(const char *path, struct str request, usec_t timeout);

/**
 * Triggers for one service, over a connection that lasts.
 *
 * Our services answer a request with one byte before they act on it, and go on listening. As long as
 * that byte has not come, a request that was sent covers what has happened since, and none is sent.
 * Services that close after a request (Postfix's) and fifos get a connection each time. Thread-safe.
 */
struct ipc_bell;

/** A bell for a service; copies the path. Connects at the first ring. */
_alloc_ struct ipc_bell *ipc_bell_new(const char *path, struct str request, usec_t timeout);
/** Close and free. NULL is accepted. */
void ipc_bell_free(struct ipc_bell *b);
/** Trigger the service; errors as of ipc_trigger(). Blocks at most `timeout`, seldom at all. */
_must_use_ int ipc_bell_ring(struct ipc_bell *b);
