/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service/table_settings.h — struct table_settings of src/table, filled from a configuration.
 */
#pragma once

#include "conf/conf.h"
#include "table/table.h"

/**
 * Fill `ret`; its strings belong to the conf.
 *
 * hash: and btree: tables are served by default_database_type and default_cache_db_type when those
 * are lmdb or cdb, else by lmdb.
 *
 * @param n   where tables send their remarks; usually log_notes()
 * @return 0; -EINVAL or -ERANGE with why
 */
_must_use_ int table_settings_from_conf(struct conf *c, const struct notes *n,
	struct table_settings *ret, struct why *why);
/** TABLE_UTF8 when smtputf8_enable = yes, else 0; -EINVAL with why. */
_must_use_ int table_utf8_flag(const struct conf *c, unsigned *ret, struct why *why);
