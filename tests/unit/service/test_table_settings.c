/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of service/table_settings.c.
 */
#include "service/table_settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_redirection(void **state)
{
	static const struct {
		const char *database, *cache, *hash, *btree;
	} rows[] = {
		{ "default_database_type=lmdb", "default_cache_db_type=lmdb", "lmdb", "lmdb" },
		{ "default_database_type=cdb", "default_cache_db_type=lmdb", "cdb", "lmdb" },
		{ "default_database_type=hash", "default_cache_db_type=btree", "lmdb", "lmdb" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct conf *c = conf_new("/no/such/dir");
		struct table_settings s;
		struct why why = { "" };

		assert_int_equal(conf_override(c, str_of(rows[i].database), &why), 0);
		assert_int_equal(conf_override(c, str_of(rows[i].cache), &why), 0);
		if (table_settings_from_conf(c, NULL, &s, &why) < 0)
			fail_msg("%s", why.text);
		assert_string_equal(s.hash_redirect, rows[i].hash);
		assert_string_equal(s.btree_redirect, rows[i].btree);
		assert_false(s.quiet_redirect);
		assert_int_equal(s.lmdb_map_size, 16777216);
		conf_free(c);
	}
}

static void test_utf8(void **state)
{
	struct conf *c = conf_new("/no/such/dir");
	struct why why = { "" };
	unsigned flag = 99;

	(void)state;
	assert_int_equal(conf_override(c, STR("smtputf8_enable=yes"), &why), 0);
	assert_int_equal(table_utf8_flag(c, &flag, &why), 0);
	assert_int_equal(flag, TABLE_UTF8);
	assert_int_equal(conf_override(c, STR("smtputf8_enable=no"), &why), 0);
	assert_int_equal(table_utf8_flag(c, &flag, &why), 0);
	assert_int_equal(flag, 0);
	assert_int_equal(conf_override(c, STR("smtputf8_enable=maybe"), &why), 0);
	assert_true(table_utf8_flag(c, &flag, &why) < 0);
	conf_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_redirection),
		cmocka_unit_test(test_utf8),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
