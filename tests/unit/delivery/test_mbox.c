/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of delivery/mbox.c: what is appended, what is refused, and that a failure leaves no trace.
 */
#include <errno.h>

#include "mailbox_test.h"

static struct mailbox_settings settings = {
	.lock = { .methods = MAILBOX_LOCK_FCNTL | MAILBOX_LOCK_DOTLOCK,
		.attempts = 2,
		.delay = 1000,
		.stale = 500 * USEC_PER_SEC },
	.strict_ownership = true,
};

static void deliver(const char *path, const char *const *records, int last,
	struct mailbox_result *ret)
{
	struct delivery_request rq;
	struct recipient rcpt;
	struct mailbox_identity self = mt_self();

	mt_request(&rq, &rcpt, records, last);

	struct mail_copy c = { .rq = &rq, .rcpt = &rcpt, .flags = MAIL_COPY_MBOX };

	mbox_deliver(&settings, &self, path, &c, ret);
	queue_message_close(rq.msg);
}

static void test_append(void **state)
{
	static const char tail[] = "\nReturn-Path: <s@x.test>\n"
				   "X-Original-To: \"orig name\"@example.com\n"
				   "Delivered-To: user@example.com\nSubject: t\n\n>From here\n"
				   ">From long\n From joined\n>From x\nend\n\n";
	struct mailbox_result res;
	struct stat st;

	(void)state;
	deliver("box", mt_message, 'X', &res);
	assert_int_equal(res.outcome, MAILBOX_DELIVERED);
	assert_string_equal(res.status, "2.0.0");
	assert_int_equal(stat("box", &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	deliver("box", mt_message, 'X', &res);
	assert_int_equal(res.outcome, MAILBOX_DELIVERED);

	struct buf b = mt_read("box");

	/* Two equal halves. */
	assert_int_equal(b.len, 2 * st.st_size);
	assert_true(str_ends(str_head(buf_str(&b), b.len / 2), STR(tail)));
	assert_true(str_ends(buf_str(&b), STR(tail)));
	assert_true(str_starts(buf_str(&b), STR("From s@x.test  ")));
	buf_done(&b);
	assert_int_equal(access("box.lock", F_OK), -1);
}

static void test_refused(void **state)
{
	static const struct {
		const char *path;
		enum mailbox_outcome outcome;
		const char *status, *reason;
	} rows[] = {
		{ "link", MAILBOX_DEFERRED, "4.2.0", "file is a symbolic link" },
		{ "hard", MAILBOX_DEFERRED, "4.2.0", "file has 2 hard links" },
		{ "dir", MAILBOX_DEFERRED, "4.2.0", "cannot open file: Is a directory" },
		{ "no/such/box", MAILBOX_DEFERRED, "4.2.0",
			"unable to create lock file no/such/box.lock: No such file or directory" },
		{ "/dev/null", MAILBOX_BOUNCED, "5.3.5", "mail system configuration error" },
		{ "fifo", MAILBOX_DEFERRED, "4.2.0",
			"cannot open file: No such device or address" },
		{ "held", MAILBOX_DEFERRED, "4.2.0",
			"unable to create lock file held.lock: File exists" },
	};

	(void)state;
	assert_int_equal(symlink("target", "link"), 0);
	assert_int_equal(mkdir("dir", 0700), 0);
	assert_int_equal(mkfifo("fifo", 0600), 0);
	assert_int_equal(close(open("hard", O_WRONLY | O_CREAT | O_CLOEXEC, 0600)), 0);
	assert_int_equal(close(open("held.lock", O_WRONLY | O_CREAT | O_CLOEXEC, 0600)), 0);
	assert_int_equal(link("hard", "hard2"), 0);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct mailbox_result res;

		/* Nobody but root can make a lock file in /dev. */
		if (rows[i].path[0] == '/' && geteuid() != 0)
			continue;
		deliver(rows[i].path, mt_message, 'X', &res);
		if (res.outcome != rows[i].outcome || strcmp(res.status, rows[i].status) != 0 ||
			strcmp(res.why.text, rows[i].reason) != 0)
			fail_msg("%s: %d %s %s", rows[i].path, res.outcome, res.status,
				res.why.text);
	}
	assert_int_equal(access("target", F_OK), -1);
	assert_int_equal(access("held.lock", F_OK), 0);
}

static void test_owner(void **state)
{
	struct mailbox_result res;
	struct delivery_request rq;
	struct recipient rcpt;
	struct mailbox_identity other = mt_self();

	(void)state;
	other.uid++;
	deliver("owned", mt_message, 'X', &res);
	mt_request(&rq, &rcpt, mt_message, 'X');

	struct mail_copy c = { .rq = &rq, .rcpt = &rcpt, .flags = MAIL_COPY_MBOX };

	mbox_deliver(&settings, &other, "owned", &c, &res);
	assert_int_equal(res.outcome, MAILBOX_DEFERRED);
	assert_string_equal(res.status, "4.2.0");
	assert_string_equal(res.why.text, "destination owned is not owned by recipient");
	queue_message_close(rq.msg);
}

static void test_failure_leaves_no_trace(void **state)
{
	struct mailbox_result res;
	struct stat before, after;

	(void)state;
	deliver("cut", mt_message, 'X', &res);
	assert_int_equal(stat("cut", &before), 0);
	/* A damaged queue file. */
	deliver("cut", mt_message, 'E', &res);
	assert_int_equal(res.outcome, MAILBOX_CORRUPT);
	assert_int_equal(stat("cut", &after), 0);
	assert_int_equal(after.st_size, before.st_size);
	/* The limit is reached within the message, exactly, and before it. */
	settings.size_limit = 2 * before.st_size - 1;
	deliver("cut", mt_message, 'X', &res);
	assert_int_equal(res.outcome, MAILBOX_BOUNCED);
	assert_string_equal(res.status, "5.2.2");
	assert_string_equal(res.why.text, "error writing message: File too large");
	assert_int_equal(stat("cut", &after), 0);
	assert_int_equal(after.st_size, before.st_size);
	settings.size_limit = before.st_size;
	deliver("cut", mt_message, 'X', &res);
	assert_int_equal(res.outcome, MAILBOX_BOUNCED);
	settings.size_limit = 2 * before.st_size;
	deliver("cut", mt_message, 'X', &res);
	assert_int_equal(res.outcome, MAILBOX_DELIVERED);
	settings.size_limit = 0;
	assert_int_equal(access("cut.lock", F_OK), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_append),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_owner),
		cmocka_unit_test(test_failure_leaves_no_trace),
	};

	return cmocka_run_group_tests(tests, mt_setup, mt_teardown);
}
