/* SPDX-License-Identifier: Apache-2.0 */
/* Internal to external form and back. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "address/address.h"

static void test_quote(void **state)
{
	static const struct {
		const char *in, *want;
	} cases[] = {
		{ "", "" },
		{ "a@b", "a@b" },
		{ "a.b+c@d", "a.b+c@d" },
		{ "a b@c", "\"a b\"@c" },
		{ "a@b@c", "\"a@b\"@c" },
		{ "a..b@c", "\"a..b\"@c" },
		{ ".a@c", "\".a\"@c" },
		{ "a.@c", "\"a.\"@c" },
		{ "a\"b@c", "\"a\\\"b\"@c" },
		{ "a\\b@c", "\"a\\\\b\"@c" },
		{ "a(b)@c", "\"a(b)\"@c" },
		{ "a,b", "\"a,b\"" },
		{ "@c", "\"\"@c" },
		{ "a@", "a@" },
		{ "\xc3\xa4@b", "\xc3\xa4@b" },
		{ "\xe4@b", "\"\xe4\"@b" },
		{ "a\x01@b", "\"a\x01\"@b" },
		{ "user@[1.2.3.4]", "user@[1.2.3.4]" },
		/* A source route stays as it is. */
		{ "@a:b@c", "@a:b@c" },
		{ "@a,@b:c@d", "@a,@b:c@d" },
		{ "@[1.2.3.4]:b c@d", "@[1.2.3.4]:\"b c\"@d" },
		{ "@a:b@c@d", "@a:\"b@c\"@d" },
		{ "@a:@d", "@a:\"\"@d" },
		{ "@a:b", "@a:b" },
		{ "@a@d", "\"@a\"@d" },
		{ "a:b@d", "\"a:b\"@d" },
		{ "@a b:c@d", "\"@a b:c\"@d" },
		{ "@a\":c@d", "\"@a\\\":c\"@d" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf b = BUF(100), back = BUF(100);

		assert_int_equal(address_quote(&b, str_of(cases[i].in)), 0);
		if (!str_eq(buf_str(&b), str_of(cases[i].want)))
			fail_msg("%s: got %s, want %s", cases[i].in, buf_cstr(&b), cases[i].want);
		assert_int_equal(address_unquote(&back, buf_str(&b)), 0);
		if (!str_eq(buf_str(&back), str_of(cases[i].in)))
			fail_msg("%s: comes back as %s", cases[i].in, buf_cstr(&back));
		buf_done(&b);
		buf_done(&back);
	}
}

static void test_unquote(void **state)
{
	static const struct {
		const char *in, *want; /* NULL: -EINVAL */
	} cases[] = {
		{ "a@b", "a@b" },
		{ "\"a@b\"@c", "a@b@c" },
		{ "a\\@b@c", "a@b@c" },
		{ "\"a", NULL },
		{ "a\\", NULL },
		{ "\"a\".b@c", "a.b@c" },
		{ "\"\"@c", "@c" },
		{ "\"a\\", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf b = BUF(100);
		int r = address_unquote(&b, str_of(cases[i].in));

		if (r != (cases[i].want == NULL ? -EINVAL : 0) ||
			!str_eq(buf_str(&b), str_of(cases[i].want)))
			fail_msg("%s: %d %s", cases[i].in, r, buf_cstr(&b));
		buf_done(&b);
	}
}

/* One byte too little leaves the buffer as it was. */
static void test_limit(void **state)
{
	struct buf b = BUF(7);

	(void)state;
	assert_int_equal(address_quote(&b, STR("a b@cd")), -EMSGSIZE);
	assert_int_equal(b.len, 0);
	assert_int_equal(address_unquote(&b, STR("abc@defg")), -EMSGSIZE);
	assert_int_equal(b.len, 0);
	assert_int_equal(address_quote_821(&b, STR("a b@c")), 0);
	assert_string_equal(buf_cstr(&b), "\"a b\"@c");
	buf_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_quote),
		cmocka_unit_test(test_unquote),
		cmocka_unit_test(test_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
