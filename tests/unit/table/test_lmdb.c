/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of table/lmdb.c: both forms of keys, long keys, change, threads beside a writer.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "table/build.h"
#include "table_test.h"

static void build(const char *spec, unsigned write, int n, const char *value)
{
	struct table_writer *w = NULL;
	struct why why = { "" };

	if (table_writer_open(&tt_settings, str_of(spec), 0, write, 0644, &w, &why) < 0)
		fail_msg("%s", why.text);
	for (int i = 0; i < n; i++) {
		char key[32];

		(void)snprintf(key, sizeof(key), "key%d", i);
		if (table_writer_put(w, str_of(key), str_of(value), TABLE_DUP_REPLACE, &why) < 0)
			fail_msg("%s", why.text);
	}
	if (table_writer_commit(w, &why) < 0)
		fail_msg("%s", why.text);
	table_writer_free(w);
}

static void test_forms(void **state)
{
	static const unsigned forms[] = { 0, TABLE_WRITE_NUL, TABLE_WRITE_NO_NUL };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		static const struct tt_row rows[] = {
			{ "lmdb:lmdb-test", 0, "key1", LOOKUP_FOUND, "value" },
			{ "lmdb:lmdb-test", 0, "key", LOOKUP_NONE, NULL },
			{ "lmdb:lmdb-test", 0, "", LOOKUP_NONE, NULL },
		};

		build("lmdb:lmdb-test", TABLE_WRITE_BULK | forms[i], 3, "value");
		tt_run(rows, ARRAY_LEN(rows));
	}
	(void)unlink("lmdb-test.lmdb");
}

static void test_long_key(void **state)
{
	char key[600];
	struct buf value = BUF(BUF_SMALL);
	struct why why = { "" };

	(void)state;
	build("lmdb:lmdb-test", TABLE_WRITE_BULK, 1, "v");
	memset(key, 'k', sizeof(key));

	struct table *t = table_open(&tt_settings, STR("lmdb:lmdb-test"), 0);

	/* 511 is the longest key that the format holds. */
	for (size_t len = 509; len < 514; len++)
		assert_int_equal(table_get(t, str_from(key, len), &value, &why), LOOKUP_NONE);
	table_unref(t);
	(void)unlink("lmdb-test.lmdb");
}

static void test_changed(void **state)
{
	(void)state;
	build("lmdb:lmdb-test", TABLE_WRITE_BULK, 1, "v");

	struct table *t = table_open(&tt_settings, STR("lmdb:lmdb-test"), 0);

	assert_false(table_changed(t));
	build("lmdb:lmdb-test", TABLE_WRITE_BULK, 2, "v2");
	assert_true(table_changed(t));

	/* The open table sees the new content all the same. */
	struct buf value = BUF(BUF_SMALL);
	struct why why;

	assert_int_equal(table_get(t, STR("key1"), &value, &why), LOOKUP_FOUND);
	assert_string_equal(buf_cstr(&value), "v2");
	buf_done(&value);
	(void)unlink("lmdb-test.lmdb");
	table_unref(t);
}

struct readers {
	struct table *t;
	atomic_bool stop;
	atomic_int bad;
	atomic_int found;
};

static void *reader(void *arg)
{
	struct readers *r = arg;
	struct buf value = BUF(BUF_SMALL);
	struct why why;

	while (!atomic_load(&r->stop)) {
		buf_clear(&value);
		if (table_get(r->t, STR("key0"), &value, &why) != LOOKUP_FOUND)
			atomic_fetch_add(&r->bad, 1);
		else
			atomic_fetch_add(&r->found, 1);
	}
	buf_done(&value);
	return NULL;
}

/* Threads that read all the time; a writer gets its turn, and the map grows under the readers. */
static void test_readers_and_writer(void **state)
{
	struct table_settings small = tt_settings;
	struct readers r = { 0 };
	pthread_t th[4];
	char *big = malloc(200000);

	(void)state;
	assert_non_null(big);
	memset(big, 'x', 199999);
	big[199999] = '\0';
	small.lmdb_map_size = 64 * 1024;
	build("lmdb:lmdb-test", TABLE_WRITE_BULK, 1, "v");
	r.t = table_open(&small, STR("lmdb:lmdb-test"), 0);
	assert_null(table_failed(r.t));
	for (size_t i = 0; i < ARRAY_LEN(th); i++)
		assert_int_equal(pthread_create(&th[i], NULL, reader, &r), 0);
	for (int i = 0; i < 5; i++)
		build("lmdb:lmdb-test", TABLE_WRITE_BULK, 1 + i, "w");
	build("lmdb:lmdb-test", TABLE_WRITE_BULK, 200, big);
	build("lmdb:lmdb-test", TABLE_WRITE_BULK, 1, "v");
	atomic_store(&r.stop, true);
	for (size_t i = 0; i < ARRAY_LEN(th); i++)
		assert_int_equal(pthread_join(th[i], NULL), 0);
	/* A value of 200 kB does not fit into the readers' buffer: those lookups fail, rightly. */
	assert_true(atomic_load(&r.found) > 0);
	table_unref(r.t);
	free(big);
	(void)unlink("lmdb-test.lmdb");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_long_key),
		cmocka_unit_test(test_changed),
		cmocka_unit_test(test_readers_and_writer),
	};
	int r = cmocka_run_group_tests(tests, NULL, NULL);

	buf_done(&tt_notes);
	return r;
}
