/* SPDX-License-Identifier: Apache-2.0 */
/* Which form of requests is understood: what answers tell, and when others have to wait. */
#include "form.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "../queue/spool.h"
#include "base/fd.h"
#include "delivery/status_log.h"

static const char *const hashed[] = { "defer", NULL };
static const struct queue_settings queues = { .hashed = hashed, .hash_depth = 1 };

static const enum request_form OLD = REQUEST_SMTPUTF8;
static const enum request_form NEW = REQUEST_SENDOPTS;

/* The queue file: "xxxxR", and what an agent makes of it. */
static void put_file(char type)
{
	int fd = open("active/ABC1", O_WRONLY | O_CREAT | O_TRUNC, 0700);

	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, STR("xxxx")), 0);
	assert_int_equal(fd_write_all(fd, str_from(&type, 1)), 0);
	assert_int_equal(close(fd), 0);
}

static void log_deferral(const char *address)
{
	const struct status_entry e = { .rcpt = { .address = str_of(address), .offset = 4 },
		.dsn = { .status = STR("4.2.2"), .reason = STR("full") } };

	assert_int_equal(status_log_append(&queues, STR("defer"), STR("ABC1"), &e, false, NULL), 0);
}

static bool refused(struct form *f, struct form_use *u, int status, const char *dsn)
{
	static const struct recipient rcpt[] = { { .address = STR("other@y"), .offset = -1 },
		{ .address = STR("a@y"), .offset = 4 } };
	const struct request_result result = { .dsn.status = str_of(dsn), .status = status };
	const struct form_case c = { u, &queues, STR("ABC1"), rcpt, ARRAY_LEN(rcpt), &result };

	form_ended(f, u);
	return form_refused(f, &c);
}

/* First answers. */
static void test_answers(void **state)
{
	static const struct {
		const char *what;
		int status;
		const char *dsn;
		char type;
		const char *logged;
		bool refused, known;
	} cases[] = {
		{ "done", 0, "", 'R', NULL, false, true },
		{ "destination is to be avoided", -1, "4.4.1", 'R', NULL, false, true },
		{ "one is done", -1, "", 'D', NULL, false, true },
		{ "deferred", -1, "", 'R', "a@y", false, true },
		{ "somebody else's deferral", -1, "", 'R', "b@y", true, false },
		{ "no trace", -1, "", 'R', NULL, true, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct form f = { 0 };
		struct form_use u = { 0 };

		put_file(cases[i].type);
		if (cases[i].logged != NULL)
			log_deferral(cases[i].logged);
		form_sent(&f, &u, 1);
		if (refused(&f, &u, cases[i].status, cases[i].dsn) != cases[i].refused ||
			f.known != cases[i].known || (f.form == OLD) != cases[i].refused)
			fail_msg("%s: known %d form %d", cases[i].what, f.known, (int)f.form);
		assert_int_equal(status_log_remove(&queues, STR("defer"), STR("ABC1")), 0);
	}
}

/* Refused in one form, understood in the other; what was sent before that is judged by its own form. */
static void test_other_form(void **state)
{
	struct form f = { 0 };
	struct form_use a = { 0 }, b = { 0 }, c = { 0 };

	(void)state;
	put_file('R');
	form_sent(&f, &a, 1);
	form_sent(&f, &b, 1);
	form_sent(&f, &c, 1);
	assert_true(refused(&f, &a, -1, ""));
	form_sent(&f, &a, 2);
	assert_int_equal(a.form, OLD);
	assert_false(refused(&f, &a, 0, ""));
	assert_true(f.known);
	assert_true(refused(&f, &b, -1, ""));
	assert_int_equal(f.form, OLD);
	/* An agent that takes both changes nothing. */
	assert_false(refused(&f, &c, 0, ""));
	assert_int_equal(f.form, OLD);
	/* Now an answer without a trace is a deferral. */
	form_sent(&f, &b, 3);
	assert_int_equal(b.form, OLD);
	assert_false(refused(&f, &b, -1, ""));
	assert_int_equal(f.n_trials, 0);
	form_unanswered(&f, &b);
	assert_int_equal(f.form, OLD);
}

/* Neither form leaves a trace: that is the answer, and nothing is known. */
static void test_both_refused(void **state)
{
	struct form f = { 0 };
	struct form_use a = { 0 };

	(void)state;
	put_file('R');
	form_sent(&f, &a, 1);
	assert_true(refused(&f, &a, -1, ""));
	form_sent(&f, &a, 1);
	assert_false(refused(&f, &a, -1, ""));
	assert_false(f.known);
}

static void test_no_answer(void **state)
{
	struct form f = { 0 };
	struct form_use u = { 0 };

	(void)state;
	form_sent(&f, &u, 1);
	form_ended(&f, &u);
	form_unanswered(&f, &u);
	assert_int_equal(f.form, OLD);
	assert_false(f.known);
	form_ours(&f);
	assert_true(f.known);
	assert_int_equal(f.form, NEW);
	form_unanswered(&f, &u);
	assert_int_equal(f.form, NEW);
}

/* While one is tried others wait, but not for long. */
static void test_gate(void **state)
{
	struct form f = { 0 };
	struct form_use u[3] = { 0 };
	usec_t now = 1000 * USEC_PER_SEC;
	usec_t wait = 0;

	(void)state;
	assert_true(form_may_send(&f, now, &wait));
	form_sent(&f, &u[0], now);
	assert_false(form_may_send(&f, now, &wait));
	assert_true(wait > 0 && wait < USEC_PER_SEC);
	assert_false(form_may_send(&f, now + wait - 1, &wait));
	assert_int_equal(wait, 1);
	now += USEC_PER_SEC;
	assert_true(form_may_send(&f, now, &wait));
	form_sent(&f, &u[1], now);
	assert_true(form_may_send(&f, now, &wait));
	form_ended(&f, &u[0]);
	form_ended(&f, &u[0]);
	assert_int_equal(f.n_trials, 1);
	form_ended(&f, &u[1]);
	form_sent(&f, &u[2], now);
	assert_false(form_may_send(&f, now, &wait));
	f.known = true;
	assert_true(form_may_send(&f, now, &wait));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_other_form),
		cmocka_unit_test(test_both_refused),
		cmocka_unit_test(test_no_answer),
		cmocka_unit_test(test_gate),
	};

	return cmocka_run_group_tests(tests, spool_setup, spool_teardown);
}
