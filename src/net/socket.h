/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net/socket.h — listening, connecting, passing descriptors.
 *
 * All descriptors are close-on-exec. Errors are negative errno with a text in why.
 */
#pragma once

#include "base/clock.h"
#include "net/addr.h"

/** The families in use (inet_protocols). */
enum net_families {
	NET_IPV4 = 1 << 0,
	NET_IPV6 = 1 << 1,
};

/**
 * Resolve a numeric or symbolic host and service with getaddrinfo(3), for configuration (listen
 * addresses, relay sockets). Blocks on the resolver for names.
 *
 * @param host      name, numeric address, or empty for the wildcard
 * @param service   port number or service name
 * @param families  enum net_families
 * @param ret       at most `max` addresses, duplicates removed
 * @return number of addresses; -ENOENT unknown host; -EINVAL bad service; -EAGAIN try again
 */
_must_use_ int net_resolve(struct str host, struct str service, unsigned families,
	struct net_addr *ret, size_t max, struct why *why);
/** Addresses of this host's interfaces: count or negative errno. */
_must_use_ int net_interfaces(unsigned families, struct net_addr *ret, size_t max, struct why *why);

/** Listen on an inet address: descriptor (non-blocking) or negative errno. */
_must_use_ int net_listen(const struct net_addr *a, int backlog, struct why *why);
/** Create a UNIX stream socket at `path` (an old one is unlinked), mode `mode`, listening. */
_must_use_ int net_listen_unix(const char *path, mode_t mode, int backlog, struct why *why);
/** Create a UNIX datagram socket at `path`. */
_must_use_ int net_bind_dgram(const char *path, mode_t mode, struct why *why);
/**
 * Connect a stream socket. Blocks until the deadline.
 *
 * @param from   local address, or NULL
 * @return blocking descriptor; -ETIMEDOUT, -ECONNREFUSED, ...
 */
_must_use_ int net_connect(const struct net_addr *to, const struct net_addr *from, usec_t deadline,
	struct why *why);
/** Connect to a UNIX stream socket: descriptor or negative errno. */
_must_use_ int net_connect_unix(const char *path, usec_t deadline, struct why *why);
/**
 * As net_connect_unix(), from a socket with a name (any, in the abstract namespace): so the server can tell
 * clients of a kind from others before a byte was sent.
 */
_must_use_ int net_connect_unix_named(const char *path, usec_t deadline, struct why *why);
/** True when the peer of a UNIX socket has a name. */
bool net_is_named(const struct net_addr *peer);
/** accept(2) on a non-blocking listener: blocking descriptor, -EAGAIN when nobody waits, or error. */
_must_use_ int net_accept(int listener, struct net_addr *ret_peer);
/** The peer's address; false when the descriptor is not a connected socket. */
bool net_peer(int fd, struct net_addr *ret);
/** The local address; false when the descriptor is not a socket. */
bool net_local(int fd, struct net_addr *ret);

/** Send one descriptor with one byte 0 over a UNIX stream socket: 0 or negative errno. */
_must_use_ int net_send_fd(int sock, int fd, usec_t deadline);
/** Receive one descriptor: it, -ENODATA at end of file, or negative errno. */
_must_use_ int net_recv_fd(int sock, usec_t deadline);
/** User id of the process at the other end of a UNIX socket: 0 or negative errno. */
_must_use_ int net_peer_uid(int sock, uid_t *ret_uid, gid_t *ret_gid);
