/* SPDX-License-Identifier: Apache-2.0 */
/* A recipient handed to another transport: what is asked, and what the answers mean. */
#include <errno.h>

#include "delivery/request.h"
#include "service.h"

#define DSN "status\0\0diag_type\0\0diag_text\0\0mta_type\0\0mta_mname\0\0action\0\0reason\0\0"
#define DONE           \
	DSN "status\0" \
	    "0\0"
#define DEFERRED       \
	DSN "status\0" \
	    "4294967295\0"

static const struct recipient the_rcpt = { .address = STR("r@domain.test"), .offset = 7 };

static int pass(struct fake *f, const char *transport, struct why *why)
{
	struct delivery_request rq = { .queue_name = STR("active"),
		.queue_id = STR("ABC"),
		.nexthop = STR("old"),
		.sender = STR("s@x"),
		.n_rcpt = 3 };

	(void)f;
	return request_pass(&rq, &the_rcpt, str_of(transport), 10 * USEC_PER_SEC, why);
}

static void test_pass(void **state)
{
	struct why why = { 0 };
	struct fake *f;

	(void)state;
	assert_int_equal(mkdir("private", 0700), 0);
	assert_true(pass(NULL, "other", &why) < 0);
	f = fake_start("private/other", "delivery_request_protocol");
	f->lists = 2;
	f->answer = DONE;
	f->answer_len = sizeof(DONE);
	assert_int_equal(pass(f, "other:hop", &why), 0);
	fake_expect(f, "nexthop=hop;", "next hop");
	assert_int_equal(pass(f, "other", &why), 0);
	fake_expect(f, "nexthop=domain.test;", "domain");
	assert_int_equal(pass(f, "other", &why), 0);
	fake_expect(f, "recipient_count=1;original_recipient=;recipient=r@domain.test;offset=7;",
		"one recipient");
	f->answer = DEFERRED;
	f->answer_len = sizeof(DEFERRED);
	assert_int_equal(pass(f, "other", &why), 1);
	f->answer = "status\0"
		    "0\0";
	f->answer_len = 10;
	assert_int_equal(pass(f, "other", &why), -EBADMSG);
	f->silent = true;
	assert_true(pass(f, "other", &why) < 0);
	assert_int_equal(pass(f, "", &why), -EINVAL);
	assert_int_equal(pass(f, "../x", &why), -EINVAL);
	fake_stop(f);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_pass, spool_setup, spool_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
