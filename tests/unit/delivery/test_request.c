/* SPDX-License-Identifier: Apache-2.0 */
/* Requests and answers, as the requester sees them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "delivery/request.h"

static void test_encode(void **state)
{
	struct recipient rcpt[2] = { { .address = STR("a@y"), .offset = 5 },
		{ .address = STR("b@y"), .offset = -1 } };
	struct delivery_request r = { .queue_name = STR("active"),
		.queue_id = STR("ABC"),
		.nexthop = STR("y"),
		.rcpt = rcpt,
		.n_rcpt = 2,
		.sendopts = 3,
		.data_offset = 9 };
	struct buf b = BUF(BUF_SMALL), small = BUF(300);

	(void)state;
	assert_int_equal(request_encode(&b, &r), 0);
	assert_true(str_starts(buf_str(&b), STR("flags\0"
						"0\0queue_name\0active\0queue_id\0ABC\0"
						"offset\0"
						"9\0size\0"
						"0\0nexthop\0y\0"
						"encoding\0\0sendopts\0"
						"3\0")));
	/* The other form knows no bits but those of SMTPUTF8. */
	r.form = REQUEST_SMTPUTF8;
	r.sendopts = SENDOPT_REQUIRETLS | SENDOPT_TLS_OPTIONAL | 9;
	buf_clear(&b);
	assert_int_equal(request_encode(&b, &r), 0);
	assert_true(str_find(buf_str(&b), STR("encoding\0\0smtputf8\0"
					      "9\0sender\0")) > 0);
	assert_true(str_find(buf_str(&b), STR("sendopts")) < 0);
	/* 88 zero bytes are 120 characters of base64. */
	assert_true(str_find(buf_str(&b), STR("time\0AAAAAAAAAAAAAAAAAAAA")) > 0);
	assert_true(str_ends(buf_str(&b), STR("recipient\0b@y\0offset\0"
					      "18446744073709551615\0"
					      "dsn_orig_rcpt\0\0notify_flags\0"
					      "0\0\0")));
	/* Nothing of a request that does not fit remains. */
	buf_puts(&small, "x");
	assert_int_equal(request_encode(&small, &r), -EMSGSIZE);
	assert_int_equal(small.len, 1);
	r.n_rcpt = REQUEST_MAX_RCPT + 1;
	assert_int_equal(request_encode(&b, &r), -EMSGSIZE);
	buf_done(&b);
	buf_done(&small);
}

static void test_result(void **state)
{
	struct attr v[] = { { STR("status"), STR("4.4.1") }, { STR("diag_type"), STR("") },
		{ STR("diag_text"), STR("") }, { STR("mta_type"), STR("") },
		{ STR("mta_mname"), STR("") }, { STR("action"), STR("") },
		{ STR("reason"), STR("no route") }, { STR("status"), STR("4294967295") } };
	struct attr_list l = { .v = v, .n = ARRAY_LEN(v) };
	struct request_result res = { 0 };
	struct arena *a = arena_new(0);

	(void)state;
	assert_int_equal(request_result_parse(&l, a, &res), 0);
	assert_true(str_eq(res.dsn.status, STR("4.4.1")));
	assert_true(str_eq(res.dsn.reason, STR("no route")));
	assert_int_equal(res.status, -1);
	l = (struct attr_list){ .v = v, .n = ARRAY_LEN(v) - 1 };
	assert_int_equal(request_result_parse(&l, a, &res), -EBADMSG);
	arena_free(a);
}

static void test_now(void **state)
{
	(void)state;
	assert_true(msg_stats_now().tv_sec > 1000000000);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_encode),
		cmocka_unit_test(test_result),
		cmocka_unit_test(test_now),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
