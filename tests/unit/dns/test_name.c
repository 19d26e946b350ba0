/* SPDX-License-Identifier: Apache-2.0 */
/* International domains, reverse names, the text form of records. */
#include "dns/name_priv.h"

#include <errno.h>

#include "fake.h"

static void test_ascii(void **state)
{
	static const struct {
		const char *in, *want; /* NULL: error */
		int err;
	} cases[] = {
		{ "example.com", "example.com", 0 },
		{ "EXAMPLE.com", "EXAMPLE.com", 0 },
		{ "b\xc3\xbc"
		  "cher.example",
			"xn--bcher-kva.example", 0 },
		{ "fa\xc3\x9f.de", "xn--fa-hia.de", 0 },
		{ "\xff.de", NULL, -EILSEQ },
		{ "\xe2\x80\x8b.de", NULL, -EINVAL },
		{ "\xef\xbf\xbd.de", NULL, -EINVAL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct arena *a = arena_new(0);
		struct str s = STR_EMPTY;
		int r = dns_to_ascii(str_of(cases[i].in), a, &s);

		if (r != cases[i].err || !str_eq(s, str_of(cases[i].want)))
			fail_msg("%s: %d " STR_FMT, cases[i].in, r, STR_ARG(s));
		arena_free(a);
	}
}

static void test_ascii_long(void **state)
{
	struct arena *a = arena_new(0);
	struct buf b = BUF(5000);
	struct str s;

	(void)state;
	buf_putf(&b, "\xc3\xbc%01100d", 0);
	assert_int_equal(dns_to_ascii(buf_str(&b), a, &s), -EINVAL);
	buf_done(&b);
	arena_free(a);
}

static void test_utf8(void **state)
{
	static const struct {
		const char *in, *want;
	} cases[] = {
		{ "example.com", "example.com" },
		{ "xn--bcher-kva.example", "b\xc3\xbc"
					   "cher.example" },
		{ "xn--\x01", "xn--\x01" },
		{ "xn--99999999", "xn--99999999" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct arena *a = arena_new(0);
		struct str s = dns_to_utf8(str_of(cases[i].in), a);

		if (!str_eq(s, str_of(cases[i].want)))
			fail_msg("%s: " STR_FMT, cases[i].in, STR_ARG(s));
		arena_free(a);
	}
}

static void test_reverse(void **state)
{
	static const struct {
		const char *in, *want;
	} cases[] = {
		{ "192.0.2.1", "1.2.0.192.in-addr.arpa" },
		{ "2001:db8::1", "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2."
				 "ip6.arpa" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct arena *a = arena_new(0);
		struct net_addr addr;

		assert_int_equal(net_addr_parse(str_of(cases[i].in), 0, &addr), 0);
		if (!str_eq(dns_reverse_name(&addr, a), str_of(cases[i].want)))
			fail_msg("%s: " STR_FMT, cases[i].in, STR_ARG(dns_reverse_name(&addr, a)));
		arena_free(a);
	}
}

static void test_text(void **state)
{
	struct dns_rr rr = { .name = STR("x.test"),
		.ttl = 60,
		.type = DNS_MX,
		.pref = 10,
		.target = STR("mx.test") };
	struct buf b = BUF(1000);

	(void)state;
	dns_rr_text(&b, &rr);
	assert_string_equal(buf_cstr(&b), "x.test. 60 IN MX 10 mx.test.");
	buf_clear(&b);
	rr.type = DNS_A;
	assert_int_equal(net_addr_parse(STR("1.2.3.4"), 0, &rr.addr), 0);
	dns_rr_text(&b, &rr);
	assert_string_equal(buf_cstr(&b), "x.test. 60 IN A 1.2.3.4");
	buf_clear(&b);
	rr.type = DNS_TLSA;
	rr.data = STR("\x03\x01\x01\xab\xcd");
	dns_rr_text(&b, &rr);
	assert_string_equal(buf_cstr(&b), "x.test. 60 IN TLSA 3 1 1 ABCD");
	buf_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ascii),
		cmocka_unit_test(test_ascii_long),
		cmocka_unit_test(test_utf8),
		cmocka_unit_test(test_reverse),
		cmocka_unit_test(test_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
