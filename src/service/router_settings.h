/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service/router_settings.h — struct router_settings of src/address, filled from a configuration.
 */
#pragma once

#include "address/rewrite.h"
#include "conf/conf.h"

/** Own addresses that are looked at, of each kind. */
#define ROUTER_MAX_ADDRS 256

/** The settings and what they point to; lives as long as the router. */
struct router_conf {
	struct router_settings s;
	struct table_settings tables;
	struct net_addr own[ROUTER_MAX_ADDRS];
	struct net_addr proxy[ROUTER_MAX_ADDRS];
};

/**
 * Fill `ret`, which must stay where it is; its strings belong to the conf.
 *
 * @param n   where tables send their remarks; usually log_notes
 * @return 0; -EINVAL or -ERANGE with why
 */
_must_use_ int router_settings_from_conf(struct conf *c, const struct notes *n,
	struct router_conf *ret, struct why *why);
