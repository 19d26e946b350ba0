/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dns/packet_priv.h — DNS messages: making a query, taking an answer apart. Pure.
 */
#pragma once

#include "dns/dns.h"

/** Largest answer by UDP that we announce (RFC 9715: no fragments). */
#define DNS_UDP_SIZE 1232
/** Most steps of a CNAME chain. */
#define DNS_MAX_CNAME 10

enum dns_rcode {
	DNS_RCODE_NOERROR = 0,
	DNS_RCODE_FORMERR = 1,
	DNS_RCODE_SERVFAIL = 2,
	DNS_RCODE_NXDOMAIN = 3,
	DNS_RCODE_NOTIMP = 4,
	DNS_RCODE_REFUSED = 5,
};

struct dns_question {
	uint16_t id;
	struct str name; /* A-labels, no trailing dot; "" is the root */
	enum dns_type type;
};

/** Options of a query. */
enum dns_query_flags {
	DNS_QUERY_EDNS = 1 << 0,   /* announce DNS_UDP_SIZE */
	DNS_QUERY_DNSSEC = 1 << 1, /* AD, and DO with EDNS */
};

/** Append a query: 0 or -EINVAL (a label is empty or over 63 octets, or the name is over 253). */
_must_use_ int dns_query_build(struct buf *b, const struct dns_question *q, unsigned flags);

struct dns_packet {
	enum dns_rcode rcode;
	bool truncated;
	bool ad;
	bool negative;     /* authority section has a SOA: what is not here does not exist */
	bool dropped;      /* records with malformed names were left out */
	bool loop;         /* the CNAME chain is too long */
	struct dns_rr *rr; /* records of the type asked for, at the end of the CNAME chain */
	size_t n;
	struct str cname; /* last name of the chain, or empty */
};

/**
 * Take an answer apart.
 *
 * @param q       what was asked
 * @param notes   receives remarks on names in records; may be NULL
 * @param a       owns everything in *ret
 * @return 0; -ENOMSG it does not answer this question; -EBADMSG malformed
 * Cost: O(DNS_MAX_CNAME * length).   Source: RFC 1035 4.1.
 */
_must_use_ int dns_packet_parse(struct str packet, const struct dns_question *q,
	const struct notes *notes, struct arena *a, struct dns_packet *ret);
