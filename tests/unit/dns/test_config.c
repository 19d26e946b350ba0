/* SPDX-License-Identifier: Apache-2.0 */
/* Which servers are asked. */
#include "dns/config_priv.h"

#include <errno.h>

#include "fake.h"

static void test_parse(void **state)
{
	static const struct {
		const char *in;
		int err;
		size_t n;
		const char *addr;
		uint16_t port;
	} cases[] = {
		{ "127.0.0.1", 0, 1, "127.0.0.1", 53 },
		{ "127.0.0.1:5353", 0, 1, "127.0.0.1", 5353 },
		{ "[127.0.0.1]:5353, [::1]", 0, 2, "127.0.0.1", 5353 },
		{ "[::1]:1", 0, 1, "::1", 1 },
		{ "::1", 0, 1, "::1", 53 },
		{ "name", -EINVAL, 0, "", 0 },
		{ "127.0.0.1:x", -EINVAL, 0, "", 0 },
		{ "127.0.0.1:65536", -EINVAL, 0, "", 0 },
		{ "1.1.1.1 1.1.1.2 1.1.1.3 1.1.1.4 1.1.1.5 1.1.1.6 1.1.1.7 1.1.1.8 1.1.1.9", 0,
			DNS_MAX_SERVERS, "1.1.1.1", 53 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct dns_config *c = NULL;
		char addr[NET_ADDR_TEXT] = "";
		int r = dns_config_parse(str_of(cases[i].in), &c, NULL);

		if (r == 0)
			net_addr_text(&c->server[0], addr);
		if (r != cases[i].err ||
			(r == 0 &&
				(c->n_servers != cases[i].n || strcmp(addr, cases[i].addr) != 0 ||
					net_addr_port(&c->server[0]) != cases[i].port)))
			fail_msg("%s: %d %s", cases[i].in, r, addr);
		dns_config_free(c);
	}
}

static void test_system(void **state)
{
	struct dns_settings set = { .servers = "" };
	struct dns_config *c;
	struct dns *d;
	unsigned turn;

	(void)state;
	assert_int_equal(dns_new(&set, &d, NULL), 0);
	c = dns_config_get(d, &turn);
	assert_true(c->n_servers > 0 && c->attempts > 0 && c->timeout > 0);
	dns_config_put(d, c);
	dns_free(d);
}

static void test_bad(void **state)
{
	struct dns_settings set = { .servers = "nonsense" };
	struct why why;
	struct dns *d;

	(void)state;
	assert_int_equal(dns_new(&set, &d, &why), -EINVAL);
	assert_string_equal(why.text, "bad name server \"nonsense\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_system),
		cmocka_unit_test(test_bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
