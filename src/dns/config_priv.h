/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dns/config_priv.h — where to ask: servers and options of resolv.conf or of dns_servers.
 */
#pragma once

#include <pthread.h>

#include "base/clock.h"
#include "dns/dns.h"

/** Most servers that are used. */
#define DNS_MAX_SERVERS 8
/** Most search domains that are used. */
#define DNS_MAX_SEARCH 6

/** Immutable. */
struct dns_config {
	unsigned refs; /* under the lock of struct dns */
	struct net_addr server[DNS_MAX_SERVERS];
	size_t n_servers;
	char *search[DNS_MAX_SEARCH];
	size_t n_search;
	usec_t timeout;    /* of the first try */
	unsigned attempts; /* rounds over all servers */
	unsigned ndots;
	bool rotate;
	bool tcp; /* use-vc */
};

struct dns {
	struct dns_settings set;
	pthread_mutex_t lock; /* protects what follows */
	struct dns_config *config;
	usec_t next_check; /* when to look at resolv.conf again */
	struct timespec file_time;
	ino_t file_ino;
	unsigned turn;    /* for rotate */
	bool seen_secure; /* some answer was validated */
	bool probed;
};

/** Parse a list of servers "[addr]:port, addr, ...": 0 or -EINVAL. */
_must_use_ int dns_config_parse(struct str servers, struct dns_config **ret, struct why *why);
/** Read the system's configuration: 0 or -EIO. */
_must_use_ int dns_config_of_host(struct dns_config **ret, struct why *why);
void dns_config_free(struct dns_config *c);
/** The present configuration with a reference; looks for a changed resolv.conf now and then. */
struct dns_config *dns_config_get(struct dns *d, unsigned *ret_turn);
/** Drop a reference. */
void dns_config_put(struct dns *d, struct dns_config *c);
