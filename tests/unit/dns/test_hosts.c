/* SPDX-License-Identifier: Apache-2.0 */
/* From targets to addresses: what is found, and what a failure means (threats D1 to D5). */
#include "dns/hosts.h"

#include "fake.h"
#include "net/socket.h"

static const struct fake_zone zones[] = {
	{ "two.test", DNS_MX,
		.rr = { { "two.test", DNS_MX, "20 b.test" },
			{ "two.test", DNS_MX, "10 a.test" } } },
	{ "a.test", DNS_A, .rr = { { "a.test", DNS_A, "192.0.2.1" } } },
	{ "a.test", .flags = FAKE_SOA },
	{ "b.test", DNS_A, .rr = { { "b.test", DNS_A, "192.0.2.2" } } },
	{ "b.test", DNS_AAAA, .rr = { { "b.test", DNS_AAAA, "2001:db8::2" } } },
	{ "b.test", .flags = FAKE_SOA },
	{ "half.test", DNS_A, .rr = { { "half.test", DNS_A, "192.0.2.3" } } },
	{ "half.test", DNS_AAAA, .rcode = 2 },
	{ "half.test", .flags = FAKE_SOA },
	{ "null.test", DNS_MX, .rr = { { "null.test", DNS_MX, "0 ." } } },
	{ "nullplus.test", DNS_MX,
		.rr = { { "nullplus.test", DNS_MX, "10 a.test" },
			{ "nullplus.test", DNS_MX, "0 ." } } },
	{ "serv.test", .rcode = 2 },
	{ "refused.test", .rcode = 5 },
	{ "empty.test", .flags = FAKE_SOA },
	{ "noaddr.test", DNS_MX, .rr = { { "noaddr.test", DNS_MX, "10 empty.test" } } },
	{ "soft.test", DNS_MX,
		.rr = { { "soft.test", DNS_MX, "20 empty.test" },
			{ "soft.test", DNS_MX, "10 serv.test" } } },
	{ "softgood.test", DNS_MX,
		.rr = { { "softgood.test", DNS_MX, "10 serv.test" },
			{ "softgood.test", DNS_MX, "20 a.test" } } },
	{ "own.test", DNS_A, .rr = { { "own.test", DNS_A, "192.0.2.99" } } },
	{ "own.test", .flags = FAKE_SOA },
	{ "self.test", DNS_MX,
		.rr = { { "self.test", DNS_MX, "10 own.test" },
			{ "self.test", DNS_MX, "20 a.test" } } },
	{ "same.test", DNS_MX,
		.rr = { { "same.test", DNS_MX, "10 a.test" },
			{ "same.test", DNS_MX, "10 own.test" } } },
	{ "backup.test", DNS_MX,
		.rr = { { "backup.test", DNS_MX, "10 a.test" },
			{ "backup.test", DNS_MX, "20 own.test" },
			{ "backup.test", DNS_MX, "30 b.test" } } },
	{ "lost.test", DNS_MX,
		.rr = { { "lost.test", DNS_MX, "10 empty.test" },
			{ "lost.test", DNS_MX, "20 own.test" } } },
	{ "zero.test", DNS_A, .rr = { { "zero.test", DNS_A, "0.0.0.0" } } },
	{ "zero.test", .flags = FAKE_SOA },
	{ "many.test", DNS_A, .rr = { { "many.test", DNS_A, "192.0.2.7" } }, .repeat = 200 },
	{ "many.test", .flags = FAKE_SOA },
	{ "loop.test", .rr = { { "loop.test", DNS_CNAME, "loop2.test" } } },
	{ "loop2.test", .rr = { { "loop2.test", DNS_CNAME, "loop.test" } } },
	{ "alias.test", DNS_A,
		.rr = { { "alias.test", DNS_CNAME, "a.test" }, { "a.test", DNS_A, "192.0.2.1" } } },
	{ "alias.test", DNS_MX, .flags = FAKE_SOA },
	{ "alias.test", .rr = { { "alias.test", DNS_CNAME, "a.test" } } },
	{ "_s._tcp.srv.test", DNS_SRV,
		.rr = { { "_s._tcp.srv.test", DNS_SRV, "20 0 2020 b.test" },
			{ "_s._tcp.srv.test", DNS_SRV, "10 0 1010 a.test" } } },
	{ "_s._tcp.nosrv.test", DNS_SRV, .rr = { { "_s._tcp.nosrv.test", DNS_SRV, "0 0 0 ." } } },
	{ "_s._tcp.servsrv.test", .rcode = 2 },
	{ NULL },
};

enum option {
	MX = 1 << 0,
	LOOPS = 1 << 1,
	IGNORE_MX = 1 << 2,
	DEFER_NO_MX = 1 << 3,
	CNAME = 1 << 4,
	SRV = 1 << 5,
	SRV_FALLBACK = 1 << 6,
	IGNORE_SRV = 1 << 7,
	ONLY4 = 1 << 8,
	LOOPBACK = 1 << 9,
};

