/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of intake/intake.c: whole messages.
 */
#include "rig.h"

static void test_states(void **state)
{
	static const struct rig_case cases[] = {
		{ RIG_HEAD "N \nN body\n" RIG_TAIL, "C ", NULL, 0, NULL },
		{ RIG_HEAD "N body\nX\n", NULL, NULL, 1, NULL },
		{ RIG_ENV, NULL, NULL, 1, NULL },
		{ "", NULL, NULL, 1, NULL },
		{ RIG_HEAD "w x\n" RIG_TAIL, NULL, "record type 119 not allowed", 1, NULL },
		{ "m 0\n" RIG_HEAD "N \n" RIG_TAIL, NULL, NULL, 0, NULL },
		{ "m 2\n" RIG_HEAD "N \n" RIG_TAIL, NULL, "hand-over of milters is not supported",
			1, NULL },
		{ RIG_HEAD "N \n" RIG_TAIL "S x\nE\n", "E\n", NULL, 0, NULL },
	};
	struct intake_settings s = rig_settings();

	(void)state;
	rig_check(&s, INTAKE_INTERNAL, cases, ARRAY_LEN(cases));
}

/* Sizes and offsets, as Postfix has them for the same message but for its missing message_id. */
static void test_size_record(void **state)
{
	struct intake_settings s = rig_settings();
	struct rig_result r;

	(void)state;
	rig_run(&s, INTAKE_INTERNAL, RIG_HEAD "N \nN a\n" RIG_TAIL, &r);
	assert_int_equal(r.status, 0);
	assert_string_equal(r.queue, "incoming");
	assert_true(str_starts(buf_str(&r.file),
		STR("C             145             250               1               0"
		    "             145               0\n")));
	buf_done(&r.file);
	rig_run(&s, INTAKE_INTERNAL | INTAKE_HOLD, RIG_HEAD "N a\n" RIG_TAIL, &r);
	assert_string_equal(r.queue, "hold");
	buf_done(&r.file);
	rig_run(&s, INTAKE_INTERNAL | INTAKE_DISCARD, RIG_HEAD "N a\n" RIG_TAIL, &r);
	assert_int_equal(r.status, 0);
	assert_string_equal(r.queue, "");
	buf_done(&r.file);
	buf_done(&rig_log);
}

static int note_bounce(void *ctx, const struct intake_bounce *b)
{
	char path[QUEUE_PATH_MAX];
	struct stat st;

	/* The file is there for the bounce service, unfinished. */
	(void)snprintf(path, sizeof(path), "incoming/%s", b->id);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_true(st.st_size > 97);
	buf_putf(ctx, STR_FMT "|" STR_FMT "|" STR_FMT, STR_ARG(b->sender), STR_ARG(b->dsn),
		STR_ARG(b->reason));
	return 0;
}

static int fail_bounce(void *ctx, const struct intake_bounce *b)
{
	(void)ctx;
	(void)b;
	return -EIO;
}

static void test_bounce(void **state)
{
	static const struct {
		const char *script;
		unsigned status;
		const char *bounced;
	} cases[] = {
		{ RIG_HEAD "N X: rj\nN \n" RIG_TAIL, 0, "s@example.test|5.7.1|no" },
		{ RIG_HEAD "N X: rj4\nN \n" RIG_TAIL, INTAKE_STAT_DEFER, "" },
		{ RIG_HEAD "N Received: y\nN Received: y\nN Received: y\n" RIG_TAIL, 0,
			"s@example.test|5.4.0|too many hops" },
		{ RIG_ENV RIG_TAIL, INTAKE_STAT_BAD, "" },
	};
	_cleanup_buf_ struct buf seen = BUF(BUF_SMALL);
	struct intake_settings s = rig_settings();
	struct rig_result r;

	(void)state;
	s.header_checks = "regexp:{ {/^X: rj$/ REJECT no} {/^X: rj4$/ REJECT 4.0.0 x} }";
	s.hopcount_limit = 3;
	s.bounce = note_bounce;
	s.bounce_ctx = &seen;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		buf_clear(&seen);
		rig_run(&s, INTAKE_INTERNAL | INTAKE_FILTER | INTAKE_BOUNCE, cases[i].script, &r);
		if (r.status != cases[i].status || strcmp(buf_cstr(&seen), cases[i].bounced) != 0)
			fail_msg("case %zu: %u %s", i, r.status, buf_cstr(&seen));
		assert_string_equal(r.queue, "");
		buf_done(&r.file);
	}
	s.bounce = fail_bounce;
	rig_run(&s, INTAKE_INTERNAL | INTAKE_FILTER | INTAKE_BOUNCE, cases[0].script, &r);
	assert_int_equal(r.status, INTAKE_STAT_DEFER);
	buf_done(&r.file);
	buf_done(&rig_log);
}

static void test_size_limit(void **state)
{
	struct intake_settings s = rig_settings();
	struct rig_result r;

	(void)state;
	s.message_size_limit = 400;
	rig_run(&s, INTAKE_INTERNAL, RIG_HEAD "N \n" RIG_TAIL, &r);
	assert_int_equal(r.status, INTAKE_STAT_SIZE);
	assert_true(str_find(buf_str(&rig_log), STR("QID: queue file size limit exceeded")) >= 0);
	assert_string_equal(r.queue, "");
	buf_done(&r.file);
	s.message_size_limit = 0;
	rig_run(&s, INTAKE_INTERNAL, RIG_HEAD "N \n" RIG_TAIL, &r);
	assert_int_equal(r.status, 0);
	buf_done(&r.file);
	buf_done(&rig_log);
}

RIG_MAIN(cmocka_unit_test(test_states), cmocka_unit_test(test_size_record),
	cmocka_unit_test(test_bounce), cmocka_unit_test(test_size_limit));
