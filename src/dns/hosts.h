/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dns/hosts.h — from a mail domain to the addresses to try: MX, SRV, A, AAAA, preference, shuffling,
 * limits, loops.
 *
 * Only a definite "no" of the DNS is a permanent failure; whatever could not be found out is tried
 * again (threats D1).
 */
#pragma once

#include "dns/dns.h"

/** Most addresses of a domain that are looked at. */
#define DNS_HOSTS_MAX 256

enum dns_prefer {
	DNS_PREFER_ANY,
	DNS_PREFER_IPV4,
	DNS_PREFER_IPV6,
};

struct dns_hosts_settings {
	struct dns *dns;
	unsigned families; /* enum net_families */
	bool use_dns;      /* addresses of hosts by DNS: smtp_dns_support_level, smtp_host_lookup */
	bool use_native;   /* getaddrinfo(3), when the DNS is not used or has no such host */
	bool ignore_mx_error; /* ignore_mx_lookup_error */
	bool defer_no_mx_address;
	bool srv_fallback, ignore_srv_error;
	bool cname_is_name; /* smtp_cname_overrides_servername */
	bool randomize, balance;
	enum dns_prefer prefer;
	size_t max;                 /* smtp_mx_address_limit; 0 no limit */
	const struct net_addr *own; /* addresses that reach this host */
	size_t n_own;
	bool own_loopback; /* so does all of 127/8 and ::1 */
	const struct notes *notes;
};

/** What is looked for. */
struct dns_target {
	struct str name; /* domain or host, or a numeric address */
	struct str srv;  /* name of the service, when SRV records are to be asked; else "" */
	uint16_t port;   /* host byte order */
	bool mx;         /* look for mail exchangers */
	bool loops;      /* hosts that are this one, and those no better, must not be used */
};

struct dns_host {
	struct net_addr addr;
	struct str name;
	uint16_t pref;
	bool best; /* of the best preference */
};

struct dns_hosts {
	struct dns_host *v;
	size_t n;
	bool is_own; /* we are among the mail exchangers */
};

enum dns_hosts_status {
	DNS_HOSTS_OK,
	DNS_HOSTS_SOFT, /* try again later */
	DNS_HOSTS_HARD,
	DNS_HOSTS_LOOP, /* we are the best mail exchanger */
};

/** Why there are none: enhanced status and text. */
struct dns_hosts_error {
	struct str status, reason;
};

/**
 * Find the addresses of a target, best first.
 *
 * @param t           what is looked for
 * @param a           owns everything in *ret and *ret_error
 * @param ret         filled for DNS_HOSTS_OK; is_own also otherwise
 * @param ret_error   filled for all else
 * Blocks on DNS. Thread-safe. Source: RFC 5321 5.1, RFC 2782, RFC 7505, and the smtp_ parameters above.
 */
_must_use_ enum dns_hosts_status dns_hosts_find(const struct dns_hosts_settings *s,
	const struct dns_target *t, struct arena *a, struct dns_hosts *ret,
	struct dns_hosts_error *ret_error);

/** Shuffle, when that is wanted. */
void dns_hosts_shuffle(const struct dns_hosts_settings *s, struct dns_host *v, size_t n);
/** Sort by preference, then by family; equal ones keep their order. */
void dns_hosts_sort(const struct dns_hosts_settings *s, struct dns_host *v, size_t n);
/** How many remain of a sorted list after the limit; with balance, neither family is cut away. */
size_t dns_hosts_limit(const struct dns_hosts_settings *s, struct dns_host *v, size_t n);
/** A random number below n, 0 when n is. */
uint32_t dns_random_below(uint32_t n);
