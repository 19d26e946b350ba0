/* SPDX-License-Identifier: Apache-2.0 */
/*
 * peers.h — what each process that counts here has connected and not disconnected.
 *
 * A server that dies cannot tell that its clients have gone: when the last connection of a process
 * is closed, what it left is undone. A process may use several connections for all its clients.
 * Sans I/O; not thread-safe, main.c locks.
 */
#pragma once

#include <sys/types.h>

#include "base/map.h"

struct anvil_peers {
	struct map *processes;
};

/** Nobody yet. */
void peers_init(struct anvil_peers *p);
/** Free everything. */
void peers_done(struct anvil_peers *p);
/** A connection of a process was opened. */
void peers_open(struct anvil_peers *p, pid_t pid);
/** A process with an open connection has counted a client. */
void peers_connect(struct anvil_peers *p, pid_t pid, struct str ident);
/** A client of a process has gone; one that it did not count is ignored. */
void peers_disconnect(struct anvil_peers *p, pid_t pid, struct str ident);
/**
 * A connection of a process was closed.
 *
 * @param undo   called once for each client that the process has left behind, after its last connection
 */
void peers_close(struct anvil_peers *p, pid_t pid, void (*undo)(void *ctx, struct str ident),
	void *ctx);
