/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dns/dns.h — ask the system's resolver for records, and tell "no" from "cannot tell".
 *
 * One struct dns per process; calls are thread-safe. Resolver configuration is read when it is
 * created, so that a jail needs no files, and again when resolv.conf has changed. Blocks until the
 * answer or the resolver's time limit (resolv.conf: timeout, attempts). CNAMEs are followed
 * (bounded). Nothing is cached here. Messages that do not answer our question are ignored.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
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
	DNS_NXDOMAIN, /* no such name */
	DNS_NODATA,   /* name exists, no record of this type */
	DNS_NULLMX,   /* MX 0 "." */
	DNS_TEMPFAIL, /* SERVFAIL, REFUSED, NOTIMP, timeout, no server, CNAME loop */
	DNS_FAIL,     /* FORMERR: no answer to be had (Postfix: "fail") */
	DNS_INVALID,  /* malformed name or answer */
	DNS_POLICY,   /* all records removed by a reply filter */
};

struct dns_rr {
	struct dns_rr *next;
	enum dns_type type;
	uint32_t ttl;      /* seconds */
	struct str name;   /* owner after CNAMEs */
	struct str target; /* MX, SRV, PTR, CNAME, NS host without trailing dot; TXT text joined */
	struct net_addr addr; /* A, AAAA */
	uint16_t pref;        /* MX preference, SRV priority */
	uint16_t weight;      /* SRV */
	uint16_t port;        /* SRV */
	struct str data;      /* TLSA: raw rdata */
};

struct dns_answer {
	struct dns_rr *rr; /* in the order of the answer, at most DNS_MAX_RR */
	size_t n;
	struct str cname; /* last name of the CNAME chain, empty when there was none */
	bool secure;      /* AD bit from a trusted resolver */
};

/** More records than this of one answer are ignored (threats D4). */
#define DNS_MAX_RR 100

/** Verdict of a reply filter for one record. */
enum dns_filter {
	DNS_FILTER_KEEP,
	DNS_FILTER_IGNORE,
	DNS_FILTER_TEMPFAIL, /* the filter cannot tell: the lookup is DNS_TEMPFAIL */
};
/**
 * A reply filter (smtp_dns_reply_filter, smtpd_dns_reply_filter).
 *
 * @param text   "name. ttl IN MX 10 host." as documented; names end in "."
 */
typedef enum dns_filter (*dns_filter_fn)(void *ctx, struct str text, struct why *why);

struct dns_settings {
	const char
		*servers; /* dns_servers: "[127.0.0.1]:5353, ..." replaces resolv.conf; "" system */
	bool defnames, dnsrch; /* res_defnames, res_dnsrch of smtp_dns_resolver_options */
	bool trust_ad;         /* ask for and believe the AD bit: smtp_dns_support_level = dnssec */
	const char *probe;     /* dnssec_probe, "ns:."; NULL or "": none. Asked once, with notes */
	dns_filter_fn filter;  /* NULL none; called from any thread */
	void *filter_ctx;
	const struct notes *notes; /* malformed and numeric names in records; NULL none */
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
 * @param ret    set for DNS_OK; for other outcomes only `secure` and `cname` mean something
 * @param why    the documented text, as "Host or domain name not found. Name service error for
 *               name=x type=MX: Host not found"
 * Blocks: at most attempts x servers x timeout for each step of a CNAME chain.
 */
_must_use_ enum dns_status dns_lookup(struct dns *d, struct str name, enum dns_type type,
	struct arena *a, struct dns_answer *ret, struct why *why);
/** PTR name of an address, then look up. */
_must_use_ enum dns_status dns_reverse(struct dns *d, const struct net_addr *addr, struct arena *a,
	struct dns_answer *ret, struct why *why);
/** Append a record in the form that reply filters see. */
void dns_rr_text(struct buf *b, const struct dns_rr *rr);
/** "A", "MX", ... */
const char *dns_type_name(enum dns_type t);
/** Convert a domain to A-labels: 0, -EILSEQ not UTF-8, -EINVAL not convertible. */
_must_use_ int dns_to_ascii(struct str domain, struct arena *a, struct str *ret);
/** Convert A-labels to UTF-8 where valid; otherwise a copy. */
struct str dns_to_utf8(struct str domain, struct arena *a);
