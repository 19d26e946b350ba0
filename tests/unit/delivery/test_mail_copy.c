/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of delivery/mail_copy.c.
 */
#include "delivery/mail_copy.h"

#include <errno.h>

#include "mailbox_test.h"

/* The default. */
static const struct str no_eol;

static int copy_to_file(struct mail_copy *c, struct why *why)
{
	int fd = open("copy", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);

	int r = mail_copy(c, fd, why);

	(void)close(fd);
	return r;
}

static void expect(unsigned flags, struct str sender, struct str eol, const char *want)
{
	struct delivery_request rq;
	struct recipient rcpt;
	struct why why = { "" };

	mt_request(&rq, &rcpt, mt_message, 'X');
	rq.sender = sender;

	struct mail_copy c = { .rq = &rq, .rcpt = &rcpt, .flags = flags, .eol = eol };

	if (copy_to_file(&c, &why) < 0)
		fail_msg("%s", why.text);

	struct buf got = mt_read("copy");

	if (strcmp(buf_cstr(&got), want) != 0)
		fail_msg("got:\n%s\nwant:\n%s", buf_cstr(&got), want);
	buf_done(&got);
	queue_message_close(rq.msg);
}

static void test_forms(void **state)
{
	(void)state;
	expect(0, STR("s@x.test"), no_eol,
		"Subject: t\n\nFrom here\nFrom long\n From joined\n>From x\nend\n");
	expect(MAIL_COPY_QUOTE | MAIL_COPY_BLANK, STR("s@x.test"), no_eol,
		"Subject: t\n\n>From here\n>From long\n From joined\n>From x\nend\n\n");
	expect(MAIL_COPY_MAILDIR, STR("a b@x.test"), no_eol,
		"Return-Path: <\"a b\"@x.test>\nX-Original-To: \"orig name\"@example.com\n"
		"Delivered-To: user@example.com\n"
		"Subject: t\n\nFrom here\nFrom long\n From joined\n>From x\nend\n");
	expect(MAIL_COPY_RETURN_PATH, STR_EMPTY, STR("\r\n"),
		"Return-Path: <>\r\n"
		"Subject: t\r\n\r\nFrom here\r\nFrom long\r\n From joined\r\n>From x\r\nend\r\n");
}

/* What only commands get: dots doubled, another sender, line ends that are empty or long. */
static void test_for_commands(void **state)
{
	static const char *const records[] = { "N.", "N.a", "L..b", "N.c", "N d.", NULL };
	struct delivery_request rq;
	struct recipient rcpt;
	struct why why = { "" };

	(void)state;
	expect(0, STR("s@x.test"), STR(""), "Subject: tFrom hereFrom long From joined>From xend");
	mt_request(&rq, &rcpt, records, 'X');
	rq.sender = STR_EMPTY;

	struct mail_copy c = { .rq = &rq,
		.rcpt = &rcpt,
		.flags = MAIL_COPY_DOT | MAIL_COPY_RETURN_PATH | MAIL_COPY_BLANK,
		.sender = STR("A b"),
		.eol = STR("|\r") };

	assert_int_equal(copy_to_file(&c, &why), 0);

	struct buf got = mt_read("copy");

	assert_string_equal(buf_cstr(&got),
		"Return-Path: <\"A b\">|\r..|\r..a|\r...b.c|\r d.|\r|\r");
	buf_done(&got);
	queue_message_close(rq.msg);
}

static int refuse(void *ctx, struct str data)
{
	(void)ctx;
	(void)data;
	return -EPIPE;
}

/* What the receiver says is the result. */
static void test_refused(void **state)
{
	struct delivery_request rq;
	struct recipient rcpt;
	struct why why = { "" };

	(void)state;
	mt_request(&rq, &rcpt, mt_message, 'X');

	struct mail_copy c = { .rq = &rq, .rcpt = &rcpt };

	assert_int_equal(mail_copy_to(&c, refuse, NULL, &why), -EPIPE);
	queue_message_close(rq.msg);
}

static void test_from_line(void **state)
{
	struct delivery_request rq;
	struct recipient rcpt;
	struct why why = { "" };

	(void)state;
	mt_request(&rq, &rcpt, mt_message, 'X');
	rq.sender = STR_EMPTY;

	struct mail_copy c = { .rq = &rq, .rcpt = &rcpt, .flags = MAIL_COPY_FROM };

	assert_int_equal(copy_to_file(&c, &why), 0);

	struct buf got = mt_read("copy");

	/* "From MAILER-DAEMON  Sat Nov 21 12:49:03 2026" */
	assert_true(str_starts(buf_str(&got), STR("From MAILER-DAEMON  ")));
	assert_int_equal(got.ptr[20 + 24], '\n');
	buf_done(&got);
	queue_message_close(rq.msg);
}

static void test_damaged(void **state)
{
	static const int ends[] = { 0, 'E', 'M', 'R' };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		struct delivery_request rq;
		struct recipient rcpt;
		struct why why = { "" };

		mt_request(&rq, &rcpt, mt_message, ends[i]);

		struct mail_copy c = { .rq = &rq, .rcpt = &rcpt };

		assert_int_equal(copy_to_file(&c, &why), -EBADMSG);
		queue_message_close(rq.msg);
	}
}

static void test_limit(void **state)
{
	struct delivery_request rq;
	struct recipient rcpt;
	struct why why = { "" };
	int64_t size = (int64_t)strlen("Subject: t\n\nFrom here\nFrom long\n From joined\n>From "
				       "x\nend\n");

	(void)state;
	mt_request(&rq, &rcpt, mt_message, 'X');

	struct mail_copy c = { .rq = &rq, .rcpt = &rcpt, .limit = size };

	assert_int_equal(copy_to_file(&c, &why), 0);
	c.limit = size - 1;
	assert_int_equal(copy_to_file(&c, &why), -EFBIG);
	assert_string_equal(why.text, "error writing message: File too large");
	queue_message_close(rq.msg);
}

static void test_unterminated(void **state)
{
	static const char *const records[] = { "Lno end", NULL };
	struct delivery_request rq;
	struct recipient rcpt;
	struct why why = { "" };

	(void)state;
	mt_request(&rq, &rcpt, records, 'X');

	struct mail_copy c = { .rq = &rq, .rcpt = &rcpt };

	assert_int_equal(copy_to_file(&c, &why), 0);

	struct buf got = mt_read("copy");

	assert_string_equal(buf_cstr(&got), "no end\n");
	buf_done(&got);
	queue_message_close(rq.msg);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_for_commands),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_from_line),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_unterminated),
	};

	return cmocka_run_group_tests(tests, mt_setup, mt_teardown);
}
