/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf/names.h — which names a configuration knows and uses.
 *
 * A setting that is no parameter is still fine when something refers to it: a $name in another value
 * or in master.cf, a restriction class, a table that keeps its settings in main.cf
 * (ldap:NAME and NAME_server_host). Shared by conf_warn_unheeded() and postconf.
 */
#pragma once

#include "base/map.h"

#include "conf/conf.h"
#include "conf/master_cf.h"

/** The names that something refers to, as keys. Free with map_free(). `m` may be NULL. */
_alloc_ struct map *conf_names_used(const struct conf *c, const struct master_cf *m);
/** Add the $names in a text, conditional forms and their branches included. */
void conf_names_in_text(struct map *names, struct str text);
/**
 * What a name in main.cf or -o is.
 *
 * @param used   from conf_names_used()
 */
enum conf_name_kind {
	CONF_NAME_PARAM,     /* in the registry */
	CONF_NAME_TRANSPORT, /* <service>_... of a delivery service */
	CONF_NAME_USER,      /* something refers to it */
	CONF_NAME_UNUSED,
} conf_name_kind(struct str name, const struct map *used, const struct master_cf *m);
/** True when the service runs a delivery agent that the suffix of `p` belongs to. */
bool conf_transport_has(const struct master_entry *e, const struct conf_param *p);
