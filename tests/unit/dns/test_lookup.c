/* SPDX-License-Identifier: Apache-2.0 */
/* The matrix of outcomes and their texts. */
#include "dns/dns.h"

#include "base/mem.h"
#include "dns/config_priv.h"
#include "fake.h"

static const struct fake_zone zones[] = {
	{ "mx.test", DNS_MX,
		.rr = { { "mx.test", DNS_MX, "20 b.test" }, { "mx.test", DNS_MX, "10 a.test" } },
		.flags = FAKE_AD },
	{ "nodata.test", .flags = FAKE_SOA },
	{ "nullmx.test", .rr = { { "nullmx.test", DNS_MX, "0 ." } } },
	{ "servfail.test", .rcode = 2 },
	{ "refused.test", .rcode = 5 },
	{ "notimp.test", .rcode = 4 },
	{ "formerr.test", .rcode = 1 },
	{ "short.test", .flags = FAKE_SHORT, .rr = { { "short.test", DNS_MX, "10 a.test" } } },
	{ "badname.test", .rr = { { "badname.test", DNS_MX, "#000a03610a6200" } } },
	{ "alias.test", .rr = { { "alias.test", DNS_CNAME, "mx.test" } } },
	{ "alias2.test", .rr = { { "alias2.test", DNS_CNAME, "alias.test" },
				 { "alias.test", DNS_CNAME, "mx.test" },
				 { "mx.test", DNS_MX, "10 a.test" } } },
	{ "toalias.test", .rr = { { "toalias.test", DNS_CNAME, "nowhere.test" } } },
	{ "aliasnodata.test", .flags = FAKE_SOA,
		.rr = { { "aliasnodata.test", DNS_CNAME, "other.test" } } },
	{ "loop1.test", .rr = { { "loop1.test", DNS_CNAME, "loop2.test" } } },
	{ "loop2.test", .rr = { { "loop2.test", DNS_CNAME, "loop1.test" } } },
	{ "xn--bcher-kva.test", .rr = { { "xn--bcher-kva.test", DNS_MX, "10 a.test" } } },
	{ "4.3.2.1.in-addr.arpa", .rr = { { "4.3.2.1.in-addr.arpa", DNS_PTR, "host.test" } } },
	{ NULL },
};

#define PREFIX "Host or domain name not found. Name service error for name="

static const struct {
	const char *name;
	enum dns_status status;
	const char *why, *cname;
} cases[] = {
	{ "mx.test", DNS_OK, "", "" },
	{ "MX.test.", DNS_OK, "", "" },
	{ "none.test", DNS_NXDOMAIN, PREFIX "none.test type=MX: Host not found", "" },
	{ "nodata.test", DNS_NODATA,
		PREFIX "nodata.test type=MX: Host found but no data record of requested type", "" },
	{ "nullmx.test", DNS_NULLMX, "Domain nullmx.test does not accept mail (nullMX)", "" },
	{ "servfail.test", DNS_TEMPFAIL, PREFIX "servfail.test type=MX: Host not found, try again",
		"" },
	{ "refused.test", DNS_TEMPFAIL, PREFIX "refused.test type=MX: Host not found, try again",
		"" },
	{ "notimp.test", DNS_TEMPFAIL, PREFIX "notimp.test type=MX: Host not found, try again",
		"" },
	{ "formerr.test", DNS_FAIL, PREFIX "formerr.test type=MX: Non-recoverable error", "" },
	{ "short.test", DNS_INVALID,
		"Name service error for name=short.test type=MX: Malformed or unexpected name server reply",
		"" },
	{ "badname.test", DNS_INVALID,
		"Name service error for name=badname.test type=MX: Malformed or unexpected name server reply",
		"" },
	{ "alias.test", DNS_OK, "", "mx.test" },
	{ "alias2.test", DNS_OK, "", "mx.test" },
	{ "toalias.test", DNS_NXDOMAIN, PREFIX "toalias.test type=MX: Host not found",
		"nowhere.test" },
	{ "aliasnodata.test", DNS_NODATA,
		PREFIX "other.test type=MX: Host found but no data record of requested type",
		"other.test" },
	{ "loop1.test", DNS_TEMPFAIL, "Name server loop for loop1.test", NULL },
	{ "b\xc3\xbc"
	  "cher.test",
		DNS_OK, "", "" },
	{ "a..b", DNS_INVALID, "Name service error for a..b: invalid host or domain name", "" },
	{ "", DNS_INVALID, "Name service error for : invalid host or domain name", "" },
	{ "a\nb.test", DNS_INVALID, "Name service error for a?b.test: invalid host or domain name",
		"" },
};

