/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of net/addr.c.
 */
#include "net/addr.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct net_addr addr(const char *text)
{
	struct net_addr a;

	if (net_addr_parse(str_of(text), 25, &a) < 0)
		fail_msg("%s", text);
	return a;
}

static void test_parse(void **state)
{
	static const struct {
		const char *in;
		const char *out; /* NULL: refused */
	} cases[] = {
		{ "1.2.3.4", "1.2.3.4" },
		{ "[1.2.3.4]", "1.2.3.4" },
		{ "::1", "::1" },
		{ "[::1]", "::1" },
		{ "IPv6:2001:DB8::1", "2001:db8::1" },
		{ "[ipv6:::1]", "::1" },
		{ "::ffff:1.2.3.4", "::ffff:1.2.3.4" },
		{ "fe80::1%lo", "fe80::1%lo" },
		{ "fe80::1%4000000", "fe80::1%4000000" },
		{ "", NULL },
		{ "[]", NULL },
		{ "[1.2.3.4", NULL },
		{ "1.2.3", NULL },
		{ "01.2.3.4", NULL },
		{ "1.2.3.256", NULL },
		{ "ipv6:1.2.3.4", NULL },
		{ ":::1", NULL },
		{ "fe80::1%nosuchdevice0", NULL },
		{ "localhost", NULL },
		{ "1.2.3.4 ", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct net_addr a;
		char text[NET_ADDR_TEXT] = "";
		int r = net_addr_parse(str_of(cases[i].in), 2525, &a);

		if (r == 0)
			net_addr_text(&a, text);
		if (r != (cases[i].out == NULL ? -EINVAL : 0))
			fail_msg("%s: %d", cases[i].in, r);
		if (r == 0 && (strcmp(text, cases[i].out) != 0 || net_addr_port(&a) != 2525))
			fail_msg("%s: %s", cases[i].in, text);
	}
}

static void test_compare(void **state)
{
	struct net_addr a = addr("1.2.3.4");
	struct net_addr b = addr("1.2.3.4");
	struct net_addr mapped = addr("::ffff:1.2.3.4");
	struct net_addr c = addr("127.9.9.9");
	struct net_addr d = addr("::1");

	(void)state;
	net_addr_set_port(&b, 26);
	assert_true(net_addr_eq(&a, &b, false));
	assert_false(net_addr_eq(&a, &b, true));
	assert_false(net_addr_eq(&a, &mapped, false));
	net_addr_unmap(&mapped);
	assert_true(net_addr_eq(&a, &mapped, true));
	net_addr_unmap(&d);
	assert_true(net_addr_is_loopback(&c));
	assert_true(net_addr_is_loopback(&d));
	assert_false(net_addr_is_loopback(&a));
}

static void test_cidr(void **state)
{
	static const struct {
		const char *block;
		const char *in;
		const char *out;
	} cases[] = {
		{ "10.0.0.0/8", "10.255.255.255", "11.0.0.0" },
		{ "10.1.2.128/25", "10.1.2.128", "10.1.2.127" },
		{ "0.0.0.0/0", "255.1.1.1", "::1" },
		{ "1.2.3.4", "1.2.3.4", "1.2.3.5" },
		{ "1.2.3.4/32", "1.2.3.4", "1.2.3.5" },
		{ "2001:db8::/33", "2001:db8:7fff::1", "2001:db8:8000::1" },
		{ "[2001:db8::]/32", "2001:db8::1", "2001:db9::1" },
		{ "[2001:db8::/32]", "2001:db8::1", "2001:db9::1" },
		{ "[::1]", "::1", "::2" },
		{ "::/0", "ff::", "1.2.3.4" },
	};
	struct net_cidr c;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct net_addr in = addr(cases[i].in);
		struct net_addr out = addr(cases[i].out);

		if (net_cidr_parse(str_of(cases[i].block), &c, NULL) < 0)
			fail_msg("%s: not parsed", cases[i].block);
		if (!net_cidr_has(&c, &in) || net_cidr_has(&c, &out))
			fail_msg("%s: wrong answer", cases[i].block);
	}
}

static void test_cidr_refusals(void **state)
{
	static const struct {
		const char *in;
		const char *why;
	} cases[] = {
		{ "10.0.0.1/8", "non-null host address bits in \"10.0.0.1/8\", perhaps you should "
				"use \"10.0.0.0/8\" instead" },
		{ "10.0.0.0/33", "bad mask length in \"10.0.0.0/33\"" },
		{ "10.0.0/8", "bad network value in \"10.0.0/8\"" },
		{ "10.0.0.0/", "bad mask value in \"10.0.0.0/\"" },
		{ "10.0.0.0/8x", "bad mask value in \"10.0.0.0/8x\"" },
		{ "1.2.3", "bad address pattern: \"1.2.3\"" },
		{ "[1.2.3.4", "missing ']' character after \"[1.2.3.4\"" },
		{ "::/129", "bad mask length in \"::/129\"" },
		{ "::/99999999999999999999", "bad mask length in \"::/99999999999999999999\"" },
		{ "[::1]x", "garbage after \"]\": \"[::1]x\"" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct net_cidr c;
		struct why why = { "" };

		assert_int_equal(net_cidr_parse(str_of(cases[i].in), &c, &why), -EINVAL);
		assert_string_equal(why.text, cases[i].why);
	}
}

static void test_network(void **state)
{
	_cleanup_buf_ struct buf b = BUF(BUF_SMALL);
	struct net_addr a = addr("192.0.2.77");
	struct net_addr six = addr("2001:db8:1:2:3::1");

	(void)state;
	net_addr_network(&b, &a, 24);
	buf_putc(&b, ' ');
	net_addr_network(&b, &a, 32);
	buf_putc(&b, ' ');
	net_addr_network(&b, &six, 64);
	buf_putc(&b, ' ');
	net_addr_network(&b, &six, 0);
	assert_string_equal(buf_cstr(&b), "192.0.2.0/24 192.0.2.77/32 2001:db8:1:2::/64 ::/0");
}

static void test_hostname(void **state)
{
	static const struct {
		const char *name;
		bool ok;
	} cases[] = {
		{ "localhost", true },
		{ "a.b-c.d_e.example", true },
		{ "1.example", true },
		{ "", false },
		{ ".", false },
		{ "a..b", false },
		{ "a.", false },
		{ ".a", false },
		{ "-a.b", false },
		{ "a-.b", false },
		{ "a b", false },
		{ "1234", false },
		{ "012345678901234567890123456789012345678901234567890123456789012.x", true },
		{ "0123456789012345678901234567890123456789012345678901234567890123.x", false },
	};
	char name[257];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		if (net_hostname_ok(str_of(cases[i].name)) != cases[i].ok)
			fail_msg("\"%s\"", cases[i].name);
	}
	for (size_t i = 0; i < sizeof name; i++)
		name[i] = i % 2 == 0 ? 'a' : '.';
	assert_true(net_hostname_ok(str_from(name, 255)));
	assert_false(net_hostname_ok(str_from(name, 257)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_compare),
		cmocka_unit_test(test_cidr),
		cmocka_unit_test(test_cidr_refusals),
		cmocka_unit_test(test_network),
		cmocka_unit_test(test_hostname),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
