/* SPDX-License-Identifier: Apache-2.0 */
/*
 * qmgr/conn.h — a connection to an internal service, driven by the loop.
 *
 * Attribute lists come in whole; what is sent is buffered until the peer takes it. Nothing blocks.
 * A connection ends by exactly one call of closed(), or by conn_free().
 */
#pragma once

#include "base/clock.h"
#include "ipc/attr.h"

struct ev_loop;
struct conn;

struct conn_ops {
	/** A list has come. May free the connection. */
	void (*list)(struct conn *c, struct attr_list *l, struct arena *a);
	/** All that could be read was delivered as lists; may free the connection. NULL: not wanted. */
	void (*drained)(struct conn *c);
	/** The peer closed (-ENODATA), failed, or the time is over (-ETIMEDOUT); c is freed afterwards. */
	void (*closed)(struct conn *c, int err);
};

/**
 * Connect to a UNIX socket.
 *
 * @return 0; -EAGAIN its queue of connections is full; -ENOENT, -ECONNREFUSED, ...
 */
_must_use_ int conn_open(struct ev_loop *loop, const char *path, const struct conn_ops *ops,
	void *user, struct conn **ret);
/** The pointer given to conn_open(). */
void *conn_user(const struct conn *c);
/** Send bytes; failure is told by closed(), later. */
void conn_send(struct conn *c, struct str data);
/**
 * Call closed() with -ETIMEDOUT unless the peer takes what was sent, and then answers, in time.
 *
 * @param take     for the peer to take what waits to be sent
 * @param answer   for a list to come after that; 0: no limit
 */
void conn_timeout(struct conn *c, usec_t take, usec_t answer);
/** Close without a call of closed(). NULL is accepted. */
void conn_free(struct conn *c);
/** True when `l` is the greeting of a protocol. */
bool conn_is_greeting(struct attr_list *l, const char *protocol);