static void test_matrix(void **state)
{
	struct dns_settings set = { .trust_ad = true };
	struct fake f;
	struct dns *d;
	char text[100];

	(void)state;
	fake_start(&f, zones);
	set.servers = fake_servers(&f, text, sizeof(text));
	assert_int_equal(dns_new(&set, &d, NULL), 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct arena *a = arena_new(0);
		struct dns_answer ans;
		struct why why = { .text = "" };
		enum dns_status s = dns_lookup(d, str_of(cases[i].name), DNS_MX, a, &ans, &why);

		if (s != cases[i].status || strcmp(why.text, cases[i].why) != 0 ||
			(cases[i].cname != NULL && !str_eq(ans.cname, str_of(cases[i].cname))))
			fail_msg("%s: %d %s " STR_FMT, cases[i].name, s, why.text,
				STR_ARG(ans.cname));
		arena_free(a);
	}
	dns_free(d);
	fake_stop(&f);
}

static void test_secure(void **state)
{
	struct dns_settings set = { .trust_ad = true };
	struct dns_answer ans;
	struct arena *a = arena_new(0);
	struct net_addr addr;
	struct fake f;
	struct dns *d;
	char text[100];

	(void)state;
	fake_start(&f, zones);
	set.servers = fake_servers(&f, text, sizeof(text));
	assert_int_equal(dns_new(&set, &d, NULL), 0);
	assert_int_equal(dns_lookup(d, STR("mx.test"), DNS_MX, a, &ans, NULL), DNS_OK);
	assert_true(ans.secure);
	assert_int_equal(ans.n, 2);
	assert_int_equal(ans.rr->pref, 20);
	/* the first step of the chain is not signed */
	assert_int_equal(dns_lookup(d, STR("alias.test"), DNS_MX, a, &ans, NULL), DNS_OK);
	assert_false(ans.secure);
	dns_free(d);
	set.trust_ad = false;
	assert_int_equal(dns_new(&set, &d, NULL), 0);
	assert_int_equal(dns_lookup(d, STR("mx.test"), DNS_MX, a, &ans, NULL), DNS_OK);
	assert_false(ans.secure);
	assert_int_equal(net_addr_parse(STR("::ffff:1.2.3.4"), 0, &addr), 0);
	assert_int_equal(dns_reverse(d, &addr, a, &ans, NULL), DNS_OK);
	assert_true(str_eq(ans.rr->target, STR("host.test")));
	dns_free(d);
	fake_stop(&f);
	arena_free(a);
}

static enum dns_filter drop(void *ctx, struct str text, struct why *why)
{
	(void)why;
	if (*(int *)ctx == 2)
		return DNS_FILTER_TEMPFAIL;
	return *(int *)ctx == 1 || str_find(text, STR("MX 20 b.test.")) >= 0 ? DNS_FILTER_IGNORE
									     : DNS_FILTER_KEEP;
}

static void test_filter(void **state)
{
	int mode = 0;
	struct dns_settings set = { .filter = drop, .filter_ctx = &mode };
	struct dns_answer ans;
	struct arena *a = arena_new(0);
	struct fake f;
	struct dns *d;
	char text[100];

	(void)state;
	fake_start(&f, zones);
	set.servers = fake_servers(&f, text, sizeof(text));
	assert_int_equal(dns_new(&set, &d, NULL), 0);
	assert_int_equal(dns_lookup(d, STR("mx.test"), DNS_MX, a, &ans, NULL), DNS_OK);
	assert_int_equal(ans.n, 1);
	assert_int_equal(ans.rr->pref, 10);
	mode = 1;
	assert_int_equal(dns_lookup(d, STR("mx.test"), DNS_MX, a, &ans, NULL), DNS_POLICY);
	mode = 2;
	assert_int_equal(dns_lookup(d, STR("mx.test"), DNS_MX, a, &ans, NULL), DNS_TEMPFAIL);
	dns_free(d);
	fake_stop(&f);
	arena_free(a);
}

/* Search domains apply to short names, and only when asked for. */
static void test_search(void **state)
{
	static char domain[] = "test";
	struct dns_settings set = { .defnames = true };
	struct dns_answer ans;
	struct arena *a = arena_new(0);
	struct fake f;
	struct dns *d;
	char text[100];

	(void)state;
	fake_start(&f, zones);
	set.servers = fake_servers(&f, text, sizeof(text));
	assert_int_equal(dns_new(&set, &d, NULL), 0);
	assert_int_equal(dns_lookup(d, STR("mx"), DNS_MX, a, &ans, NULL), DNS_NXDOMAIN);
	d->config->search[0] = mem_strdup(domain);
	d->config->n_search = 1;
	assert_int_equal(dns_lookup(d, STR("mx"), DNS_MX, a, &ans, NULL), DNS_OK);
	assert_int_equal(dns_lookup(d, STR("mx."), DNS_MX, a, &ans, NULL), DNS_NXDOMAIN);
	d->set.defnames = false;
	assert_int_equal(dns_lookup(d, STR("mx"), DNS_MX, a, &ans, NULL), DNS_NXDOMAIN);
	dns_free(d);
	fake_stop(&f);
	arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_matrix),
		cmocka_unit_test(test_secure),
		cmocka_unit_test(test_filter),
		cmocka_unit_test(test_search),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
