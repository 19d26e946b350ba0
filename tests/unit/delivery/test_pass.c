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

#define GREETING "protocol\0delivery_request_protocol\0\0"

static const struct recipient the_rcpt = { .address = STR("r@domain.test"), .offset = 7 };

static struct pass_peer the_peer;

static int pass(struct fake *f, const char *transport, struct why *why)
{
	struct delivery_request rq = { .queue_name = STR("active"),
		.queue_id = STR("ABC"),
		.nexthop = STR("old"),
		.sender = STR("s@x"),
		.n_rcpt = 3 };

	(void)f;
	return request_pass(&rq, &the_rcpt, str_of(transport), &the_peer, 10 * USEC_PER_SEC, why);
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

/* An agent that knows one form of requests; what it knows is remembered when it is sure. */
static void test_forms(void **state)
{
	struct why why = { 0 };
	struct fake *f;

	(void)state;
	assert_int_equal(mkdir("private", 0700), 0);
	f = fake_start("private/other", "delivery_request_protocol");
	f->lists = 2;
	f->refuse = "sendopts=";
	f->refusal = str_from(DEFERRED, sizeof(DEFERRED));
	f->answer = DEFERRED;
	f->answer_len = sizeof(DEFERRED);
	the_peer.form = 0;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(pass(f, "other", &why), 1);
		assert_int_equal(f->n, 2);
		fake_expect(f, "smtputf8=0;", "the other form");
		assert_int_equal(the_peer.form, 0);
	}
	f->answer = DONE;
	f->answer_len = sizeof(DONE);
	for (int n = 2; n > 0; n--) {
		assert_int_equal(pass(f, "other", &why), 0);
		assert_int_equal(f->n, n);
		fake_expect(f, "smtputf8=0;", "the other form");
		assert_int_equal(the_peer.form, 1 + REQUEST_SMTPUTF8);
	}
	f->refuse = "smtputf8=";
	the_peer.form = 0;
	assert_int_equal(pass(f, "other", &why), 0);
	assert_int_equal(the_peer.form, 1 + REQUEST_SENDOPTS);
	fake_expect(f, "sendopts=0;", "this form");
	f->answer = DEFERRED;
	f->answer_len = sizeof(DEFERRED);
	assert_int_equal(pass(f, "other", &why), 1);
	assert_int_equal(f->n, 1);
	/* One of ours has deferred: it is not asked again. */
	f->answer = DEFERRED "\0" GREETING;
	f->answer_len = sizeof(DEFERRED "\0" GREETING) - 1;
	the_peer.form = 0;
	f->n = 0;
	assert_int_equal(pass(f, "other", &why), 1);
	assert_int_equal(f->n, 1);
	assert_int_equal(the_peer.form, 0);
	fake_stop(f);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_pass, spool_setup, spool_teardown),
		cmocka_unit_test_setup_teardown(test_forms, spool_setup, spool_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
