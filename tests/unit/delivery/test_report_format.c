/* SPDX-License-Identifier: Apache-2.0 */
/* The delivery line: delays as Debian's Postfix prints them, optional fields, odd addresses. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "delivery/report_priv.h"

static void test_delay(void **state)
{
	/* Taken from what Postfix 3.7.11 logs for these differences. */
	static const struct {
		usec_t in;
		int64_t digits;
		const char *want;
	} cases[] = {
		{ -5, 2, "0" },
		{ 0, 2, "0" },
		{ 4000, 2, "0" },
		{ 5000, 2, "0.01" },
		{ 9999, 2, "0.01" },
		{ 14600, 2, "0.01" },
		{ 15000, 2, "0.02" },
		{ 99000, 2, "0.1" },
		{ 146000, 2, "0.15" },
		{ 149999, 2, "0.15" },
		{ 994000, 2, "0.99" },
		{ 995000, 2, "1" },
		{ 1000000, 2, "1" },
		{ 1240000, 2, "1.2" },
		{ 1250000, 2, "1.3" },
		{ 9940000, 2, "9.9" },
		{ 9960000, 2, "10" },
		{ 10400000, 2, "10" },
		{ 10500000, 2, "11" },
		{ 99400000, 2, "99" },
		{ 99500000, 2, "100" },
		{ 100500000, 2, "101" },
		{ 704600000, 2, "705" },
		{ 14600, 3, "0.015" },
		{ 14600, 6, "0.015" },
		{ 146, 6, "0.00015" },
		{ 1, 6, "0.000001" },
		{ 1400000, 0, "1" },
		{ 1500000, 0, "2" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf b = BUF(100);

		report_delay(&b, cases[i].in, cases[i].digits);
		if (!str_eq(buf_str(&b), str_of(cases[i].want)))
			fail_msg("%lld/%lld: got %s, want %s", (long long)cases[i].in,
				(long long)cases[i].digits, buf_cstr(&b), cases[i].want);
		buf_done(&b);
	}
}

static void expect(const struct report_conf *c, const struct report *r, const char *status,
	const char *want)
{
	struct buf b = BUF(BUF_SMALL);

	report_format(c, &b, r, status);
	if (!str_eq(buf_str(&b), str_of(want)))
		fail_msg("got  %s\nwant %s", buf_cstr(&b), want);
	buf_done(&b);
}

static void test_line(void **state)
{
	struct report_conf c = { .s = { .delay_logging_resolution_limit = 2,
					 .smtp_log_tls_feature_status = true } };
	struct delivery_request rq = { .queue_id = STR("ABC") };
	struct recipient rcpt = { .address = STR("a b@y"), .orig_addr = STR("A B@Y") };
	struct report r = {
		.rq = &rq,
		.rcpt = &rcpt,
		.stats = { .incoming_arrival = { 1000, 0 },
			.active_arrival = { 1000, 500000 },
			.agent_handoff = { 1002, 0 },
			.conn_setup_done = { 1032, 0 },
			.deliver_done = { 1032, 40000 } },
		.dsn = { .status = STR("2.0.0"), .reason = STR("250 2.0.0 Ok:\nqueued") },
	};

	(void)state;
	expect(&c, &r, "sent",
		"to=<\"a b\"@y>, relay=none, delay=32, delays=0.5/1.5/30/0.04, dsn=2.0.0, "
		"status=sent (250 2.0.0 Ok: queued)");
	/* No connection phase: everything since the hand-off is transmission. */
	r.stats.conn_setup_done = (struct timeval){ 0 };
	r.stats.reuse_count = 1;
	r.relay = STR("mx[192.0.2.1]:25");
	r.tls = STR("may:none");
	rcpt.orig_addr = STR("other@z");
	c.s.info_address_internal = true;
	expect(&c, &r, "deferred",
		"to=<a b@y>, orig_to=<other@z>, relay=mx[192.0.2.1]:25, conn_use=2, delay=32, "
		"delays=0.5/1.5/0/30, tls=may:none, dsn=2.0.0, status=deferred (250 2.0.0 Ok: "
		"queued)");
	/* The queue manager reports: all is time in the queue. */
	r.stats.agent_handoff = (struct timeval){ 0 };
	r.stats.reuse_count = 0;
	r.relay = STR_EMPTY;
	c.s.smtp_log_tls_feature_status = false;
	rcpt.orig_addr = STR_EMPTY;
	expect(&c, &r, "bounced",
		"to=<a b@y>, relay=none, delay=32, delays=0.5/32/0/0, dsn=2.0.0, status=bounced "
		"(250 2.0.0 Ok: queued)");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_delay),
		cmocka_unit_test(test_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
