/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dns/name_priv.h — reverse names.
 */
#pragma once

#include "dns/dns.h"

/** The name of an address in in-addr.arpa or ip6.arpa; empty for other families. */
struct str dns_reverse_name(const struct net_addr *addr, struct arena *a);
