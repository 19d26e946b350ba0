/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtp/destination.h — next hops as text: domain, domain:port, [host], [host]:port, lists of them;
 * for LMTP also unix:path and inet:host. Pure.
 */
#pragma once

#include "base/str.h"
#include "base/why.h"

struct smtp_destination {
	struct str text; /* as given */
	struct str name; /* domain, host or path */
	struct str srv;  /* name of the service, when SRV records are to be asked */
	uint16_t port;   /* host byte order */
	bool is_unix;
	bool mx;          /* look for mail exchangers */
	bool is_fallback; /* for the caller */
};

struct smtp_destination_settings {
	bool lmtp;                /* unix: exists, mail exchangers do not */
	bool use_dns;             /* else no exchangers and no SRV records */
	const char *port;         /* default: number or service */
	const char *srv_services; /* use_srv_lookup: list of services with SRV records */
	/* The port of a service that is not a number, host byte order; 0 not known. NULL: none is. */
	uint16_t (*service)(void *ctx, struct str name);
	void *ctx;
};

/**
 * Split "domain, [host]:port unix:/path" into destinations.
 *
 * @param list   separated by commas and blanks; *ret borrows from it
 * @param max    further members are ignored
 * @return how many; -EINVAL with why
 * Source: smtp(8), lmtp(8), transport(5): next-hop destination syntax.
 */
_must_use_ int smtp_destinations_parse(const struct smtp_destination_settings *s, struct str list,
	struct smtp_destination *ret, size_t max, struct why *why);
