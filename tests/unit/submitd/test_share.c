/* SPDX-License-Identifier: Apache-2.0 */
/* Room for clients, shared between users. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "share.h"

/* Enter until refused; how many came in. */
static size_t fill(struct share *s, uid_t uid)
{
	size_t n = 0;

	while (share_enter(s, uid))
		n++;
	return n;
}

static void test_fair(void **state)
{
	struct share *s = share_new(100);

	(void)state;
	assert_false(share_is_scarce(s));
	assert_int_equal(fill(s, 1), 50);
	assert_false(share_is_scarce(s));
	assert_int_equal(fill(s, 2), 25);
	assert_true(share_is_scarce(s));
	assert_int_equal(fill(s, 3), 12);
	assert_int_equal(fill(s, 4), 6);
	/* Somebody else still finds room. */
	assert_true(share_enter(s, 5));
	share_leave(s, 5);
	for (int i = 0; i < 50; i++)
		share_leave(s, 1);
	assert_false(share_is_scarce(s));
	assert_true(fill(s, 5) > 20);
	share_free(s);
}

static void test_small(void **state)
{
	(void)state;
	for (size_t room = 0; room <= 3; room++) {
		struct share *s = share_new(room);

		assert_true(share_enter(s, 1));
		assert_false(share_enter(s, 1));
		assert_int_equal(share_enter(s, 2), room > 1);
		assert_int_equal(share_enter(s, 3), room > 2);
		assert_false(share_enter(s, 4));
		share_leave(s, 1);
		assert_true(share_enter(s, 4));
		assert_false(share_is_scarce(s) && room < 2);
		share_free(s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fair),
		cmocka_unit_test(test_small),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