static const struct {
	const char *name;
	unsigned options;
	enum dns_hosts_status status;
	const char *
		want; /* hosts, "name[address]:port*" with * for the best; or status and part of the text */
} cases[] = {
	{ "two.test", MX, DNS_HOSTS_OK,
		"a.test[192.0.2.1]:25* b.test[192.0.2.2]:25 b.test[2001:db8::2]:25" },
	{ "two.test", MX | ONLY4, DNS_HOSTS_OK, "a.test[192.0.2.1]:25* b.test[192.0.2.2]:25" },
	{ "two.test", 0, DNS_HOSTS_HARD, "5.4.4 name=two.test type=AAAA: Host not found" },
	{ "a.test", 0, DNS_HOSTS_OK, "a.test[192.0.2.1]:25*" },
	{ "a.test", MX, DNS_HOSTS_OK, "a.test[192.0.2.1]:25*" },
	{ "half.test", MX, DNS_HOSTS_OK, "half.test[192.0.2.3]:25*" },
	{ "192.0.2.9", MX, DNS_HOSTS_SOFT, "" },
	{ "192.0.2.9", 0, DNS_HOSTS_OK, "192.0.2.9[192.0.2.9]:25*" },
	{ "ipv6:2001:db8::9", 0, DNS_HOSTS_OK, "2001:db8::9[2001:db8::9]:25*" },
	{ "alias.test", ONLY4, DNS_HOSTS_OK, "alias.test[192.0.2.1]:25*" },
	{ "alias.test", ONLY4 | CNAME, DNS_HOSTS_OK, "a.test[192.0.2.1]:25*" },
	{ "many.test", ONLY4, DNS_HOSTS_OK, "many.test[192.0.2.7]:25*" },
	{ "null.test", MX, DNS_HOSTS_HARD, "5.1.0 Domain null.test does not accept mail (nullMX)" },
	{ "null.test", MX | IGNORE_MX, DNS_HOSTS_HARD, "5.1.0 Domain null.test" },
	{ "nullplus.test", MX, DNS_HOSTS_HARD, "5.1.0 Domain nullplus.test does not accept" },
	{ "none.test", MX, DNS_HOSTS_HARD, "5.4.4 name=none.test type=AAAA: Host not found" },
	{ "empty.test", MX, DNS_HOSTS_HARD, "5.4.4 name=empty.test type=AAAA: Host found but" },
	{ "serv.test", MX, DNS_HOSTS_SOFT, "4.4.3 name=serv.test type=MX: Host not found, try" },
	{ "serv.test", MX | IGNORE_MX, DNS_HOSTS_SOFT, "4.4.3 name=serv.test type=A:" },
	{ "refused.test", MX, DNS_HOSTS_SOFT, "4.4.3 name=refused.test type=MX" },
	{ "noaddr.test", MX, DNS_HOSTS_HARD, "5.4.4 name=empty.test" },
	{ "noaddr.test", MX | DEFER_NO_MX, DNS_HOSTS_SOFT, "4.4.4 name=empty.test" },
	{ "soft.test", MX, DNS_HOSTS_SOFT, "4.4.4 name=empty.test" },
	{ "softgood.test", MX, DNS_HOSTS_OK, "a.test[192.0.2.1]:25*" },
	{ "loop.test", MX, DNS_HOSTS_SOFT, "4.4.3 loop" },
	{ "a..b", MX, DNS_HOSTS_HARD, "5.4.4 invalid host or domain name" },
	{ "self.test", MX | LOOPS, DNS_HOSTS_LOOP,
		"5.4.6 mail for self.test loops back to myself" },
	{ "self.test", MX, DNS_HOSTS_OK, "own.test[192.0.2.99]:25* a.test[192.0.2.1]:25" },
	{ "same.test", MX | LOOPS, DNS_HOSTS_LOOP, "5.4.6 loops back" },
	{ "own.test", LOOPS, DNS_HOSTS_LOOP, "5.4.6 mail for own.test loops back" },
	{ "backup.test", MX | LOOPS, DNS_HOSTS_OK, "a.test[192.0.2.1]:25*" },
	{ "lost.test", MX | LOOPS, DNS_HOSTS_SOFT,
		"4.4.4 unable to find primary relay for lost.test" },
	{ "zero.test", LOOPS, DNS_HOSTS_LOOP, "5.4.6 loops back" },
	{ "127.3.2.1", LOOPS, DNS_HOSTS_OK, "127.3.2.1[127.3.2.1]:25*" },
	{ "127.3.2.1", LOOPS | LOOPBACK, DNS_HOSTS_LOOP, "5.4.6 loops back" },
	{ "srv.test", SRV | ONLY4, DNS_HOSTS_OK, "a.test[192.0.2.1]:1010* b.test[192.0.2.2]:2020" },
	{ "nosrv.test", SRV, DNS_HOSTS_HARD, "5.4.4 Service _s._tcp.nosrv.test is not available" },
	{ "a.test", SRV, DNS_HOSTS_HARD, "5.4.4 name=_s._tcp.a.test type=SRV" },
	{ "a.test", SRV | SRV_FALLBACK, DNS_HOSTS_OK, "a.test[192.0.2.1]:25*" },
	{ "servsrv.test", SRV, DNS_HOSTS_SOFT, "4.4.3 type=SRV" },
	{ "servsrv.test", SRV | IGNORE_SRV, DNS_HOSTS_HARD, "5.4.4 name=servsrv.test type=AAAA" },
};

