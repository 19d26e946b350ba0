/* SPDX-License-Identifier: Apache-2.0 */
/* Sending a query and waiting for its answer. */
#include <errno.h>

#include "dns/exchange_priv.h"
#include "fake.h"

static const struct fake_zone zones[] = {
	{ "ok.test", .rr = { { "ok.test", DNS_A, "1.2.3.4" } } },
	{ "big.test", .flags = FAKE_TRUNCATE, .rr = { { "big.test", DNS_A, "1.2.3.4" } },
		.repeat = 200 },
	{ "spoof.test", .flags = FAKE_WRONG_FIRST, .rr = { { "spoof.test", DNS_A, "1.2.3.4" } } },
	{ "old.test", .flags = FAKE_NO_EDNS, .rr = { { "old.test", DNS_A, "1.2.3.4" } } },
	{ "servfail.test", .rcode = 2 },
	{ "refused.test", .rcode = 5 },
	{ "broken.test", .flags = FAKE_SHORT, .rr = { { "broken.test", DNS_A, "1.2.3.4" } } },
	{ "silent.test", .flags = FAKE_SILENT },
	{ NULL },
};
static const struct fake_zone refusing[] = {
	{ "ok.test", .rcode = 5 },
	{ "servfail.test", .rcode = 2 },
	{ "broken.test", .rcode = 5 },
	{ NULL },
};

static int ask(struct dns_config *c, const char *name, struct arena *a, struct dns_packet *p)
{
	struct dns_question q = { 0, str_of(name), DNS_A };

	return dns_exchange(c, &q, DNS_QUERY_EDNS, 0, NULL, a, p);
}

static void test_one(void **state)
{
	static const struct {
		const char *name;
		int err;
		unsigned rcode;
		size_t n;
	} cases[] = {
		{ "ok.test", 0, 0, 1 },
		{ "big.test", 0, 0, DNS_MAX_RR },
		{ "spoof.test", 0, 0, 1 },
		{ "old.test", 0, 0, 1 },
		{ "none.test", 0, 3, 0 },
		{ "servfail.test", 0, 2, 0 },
		{ "refused.test", 0, 5, 0 },
		{ "broken.test", -EBADMSG, 0, 0 },
		{ "a..b", -EINVAL, 0, 0 },
	};
	struct dns_config *c;
	struct fake f;
	char text[100];

	(void)state;
	fake_start(&f, zones);
	assert_int_equal(dns_config_parse(str_of(fake_servers(&f, text, sizeof(text))), &c, NULL),
		0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct arena *a = arena_new(0);
		struct dns_packet p;
		int r = ask(c, cases[i].name, a, &p);

		if (r != cases[i].err ||
			(r == 0 && (p.rcode != cases[i].rcode || p.n != cases[i].n)))
			fail_msg("%s: %d", cases[i].name, r);
		arena_free(a);
	}
	dns_config_free(c);
	fake_stop(&f);
}

/* A server that refuses does not keep us from asking the next. */
static void test_two(void **state)
{
	struct fake good, bad;
	struct dns_config *c;
	struct arena *a = arena_new(0);
	struct dns_packet p;
	char text[100];

	(void)state;
	fake_start(&good, zones);
	fake_start(&bad, refusing);
	(void)snprintf(text, sizeof(text), "127.0.0.1:%d 127.0.0.1:%d", bad.port, good.port);
	assert_int_equal(dns_config_parse(str_of(text), &c, NULL), 0);
	assert_int_equal(ask(c, "ok.test", a, &p), 0);
	assert_int_equal(p.n, 1);
	assert_int_equal(ask(c, "servfail.test", a, &p), 0);
	assert_int_equal(p.rcode, 2);
	assert_int_equal(ask(c, "broken.test", a, &p), 0);
	assert_int_equal(p.rcode, 5);
	dns_config_free(c);
	fake_stop(&good);
	fake_stop(&bad);
	arena_free(a);
}

static void test_silence(void **state)
{
	struct dns_config *c;
	struct fake f;
	struct arena *a = arena_new(0);
	struct dns_packet p;
	char text[100];

	(void)state;
	fake_start(&f, zones);
	assert_int_equal(dns_config_parse(str_of(fake_servers(&f, text, sizeof(text))), &c, NULL),
		0);
	c->timeout = USEC_PER_SEC;
	c->attempts = 1;
	assert_int_equal(ask(c, "silent.test", a, &p), -ETIMEDOUT);
	fake_stop(&f);
	assert_int_equal(f.queries, 1);
	/* nobody listens there now */
	assert_int_equal(ask(c, "ok.test", a, &p), -ETIMEDOUT);
	dns_config_free(c);
	arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one),
		cmocka_unit_test(test_two),
		cmocka_unit_test(test_silence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
