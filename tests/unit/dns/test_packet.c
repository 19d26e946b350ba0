/* SPDX-License-Identifier: Apache-2.0 */
/* Taking answers apart. */
#include <errno.h>

#include "dns/packet_priv.h"
#include "fake.h"

static const struct {
	struct fake_zone z;
	unsigned type;
	int err;
	const char *want; /* records in text form, each followed by '|' */
	const char *cname;
} cases[] = {
	{ { "a", .rr = { { "a", DNS_A, "1.2.3.4" }, { "A", DNS_A, "5.6.7.8" },
			 { "b", DNS_A, "9.9.9.9" } } },
		DNS_A, 0, "a. 300 IN A 1.2.3.4|A. 300 IN A 5.6.7.8|", "" },
	{ { "a", .rr = { { "a", DNS_AAAA, "2001:db8::1" } } }, DNS_AAAA, 0,
		"a. 300 IN AAAA 2001:db8::1|", "" },
	{ { "a", .rr = { { "a", DNS_MX, "10 mx1.x" }, { "a", DNS_MX, "5 mx2.x" } } }, DNS_MX, 0,
		"a. 300 IN MX 10 mx1.x.|a. 300 IN MX 5 mx2.x.|", "" },
	{ { "a", .rr = { { "a", DNS_MX, "0 ." } } }, DNS_MX, 0, "a. 300 IN MX 0 .|", "" },
	{ { "a", .rr = { { "a", DNS_SRV, "1 2 3 h.x" } } }, DNS_SRV, 0, "a. 300 IN SRV 1 2 3 h.x.|",
		"" },
	{ { "a", .rr = { { "a", DNS_TXT, "#03616263026465" } } }, DNS_TXT, 0,
		"a. 300 IN TXT abcde|", "" },
	{ { "a", .rr = { { "a", DNS_TXT, "#0461" } } }, DNS_TXT, -EBADMSG, "", "" },
	{ { "a", .rr = { { "a", DNS_A, "#010203" } } }, DNS_A, -EBADMSG, "", "" },
	{ { "a", .rr = { { "a", DNS_AAAA, "#01020304" } } }, DNS_AAAA, -EBADMSG, "", "" },
	{ { "a", .rr = { { "a", DNS_MX, "#000a" } } }, DNS_MX, -EBADMSG, "", "" },
	{ { "a", .rr = { { "a", DNS_MX, "#000a036162" } } }, DNS_MX, -EBADMSG, "", "" },
	/* a name that points at itself, and one that leaves octets over */
	{ { "a", .rr = { { "a", DNS_PTR, "#c020" } } }, DNS_PTR, -EBADMSG, "", "" },
	{ { "a", .rr = { { "a", DNS_PTR, "#01610000" } } }, DNS_PTR, -EBADMSG, "", "" },
	{ { "a", .rr = { { "a", DNS_SRV, "#00010002" } } }, DNS_SRV, -EBADMSG, "", "" },
	{ { "a", .rr = { { "a", DNS_TLSA, "#" } } }, DNS_TLSA, 0, "a. 300 IN TLSA |", "" },
	{ { "a", .rr = { { "a", DNS_TLSA, "#0301" } } }, DNS_TLSA, 0, "a. 300 IN TLSA |", "" },
	/* chains, in any order */
	{ { "a", .rr = { { "c", DNS_A, "1.2.3.4" }, { "b", DNS_CNAME, "c" },
			 { "a", DNS_CNAME, "b" } } },
		DNS_A, 0, "c. 300 IN A 1.2.3.4|", "c" },
	{ { "a", .rr = { { "a", DNS_CNAME, "b" } } }, DNS_A, 0, "", "b" },
	{ { "a", .rr = { { "a", DNS_CNAME, "b" } } }, DNS_CNAME, 0, "a. 300 IN CNAME b.|", "" },
	/* unfit names are left out */
	{ { "a", .rr = { { "a", DNS_PTR, "#03610a6200" } } }, DNS_PTR, 0, "", "" },
	{ { "a", .rr = { { "a", DNS_PTR, "." } } }, DNS_PTR, 0, "", "" },
	{ { "a", .rr = { { "a", DNS_MX, "1 1.2.3.4" } } }, DNS_MX, 0, "a. 300 IN MX 1 1.2.3.4.|",
		"" },
	{ { "a", .flags = FAKE_SHORT, .rr = { { "a", DNS_A, "1.2.3.4" } } }, DNS_A, -EBADMSG, "",
		"" },
};

