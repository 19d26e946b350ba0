/* SPDX-License-Identifier: Apache-2.0 */
/* Next hops. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/buf.h"
#include "smtp/destination.h"

static uint16_t service(void *ctx, struct str name)
{
	(void)ctx;
	return str_eq(name, STR("smtp")) ? 25 : str_eq(name, STR("submission")) ? 587 : 0;
}

static const struct {
	const char *text;
	bool lmtp, no_dns;
	const char
		*want; /* members "name:port", with M for exchangers, U for paths, S:name for SRV */
} cases[] = {
	{ "a.test", .want = "a.test:25M" },
	{ "a.test:26", .want = "a.test:26M" },
	{ "a.test:smtp", .want = "a.test:25M" },
	{ "a.test:submission", .want = "a.test:587MSsubmission" },
	{ "a.test:submission", .no_dns = true, .want = "a.test:587" },
	{ "a.test:imap", .want = "a.test:25MSimap" },
	{ "a.test:imap", .no_dns = true, .want = "!unknown service: imap/tcp" },
	{ "[a.test]", .want = "a.test:25" },
	{ "[a.test]:2525", .want = "a.test:2525" },
	{ "[192.0.2.1]:smtp", .want = "192.0.2.1:25" },
	{ "[ipv6:2001:db8::1]:26", .want = "ipv6:2001:db8::1:26" },
	{ "[2001:db8::1]", .want = "2001:db8::1:25" },
	{ "inet:a.test", .want = "a.test:25M" },
	{ "a.test, [b.test]:26\tc.test:27", .want = "a.test:25M b.test:26 c.test:27M" },
	{ " , ", .want = "" },
	{ "", .want = "" },
	{ "[a.test", .want = "!bad destination \"[a.test\"" },
	{ "[]", .want = "!bad destination \"[]\"" },
	{ "[a]b", .want = "!garbage after \"]\" in \"[a]b\"" },
	{ "[a]:", .want = "!unknown service: /tcp" },
	{ "a:0", .want = "!unknown service: 0/tcp" },
	{ "a:65535", .want = "a:65535M" },
	{ "a:65536", .want = "!unknown service: 65536/tcp" },
	{ "a:x", .want = "!unknown service: x/tcp" },
	{ ":25", .want = "!empty host name in \":25\"" },
	{ "a.test, [b", .want = "!bad destination \"[b\"" },
	{ "unix:/x", .want = "!unknown service: /x/tcp" },
	{ "unix:/run/x y.test", .lmtp = true, .want = "/run/x:0U y.test:25" },
	{ "unix:private/x", .lmtp = true, .want = "private/x:0U" },
	{ "unix:", .lmtp = true, .want = "!empty path in \"unix:\"" },
	{ "inet:a.test:26", .lmtp = true, .want = "a.test:26" },
	{ "a.test", .lmtp = true, .want = "a.test:25" },
	{ "1 2 3 4 5", .want = "1:25M 2:25M 3:25M 4:25M" },
};

static void describe(struct buf *b, const struct smtp_destination *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		buf_putf(b, "%s" STR_FMT ":%u%s%s", i > 0 ? " " : "", STR_ARG(v[i].name),
			(unsigned)v[i].port, v[i].mx ? "M" : "", v[i].is_unix ? "U" : "");
		if (v[i].srv.len > 0)
			buf_putf(b, "S" STR_FMT, STR_ARG(v[i].srv));
	}
}

static void test_parse(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct smtp_destination_settings s = { .lmtp = cases[i].lmtp,
			.use_dns = !cases[i].no_dns,
			.port = "smtp",
			.srv_services = "submission, imap",
			.service = service };
		struct smtp_destination v[4];
		struct why why = { 0 };
		struct buf b = BUF(BUF_MEDIUM);
		int n = smtp_destinations_parse(&s, str_of(cases[i].text), v, ARRAY_LEN(v), &why);

		if (n < 0)
			buf_putf(&b, "!%s", why.text);
		else
			describe(&b, v, (size_t)n);
		if (!str_eq(buf_str(&b), str_of(cases[i].want)))
			fail_msg("%s: got %s, want %s", cases[i].text, buf_cstr(&b), cases[i].want);
		buf_done(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
