/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dns/dns.h — ask the system's resolver for records, and tell "no" from "cannot tell".
 *
 * One struct dns per process; calls are thread-safe (each thread has resolver state of its own,
 * copied from the first). Blocks until the answer or the resolver's time limit. CNAMEs are followed
 * (bounded). Nothing is cached here.
 */
#pragma once

#include "base/arena.h"
#include "base/why.h"
#include "net/addr.h"

enum dns_type {
	DNS_A = 1,
	DNS_NS = 2,
	DNS_CNAME = 5,
	DNS_SOA = 6,
	DNS_PTR = 12,
	DNS_MX = 15,
	DNS_TXT = 16,
	DNS_AAAA = 28,
	DNS_SRV = 33,
	DNS_TLSA = 52,
};

/** Outcome; only NXDOMAIN, NODATA and NULLMX are definite negatives (threats D1). */
enum dns_status {
	DNS_OK,
	DNS_NXDOMAIN,   /* no such name */
	DNS_NODATA,     /* name exists, no record of this type */
	DNS_NULLMX,     /* MX 0 "." */
	DNS_TEMPFAIL,   /* SERVFAIL, timeout, no server */
	DNS_FAIL,       /* REFUSED, FORMERR, NOTIMP: no answer to be had (Postfix: "fail") */
	DNS_INVALID,    /* malformed name or answer */
	DNS_POLICY,     /* all records removed by a reply filter */
};

struct dns_rr {
	struct dns_rr *next;
	enum dns_type type;
	uint32_t ttl;          /* seconds */
	struct str name;       /* owner after CNAMEs */
	struct str target;     /* MX, SRV, PTR, CNAME, NS host without trailing dot; TXT text joined */
	struct net_addr addr;  /* A, AAAA */
	uint16_t pref;         /* MX preference, SRV priority */
	uint16_t weight;       /* SRV */
	uint16_t port;         /* SRV */
	struct str data;       /* TLSA: raw rdata */
};

struct dns_answer {
	struct dns_rr *rr;     /* in the order of the answer, at most DNS_MAX_RR */
	size_t n;
	struct str cname;      /* last name of the CNAME chain, empty when there was none */
	bool secure;           /* AD bit from a trusted resolver */
};

/** More records than this of one answer are ignored (threats D4). */
#define DNS_MAX_RR 100

struct dns_settings {
	const char *servers;   /* dns_servers: "[127.0.0.1]:5353, ..." replaces resolv.conf; "" system */
	bool search;           /* use search domains (RES_DEFNAMES | RES_DNSRCH) */
	bool trust_ad;         /* smtp_dns_support_level = dnssec */
};

struct dns;
/** Read resolver configuration: 0; -EINVAL bad servers text. */
_must_use_ int dns_new(const struct dns_settings *s, struct dns **ret, struct why *why);
void dns_free(struct dns *d);
/**
 * Look up one type.
 *
 * @param name   host or domain; non-ASCII is converted to A-labels first
 * @param a      owns everything in *ret
 * @param why    the documented text, as "Host or domain name not found. Name service error for
 *               name=x type=MX: Host not found"
 */
_must_use_ enum dns_status dns_lookup(struct dns *d, struct str name, enum dns_type type,
	struct arena *a, struct dns_answer *ret, struct why *why);
/** PTR name of an address, then look up. */
_must_use_ enum dns_status dns_reverse(struct dns *d, const struct net_addr *addr, struct arena *a,
	struct dns_answer *ret, struct why *why);
/** "A", "MX", ... */
const char *dns_type_name(enum dns_type t);
/** Convert a domain to A-labels: 0, -EILSEQ not UTF-8, -EINVAL not convertible. */
_must_use_ int dns_to_ascii(struct str domain, struct arena *a, struct str *ret);
/** Convert A-labels to UTF-8 where valid; otherwise a copy. */
struct str dns_to_utf8(struct str domain, struct arena *a);
