/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of delivery/delivered.c.
 */
#include "delivery/delivered.h"

#include <errno.h>

#include "mailbox_test.h"

static const struct delivered_case {
	const char *name;
	const char *records[6];
	const char *address;
	int want;
} cases[] = {
	{ "there", { "NDelivered-To: user@example.com", "N" }, "user@example.com", 1 },
	{ "case", { "NX: y", "Ndelivered-to:   User+E@Example.Com  ", "N" }, "uSER+e@EXAMPLE.com",
		1 },
	{ "another", { "NDelivered-To: user2@example.com", "N" }, "user@example.com", 0 },
	{ "part", { "NDelivered-To: xuser@example.com", "N" }, "user@example.com", 0 },
	{ "none", { "NSubject: user@example.com", "N" }, "user@example.com", 0 },
	{ "body", { "NSubject: x", "N", "NDelivered-To: user@example.com" }, "user@example.com",
		0 },
	{ "after what is no header", { "Nx y", "NDelivered-To: user@example.com" },
		"user@example.com", 0 },
	{ "after a continuation", { "NX: y", "N\tz", "NDelivered-To: user@example.com", "N" },
		"user@example.com", 1 },
	{ "folded", { "NDelivered-To:", "N user@example.com", "N" }, "user@example.com", 0 },
	{ "brackets", { "NDelivered-To: <user@example.com>", "N" }, "user@example.com", 0 },
	{ "comment", { "NDelivered-To: user@example.com (x)", "N" }, "user@example.com", 0 },
	{ "quoted", { "NDelivered-To: \"a b\"@example.com", "N" }, "a b@example.com", 1 },
	{ "quote that does not end", { "NDelivered-To: \"a b@example.com", "N" }, "a b@example.com",
		0 },
	{ "in a long line", { "LX: y", "NDelivered-To: user@example.com", "N" }, "user@example.com",
		0 },
	{ "Unicode", { "NDelivered-To: \303\204@example.com", "N" }, "\303\244@example.com", 1 },
	{ "not UTF-8", { "NDelivered-To: \304A@example.com", "N" }, "\304a@example.com", 1 },
	{ "empty", { NULL }, "user@example.com", 0 },
};

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct delivery_request rq;
		struct recipient rcpt;
		struct why why = { "" };

		mt_request(&rq, &rcpt, cases[i].records, 'X');
		if (delivered_before(&rq, str_of(cases[i].address), true, &why) != cases[i].want)
			fail_msg("%s", cases[i].name);
		queue_message_close(rq.msg);
	}
}

static void test_damaged(void **state)
{
	static const char *const records[] = { "NX: y", NULL };
	static const int ends[] = { 0, 'E', 'R' };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		struct delivery_request rq;
		struct recipient rcpt;
		struct why why = { "" };

		mt_request(&rq, &rcpt, records, ends[i]);
		if (delivered_before(&rq, STR("a@b"), true, &why) != -EBADMSG)
			fail_msg("end %d", ends[i]);
		queue_message_close(rq.msg);
	}
}

/* Over the limit: it cannot have been written. */
static void test_long(void **state)
{
	static const char *const records[] = { "NX: y", NULL };
	_cleanup_buf_ struct buf b = BUF(BUF_MEDIUM);
	struct delivery_request rq;
	struct recipient rcpt;
	struct why why = { "" };

	(void)state;
	for (int i = 0; i < 70000; i++)
		buf_putc(&b, 'a');
	mt_request(&rq, &rcpt, records, 'X');
	assert_int_equal(delivered_before(&rq, buf_str(&b), false, &why), 0);
	queue_message_close(rq.msg);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_long),
	};

	return cmocka_run_group_tests(tests, mt_setup, mt_teardown);
}
