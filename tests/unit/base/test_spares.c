/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of base/spares.c.
 */
#include "base/spares.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"

static int the_freed;

static void count_free(void *p)
{
	the_freed++;
	free(p);
}

/* The last one comes first; at the limit, and one past it. */
static void test_order(void **state)
{
	struct spares *s = spares_new(2, count_free);
	void *a = mem_alloc(1), *b = mem_alloc(1);

	(void)state;
	the_freed = 0;
	assert_null(spares_take(s));
	spares_put(s, a);
	spares_put(s, b);
	assert_int_equal(the_freed, 0);
	spares_put(s, mem_alloc(1));
	assert_int_equal(the_freed, 1);
	assert_ptr_equal(spares_take(s), b);
	assert_ptr_equal(spares_take(s), a);
	assert_null(spares_take(s));
	spares_put(s, a);
	spares_put(s, b);
	spares_free(s);
	assert_int_equal(the_freed, 3);
	spares_free(NULL);
}

struct thing {
	_Atomic int users;
};

/* Nobody gets what somebody else has. */
static void *use(void *arg)
{
	struct spares *s = arg;
	intptr_t wrong = 0;

	for (int i = 0; i < 20000; i++) {
		struct thing *t = spares_take(s);

		if (t == NULL)
			t = mem_new(struct thing);
		wrong += ++t->users != 1;
		t->users--;
		spares_put(s, t);
	}
	return (void *)wrong;
}

static void test_threads(void **state)
{
	struct spares *s = spares_new(2, free);
	pthread_t t[4];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		assert_int_equal(pthread_create(&t[i], NULL, use, s), 0);
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		void *wrong;

		assert_int_equal(pthread_join(t[i], &wrong), 0);
		assert_null(wrong);
	}
	spares_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
