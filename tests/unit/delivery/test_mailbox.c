/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of delivery/mailbox.c: which failures bounce, and that identity comes back.
 */
#include <errno.h>

#include "mailbox_test.h"

static void test_outcomes(void **state)
{
	static const struct {
		int err;
		enum mailbox_outcome outcome;
		const char *status;
	} rows[] = {
		{ EDQUOT, MAILBOX_BOUNCED, "5.2.2" },
		{ -EFBIG, MAILBOX_BOUNCED, "5.2.2" },
		{ ENOSPC, MAILBOX_DEFERRED, "4.3.0" },
		{ EBADMSG, MAILBOX_CORRUPT, "4.3.0" },
		{ EAGAIN, MAILBOX_DEFERRED, "4.2.0" },
		{ ESTALE, MAILBOX_DEFERRED, "4.2.0" },
		{ EACCES, MAILBOX_DEFERRED, "4.2.0" },
		{ EIO, MAILBOX_DEFERRED, "4.2.0" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct mailbox_result res = { 0 };

		mailbox_fail(&res, rows[i].err);
		if (res.outcome != rows[i].outcome || strcmp(res.status, rows[i].status) != 0 ||
			res.err <= 0)
			fail_msg("errno %d: %d %s", rows[i].err, res.outcome, res.status);
	}
}

static void test_identity(void **state)
{
	struct mailbox_identity self = mt_self();
	struct mailbox_identity other = { .uid = 65533, .gid = 65532, .change = true };
	struct why why;

	(void)state;
	assert_int_equal(mailbox_become(&self, &why), 0);
	mailbox_return(&self);
	if (geteuid() != 0)
		return;
	assert_int_equal(mailbox_become(&other, &why), 0);
	assert_int_equal(geteuid(), 65533);
	assert_int_equal(getegid(), 65532);
	mailbox_return(&other);
	assert_int_equal(geteuid(), 0);
	assert_int_equal(getegid(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_outcomes),
		cmocka_unit_test(test_identity),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
