/* SPDX-License-Identifier: Apache-2.0 */
/* Wire form of requests to bounce, defer and trace. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "delivery/bounce_client.h"

#define RCPT_WIRE                                           \
	"original_recipient\0o@x\0recipient\0r@y\0offset\0" \
	"77\0dsn_orig_rcpt\0\0notify_flags\0"               \
	"0\0"
#define DSN_WIRE                                                                      \
	"status\0"                                                                    \
	"4.0.0\0diag_type\0\0diag_text\0\0mta_type\0\0mta_mname\0\0action\0delayed\0" \
	"reason\0why\0"
#define FLUSH_WIRE                                         \
	"flags\0"                                          \
	"2\0queue_name\0active\0queue_id\0ABC\0encoding\0" \
	"8bit\0sendopts\0"                                 \
	"1\0smtputf8\0"                                    \
	"1\0"                                              \
	"sender\0s@x\0envelope_id\0e\0ret_flags\0"         \
	"2\0"

static const struct recipient the_rcpt = { .orig_addr = STR("o@x"),
	.address = STR("r@y"),
	.offset = 77 };
static const struct dsn the_dsn = { .status = STR("4.0.0"),
	.action = STR("delayed"),
	.reason = STR("why") };
static const struct bounce_message the_message = { .queue_name = STR("active"),
	.queue_id = STR("ABC"),
	.encoding = STR("8bit"),
	.sendopts = 1,
	.sender = STR("s@x"),
	.dsn_envid = STR("e"),
	.dsn_ret = 2,
	.verp = STR("+=") };

static void expect(struct buf *b, struct str want)
{
	assert_int_equal(b->len, want.len);
	assert_memory_equal(b->ptr, want.ptr, want.len);
	buf_done(b);
}

static void test_encode(void **state)
{
	struct buf b = BUF(BUF_SMALL);

	(void)state;
	assert_int_equal(bounce_encode_append(&b, 1, STR("ABC"), &the_rcpt, &the_dsn), 0);
	expect(&b, STR("nrequest\0"
		       "0\0flags\0"
		       "1\0queue_id\0ABC\0" RCPT_WIRE DSN_WIRE "\0"));
	assert_int_equal(bounce_encode_flush(&b, BOUNCE_WARN, 2, &the_message), 0);
	expect(&b, STR("nrequest\0"
		       "2\0" FLUSH_WIRE "\0"));
	assert_int_equal(bounce_encode_flush(&b, BOUNCE_VERP, 2, &the_message), 0);
	expect(&b, STR("nrequest\0"
		       "3\0" FLUSH_WIRE "verp_delimiters\0+=\0\0"));
	assert_int_equal(bounce_encode_one(&b, 2, &the_message, &the_rcpt, &the_dsn), 0);
	expect(&b, STR("nrequest\0"
		       "4\0" FLUSH_WIRE RCPT_WIRE DSN_WIRE "\0"));
}

static void test_limit(void **state)
{
	struct buf b = BUF(50);

	(void)state;
	assert_int_equal(bounce_encode_flush(&b, BOUNCE_FLUSH, 0, &the_message), -EMSGSIZE);
	buf_done(&b);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_encode),
		cmocka_unit_test(test_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
