/* SPDX-License-Identifier: Apache-2.0 */
/* Sender addresses that name a recipient. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "address/address.h"

static void test_verp(void **state)
{
	static const struct {
		const char *sender, *delims, *rcpt, *want;
	} cases[] = {
		{ "list@a.b", "+=", "user@c.d", "list+user=c.d@a.b" },
		{ "list@a.b", "-=", "u+v@c.d", "list-u+v=c.d@a.b" },
		{ "list@a.b", "+=", "user", "list+user@a.b" },
		{ "list", "+=", "user@c.d", "list+user=c.d" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf b = BUF(100);

		assert_int_equal(address_verp(&b, str_of(cases[i].sender), str_of(cases[i].delims),
					 str_of(cases[i].rcpt)),
			0);
		if (!str_eq(buf_str(&b), str_of(cases[i].want)))
			fail_msg("%s %s: %s", cases[i].sender, cases[i].rcpt, buf_cstr(&b));
		b.limit = b.len + 3;
		assert_int_equal(address_verp(&b, STR("ab"), STR("+="), STR("c")), -EMSGSIZE);
		assert_int_equal(b.len, strlen(cases[i].want));
		buf_done(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_verp) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