static void test_parse(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct dns_question q = { 7, STR("a"), (enum dns_type)cases[i].type };
		struct arena *a = arena_new(0);
		struct buf b = BUF(10000), text = BUF(10000);
		struct dns_packet p;
		int r;

		fake_answer(&b, 7, "a", cases[i].type, &cases[i].z, false);
		r = dns_packet_parse(buf_str(&b), &q, NULL, a, &p);
		for (const struct dns_rr *rr = r == 0 ? p.rr : NULL; rr != NULL; rr = rr->next) {
			dns_rr_text(&text, rr);
			buf_putc(&text, '|');
		}
		if (r != cases[i].err || !str_eq(buf_str(&text), str_of(cases[i].want)) ||
			(r == 0 && !str_eq(p.cname, str_of(cases[i].cname))))
			fail_msg("case %zu: %d %s " STR_FMT, i, r, buf_cstr(&text),
				STR_ARG(p.cname));
		buf_done(&b);
		buf_done(&text);
		arena_free(a);
	}
}

static void test_loop(void **state)
{
	static const struct fake_zone loop = { "a",
		.rr = { { "a", DNS_CNAME, "b" }, { "b", DNS_CNAME, "a" } } };
	struct dns_question q = { 7, STR("a"), DNS_A };
	struct arena *a = arena_new(0);
	struct buf b = BUF(10000);
	struct dns_packet p;

	(void)state;
	fake_answer(&b, 7, "a", DNS_A, &loop, false);
	assert_int_equal(dns_packet_parse(buf_str(&b), &q, NULL, a, &p), 0);
	assert_true(p.loop);
	assert_null(p.rr);
	buf_done(&b);
	arena_free(a);
}

/* More than DNS_MAX_RR records are cut off. */
static void test_cap(void **state)
{
	static const struct fake_zone z = { "a", .rr = { { "a", DNS_A, "1.2.3.4" } },
		.repeat = 1000 };
	struct dns_question q = { 7, STR("a"), DNS_A };
	struct arena *a = arena_new(0);
	struct buf b = BUF(100000);
	struct dns_packet p;

	(void)state;
	fake_answer(&b, 7, "a", DNS_A, &z, false);
	assert_int_equal(dns_packet_parse(buf_str(&b), &q, NULL, a, &p), 0);
	assert_int_equal(p.n, DNS_MAX_RR);
	buf_done(&b);
	arena_free(a);
}

static void test_not_ours(void **state)
{
	static const struct fake_zone z = { "a", .flags = FAKE_AD | FAKE_SOA };
	struct dns_question q = { 7, STR("a"), DNS_A };
	struct arena *a = arena_new(0);
	struct buf b = BUF(10000);
	struct dns_packet p;

	(void)state;
	fake_answer(&b, 7, "A", DNS_A, &z, false);
	assert_int_equal(dns_packet_parse(buf_str(&b), &q, NULL, a, &p), 0);
	assert_true(p.ad && p.negative);
	assert_int_equal(dns_packet_parse(str_head(buf_str(&b), 11), &q, NULL, a, &p), -ENOMSG);
	q.id = 8;
	assert_int_equal(dns_packet_parse(buf_str(&b), &q, NULL, a, &p), -ENOMSG);
	q.id = 7;
	q.type = DNS_MX;
	assert_int_equal(dns_packet_parse(buf_str(&b), &q, NULL, a, &p), -ENOMSG);
	q.type = DNS_A;
	q.name = STR("b");
	assert_int_equal(dns_packet_parse(buf_str(&b), &q, NULL, a, &p), -ENOMSG);
	q.name = STR("a");
	b.ptr[2] = 0x01; /* a query */
	assert_int_equal(dns_packet_parse(buf_str(&b), &q, NULL, a, &p), -ENOMSG);
	buf_done(&b);
	arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_loop),
		cmocka_unit_test(test_cap),
		cmocka_unit_test(test_not_ours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
