/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dns/hosts_order.c — in which order addresses are tried, and how many of them.
 */
#include <sys/random.h>

#include "dns/hosts.h"

uint32_t dns_random_below(uint32_t n)
{
	uint32_t r = 0;

	if (n == 0 || getrandom(&r, sizeof(r), 0) != (ssize_t)sizeof(r))
		return 0;
	return r % n;
}

void dns_hosts_shuffle(const struct dns_hosts_settings *s, struct dns_host *v, size_t n)
{
	for (size_t i = n; s->randomize && i > 1; i--) {
		size_t j = dns_random_below((uint32_t)i);
		struct dns_host t = v[i - 1];

		v[i - 1] = v[j];
		v[j] = t;
	}
}

/* Lower comes first. */
static int rank(const struct dns_hosts_settings *s, const struct dns_host *h)
{
	int family = h->addr.sa.sa_family;

	switch (s->prefer) {
	case DNS_PREFER_IPV4:
		return family == AF_INET ? 0 : 1;
	case DNS_PREFER_IPV6:
		return family == AF_INET6 ? 0 : 1;
	case DNS_PREFER_ANY:
		break;
	}
	return 0;
}

/* Insertion: stable, and lists are short. */
void dns_hosts_sort(const struct dns_hosts_settings *s, struct dns_host *v, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		struct dns_host h = v[i];
		size_t j = i;

		while (j > 0 &&
			(v[j - 1].pref > h.pref ||
				(v[j - 1].pref == h.pref && rank(s, &v[j - 1]) > rank(s, &h)))) {
			v[j] = v[j - 1];
			j--;
		}
		v[j] = h;
	}
}

static size_t count_family(const struct dns_host *v, size_t n, int family)
{
	size_t k = 0;

	for (size_t i = 0; i < n; i++)
		if (v[i].addr.sa.sa_family == family)
			k++;
	return k;
}

size_t dns_hosts_limit(const struct dns_hosts_settings *s, struct dns_host *v, size_t n)
{
	size_t max = s->max;
	size_t n6 = count_family(v, n, AF_INET6), n4 = n - n6, out = 0;
	size_t room6, room4;

	if (max == 0 || n <= max)
		return n;
	if (!s->balance || n6 == 0 || n4 == 0 || max < 2)
		return max;
	/* The family that comes first has the odd one. */
	room6 = MIN(n6, (max + (v[0].addr.sa.sa_family == AF_INET6 ? 1 : 0)) / 2);
	room4 = MIN(n4, max - room6);
	room6 = MIN(n6, max - room4);
	for (size_t i = 0; i < n; i++) {
		size_t *room = v[i].addr.sa.sa_family == AF_INET6 ? &room6 : &room4;

		if (*room == 0)
			continue;
		(*room)--;
		v[out++] = v[i];
	}
	return out;
}
