/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net/addr.h — network addresses as values: parsing, text, comparison, prefixes.
 */
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/buf.h"
#include "base/why.h"

/** An IPv4 or IPv6 address with port, or the path of a UNIX-domain socket. */
struct net_addr {
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
		struct sockaddr_un un;
		struct sockaddr_storage ss;
	};
	socklen_t len;
};

/** Room for the numeric text of any address: IPv6 with scope, or a socket path. */
#define NET_ADDR_TEXT 128

/**
 * Parse a numeric address: "1.2.3.4", "::1", "[::1]", "[1.2.3.4]", "IPv6:::1", "[ipv6:::1]".
 *
 * @param port   host byte order
 * @return 0 or -EINVAL
 */
_must_use_ int net_addr_parse(struct str text, uint16_t port, struct net_addr *ret);
/** Numeric text without port or brackets ("1.2.3.4", "::1", path); always NUL-terminated. */
void net_addr_text(const struct net_addr *a, char ret[NET_ADDR_TEXT]);
/** Port in host byte order; 0 for UNIX. */
uint16_t net_addr_port(const struct net_addr *a);
/** Set the port, host byte order. */
void net_addr_set_port(struct net_addr *a, uint16_t port);
/** Same family and address; ports are compared when `with_port`. */
bool net_addr_eq(const struct net_addr *a, const struct net_addr *b, bool with_port);
/** True for 127/8, ::1 and UNIX. */
bool net_addr_is_loopback(const struct net_addr *a);
/** IPv4-mapped IPv6 addresses become IPv4 (in place). */
void net_addr_unmap(struct net_addr *a);

/** An address block. */
struct net_cidr {
	struct net_addr addr; /* host bits are zero */
	unsigned prefix;      /* bits: 0..32 or 0..128 */
};

/**
 * Parse "10.0.0.0/8", "2001:db8::/32", "[2001:db8::]/32" or a single address.
 *
 * @return 0; -EINVAL, with the documented wording in why ("non-null host address bits ...")
 */
_must_use_ int net_cidr_parse(struct str text, struct net_cidr *ret, struct why *why);
/** True when the address (same family) is in the block. */
bool net_cidr_has(const struct net_cidr *c, const struct net_addr *a);
/** Append the network of `a` with `bits` of prefix, as "192.0.2.0/24" text (anvil client ranges). */
void net_addr_network(struct buf *b, const struct net_addr *a, unsigned bits);

/** True for a syntactically valid host name: letters, digits, '-', '_', labels 1..63, at most 255. */
bool net_hostname_ok(struct str name);
