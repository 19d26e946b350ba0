/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of base/map.c.
 */
#include "base/map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/mem.h"

static void test_set_get_remove(void **state)
{
	_cleanup_map_ struct map *m = map_new(free);

	(void)state;
	assert_null(map_get(m, STR("a")));
	assert_false(map_remove(m, STR("a")));
	map_set(m, STR("a"), mem_strdup("1"));
	map_set(m, STR("a"), mem_strdup("2"));
	assert_string_equal(map_get(m, STR("a")), "2");
	assert_false(map_has(m, STR("A")));
	assert_false(map_add(m, STR("a"), NULL));
	assert_true(map_add(m, STR("b"), NULL));
	assert_true(map_has(m, STR("b")));
	assert_int_equal(map_count(m), 2);
	assert_true(map_remove(m, STR("a")));
	assert_false(map_has(m, STR("a")));
	assert_int_equal(map_count(m), 1);
	map_set(m, STR_EMPTY, mem_strdup("empty"));
	assert_string_equal(map_get(m, STR_EMPTY), "empty");
	map_set(m, str_from("x\0y", 3), mem_strdup("nul"));
	assert_null(map_get(m, STR("x")));
}

static void test_nocase(void **state)
{
	static char value[] = "v";
	_cleanup_map_ struct map *m = map_new_nocase(NULL);

	(void)state;
	map_set(m, STR("Example.COM.long.name"), value);
	assert_ptr_equal(map_get(m, STR("example.com.LONG.name")), value);
	assert_null(map_get(m, STR("example.com.LONG.nam")));
}

static void test_many(void **state)
{
	_cleanup_map_ struct map *m = map_new(free);
	struct map_iter it = { 0 };
	struct str key;
	void *value;
	char name[32];
	int n = 0;

	(void)state;
	for (int i = 0; i < 5000; i++) {
		int len = snprintf(name, sizeof name, "key%d", i);

		map_set(m, str_from(name, (size_t)len), mem_strdup(name));
	}
	while (map_next(m, &it, &key, &value)) {
		(void)snprintf(name, sizeof name, "key%d", n++);
		assert_string_equal(value, name);
		assert_true(str_eq(key, str_of(name)));
	}
	assert_int_equal(n, 5000);
	it = (struct map_iter){ 0 };
	while (map_next(m, &it, &key, NULL)) {
		if ((key.ptr[key.len - 1] - '0') % 2 == 0)
			assert_true(map_remove(m, key));
	}
	assert_int_equal(map_count(m), 2500);
	for (int i = 0; i < 5000; i++) {
		int len = snprintf(name, sizeof name, "key%d", i);

		assert_int_equal(map_has(m, str_from(name, (size_t)len)), i % 2);
	}
}

/* Adding and removing for ever needs no memory: the index forgets what was removed. */
static void test_churn(void **state)
{
	_cleanup_map_ struct map *m = map_new(NULL);
	char name[32];

	(void)state;
	for (int i = 0; i < 20000; i++) {
		int len = snprintf(name, sizeof name, "%d", i);

		assert_true(map_add(m, str_from(name, (size_t)len), NULL));
		if (i >= 4) {
			len = snprintf(name, sizeof name, "%d", i - 4);
			assert_true(map_remove(m, str_from(name, (size_t)len)));
		}
	}
	assert_int_equal(map_count(m), 4);
}

static void test_hash(void **state)
{
	(void)state;
	assert_true(hash_bytes(STR("abc")) == hash_bytes(STR("abc")));
	assert_false(hash_bytes(STR("abc")) == hash_bytes(STR("abd")));
	assert_false(hash_bytes(STR("abc")) == hash_bytes(str_from("abc\0", 4)));
	map_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_set_get_remove),
		cmocka_unit_test(test_nocase),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_churn),
		cmocka_unit_test(test_hash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
