/* SPDX-License-Identifier: Apache-2.0 */
/* Order and limits of address lists. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/num.h"
#include "dns/hosts.h"

/* A list as text: each word is a preference, the family and a name of one letter, "10-4a". */
static size_t parse(const char *text, struct dns_host *v)
{
	struct str rest = str_of(text), word;
	size_t n = 0;

	while (str_word(&rest, " ", &word)) {
		ptrdiff_t dash = str_chr(word, '-');
		bool v6 = word.ptr[dash + 1] == '6';
		uint64_t pref = 0;

		assert_int_equal(num_u64(str_head(word, (size_t)dash), 65535, &pref), 0);
		v[n] = (struct dns_host){ .pref = (uint16_t)pref,
			.name = str_skip(word, word.len - 1) };
		assert_int_equal(net_addr_parse(v6 ? STR("2001:db8::1") : STR("192.0.2.1"), 25,
					 &v[n].addr),
			0);
		n++;
	}
	return n;
}

static const char *names(const struct dns_host *v, size_t n)
{
	static char text[64];

	for (size_t i = 0; i < n; i++)
		text[i] = v[i].name.ptr[0];
	text[n] = '\0';
	return text;
}

static const struct {
	const char *list;
	enum dns_prefer prefer;
	bool balance;
	size_t max;
	const char *want;
} cases[] = {
	{ "10-4a", DNS_PREFER_ANY, true, 1, "a" },
	{ "20-4a 10-4b 20-6c 10-6d", DNS_PREFER_ANY, true, 0, "bdac" },
	{ "20-4a 10-4b 20-6c 10-6d", DNS_PREFER_IPV6, true, 0, "dbca" },
	{ "20-6a 10-6b 20-4c 10-4d", DNS_PREFER_IPV4, true, 0, "dbca" },
	{ "10-4a 10-4b 10-4c 10-4d", DNS_PREFER_ANY, true, 3, "abc" },
	{ "10-4a 10-4b 10-4c 10-4d", DNS_PREFER_ANY, true, 4, "abcd" },
	/* The family that would be cut away keeps its share; the odd one goes to the first. */
	{ "10-6a 10-6b 10-6c 10-4d", DNS_PREFER_IPV6, true, 2, "ad" },
	{ "10-6a 10-6b 10-6c 10-4d", DNS_PREFER_IPV6, false, 2, "ab" },
	{ "10-6a 10-6b 10-6c 10-4d 10-4e", DNS_PREFER_IPV6, true, 3, "abd" },
	{ "10-4a 10-4b 10-4c 10-6d 10-6e", DNS_PREFER_IPV4, true, 3, "abd" },
	{ "10-6a 10-6b 10-6c 10-4d", DNS_PREFER_IPV6, true, 1, "a" },
	{ "10-6a 10-4b 10-4c 10-4d 10-4e", DNS_PREFER_IPV4, true, 4, "bcda" },
};

static void test_order(void **state)
{
	struct dns_host v[16];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct dns_hosts_settings s = { .prefer = cases[i].prefer,
			.balance = cases[i].balance,
			.max = cases[i].max };
		size_t n = parse(cases[i].list, v);

		dns_hosts_shuffle(&s, v, n);
		dns_hosts_sort(&s, v, n);
		n = dns_hosts_limit(&s, v, n);
		if (!str_eq(str_of(names(v, n)), str_of(cases[i].want)))
			fail_msg("%s: got %s, want %s", cases[i].list, names(v, n), cases[i].want);
	}
}

/* Every host comes first now and then, and none is lost. */
static void test_shuffle(void **state)
{
	const struct dns_hosts_settings s = { .randomize = true };
	unsigned first[4] = { 0 };
	struct dns_host v[4];

	(void)state;
	for (int round = 0; round < 400; round++) {
		unsigned seen = 0;

		assert_int_equal(parse("10-4a 10-4b 10-4c 10-4d", v), 4);
		dns_hosts_shuffle(&s, v, 4);
		for (size_t i = 0; i < 4; i++)
			seen |= 1u << (v[i].name.ptr[0] - 'a');
		assert_int_equal(seen, 15);
		first[v[0].name.ptr[0] - 'a']++;
	}
	for (size_t i = 0; i < 4; i++)
		assert_true(first[i] > 40);
}

static void test_random(void **state)
{
	(void)state;
	assert_int_equal(dns_random_below(0), 0);
	assert_int_equal(dns_random_below(1), 0);
	for (int i = 0; i < 100; i++)
		assert_true(dns_random_below(7) < 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_shuffle),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
