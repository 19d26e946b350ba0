/* SPDX-License-Identifier: Apache-2.0 */
/* service/table_settings.c — see table_settings.h. */
#include "service/table_settings.h"

struct table_conf {
	const char *default_database_type;
	const char *default_cache_db_type;
	const char *queue_directory;
	int64_t lmdb_map_size;
	bool non_bdb_migration_log_redirect;
};

static const struct conf_var vars[] = {
	CV_STR(struct table_conf, default_database_type),
	CV_STR(struct table_conf, default_cache_db_type),
	CV_STR(struct table_conf, queue_directory),
	CV_INT(struct table_conf, lmdb_map_size),
	CV_BOOL(struct table_conf, non_bdb_migration_log_redirect),
	CV_END,
};

/* Only these can stand in for Berkeley DB. */
static const char *redirect_to(const char *type)
{
	return str_eq(str_of(type), STR("cdb")) ? "cdb" : "lmdb";
}

int table_settings_from_conf(struct conf *c, const struct notes *n, struct table_settings *ret,
	struct why *why)
{
	struct table_conf tc = { 0 };
	int r = conf_fill(c, vars, &tc, why);

	if (r < 0)
		return r;
	*ret = (struct table_settings){
		.default_database_type = tc.default_database_type,
		.queue_directory = tc.queue_directory,
		.hash_redirect = redirect_to(tc.default_database_type),
		.btree_redirect = redirect_to(tc.default_cache_db_type),
		.quiet_redirect = !tc.non_bdb_migration_log_redirect,
		.lmdb_map_size = (size_t)tc.lmdb_map_size,
		.notes = n,
	};
	return 0;
}

int table_utf8_flag(const struct conf *c, unsigned *ret, struct why *why)
{
	bool on = false;
	int r = conf_bool(c, "smtputf8_enable", &on, why);

	if (r == 0)
		*ret = on ? TABLE_UTF8 : 0;
	return r;
}