/* What a search gave, in the form of the table. */
static void describe(struct buf *b, enum dns_hosts_status st, const struct dns_hosts *l,
	const struct dns_hosts_error *e)
{
	if (st != DNS_HOSTS_OK) {
		buf_putf(b, STR_FMT " " STR_FMT, STR_ARG(e->status), STR_ARG(e->reason));
		return;
	}
	for (size_t i = 0; i < l->n; i++) {
		char text[NET_ADDR_TEXT];

		net_addr_text(&l->v[i].addr, text);
		buf_putf(b, "%s" STR_FMT "[%s]:%u%s", i > 0 ? " " : "", STR_ARG(l->v[i].name), text,
			(unsigned)net_addr_port(&l->v[i].addr), l->v[i].best ? "*" : "");
	}
}

static bool is_as_wanted(enum dns_hosts_status st, struct str got, const char *want)
{
	struct str w = str_of(want);

	if (st == DNS_HOSTS_OK)
		return str_eq(got, w);
	return str_starts(got, str_head(w, 5)) && str_find(got, str_skip(w, 6)) >= 0;
}

static void run(struct dns *dns, size_t i)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	unsigned o = cases[i].options;
	struct net_addr own;
	struct dns_hosts_settings s = {
		.dns = dns,
		.families = NET_IPV4 | (o & ONLY4 ? 0 : NET_IPV6),
		.use_dns = true,
		.ignore_mx_error = o & IGNORE_MX,
		.defer_no_mx_address = o & DEFER_NO_MX,
		.srv_fallback = o & SRV_FALLBACK,
		.ignore_srv_error = o & IGNORE_SRV,
		.cname_is_name = o & CNAME,
		.randomize = true,
		.prefer = DNS_PREFER_IPV4,
		.own = &own,
		.n_own = 1,
		.own_loopback = o & LOOPBACK,
	};
	struct dns_target t = { .name = str_of(cases[i].name),
		.srv = o & SRV ? STR("s") : STR_EMPTY,
		.port = 25,
		.mx = o & MX,
		.loops = o & LOOPS };
	struct buf b = BUF(BUF_MEDIUM);
	struct dns_hosts_error e;
	struct dns_hosts l;
	enum dns_hosts_status st;

	assert_int_equal(net_addr_parse(STR("192.0.2.99"), 0, &own), 0);
	st = dns_hosts_find(&s, &t, a, &l, &e);
	describe(&b, st, &l, &e);
	if (cases[i].want[0] != '\0' &&
		(st != cases[i].status || !is_as_wanted(st, buf_str(&b), cases[i].want)))
		fail_msg("%s (%x): status %d, %s", cases[i].name, o, (int)st, buf_cstr(&b));
	buf_done(&b);
}

static void test_cases(void **state)
{
	struct dns_settings ds = { 0 };
	struct fake f;
	struct dns *dns;
	char text[64];

	(void)state;
	fake_start(&f, zones);
	ds.servers = fake_servers(&f, text, sizeof(text));
	assert_int_equal(dns_new(&ds, &dns, NULL), 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		run(dns, i);
	dns_free(dns);
	fake_stop(&f);
}

/* Without DNS, names are left to the system. */
static void test_native(void **state)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	struct dns_hosts_settings s = { .families = NET_IPV4, .use_native = true };
	struct dns_target t = { .name = STR("localhost"), .port = 24, .mx = false };
	struct dns_hosts_error e;
	struct dns_hosts l;

	(void)state;
	assert_int_equal(dns_hosts_find(&s, &t, a, &l, &e), DNS_HOSTS_OK);
	assert_int_equal(net_addr_port(&l.v[0].addr), 24);
	t.name = STR("nosuch.invalid");
	assert_int_not_equal(dns_hosts_find(&s, &t, a, &l, &e), DNS_HOSTS_OK);
	assert_true(str_starts(e.reason, STR("unable to look up host nosuch.invalid: ")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_native),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
