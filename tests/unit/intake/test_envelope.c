/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of intake/envelope.c: order of records, attributes, what is refused.
 */
#include "rig.h"

static void test_records(void **state)
{
	static const struct rig_case cases[] = {
		{ RIG_ENV RIG_RCPT RIG_BODY,
			"T 1700000000 123456\nA create_time\nA rewrite_context=local\nS s@example.test\nA dsn_orig_rcpt=rfc822;r@example.test\nO r@example.test\nR r@example.test\nM\n",
			NULL, 0, NULL },
		{ "T 1 2\nT 3 4\nc 5\nA create_time=6\nS a\nF Full\nF Other\nI insp\nL f:d\n> r@x\nW    12\nD done\nR b\n" RIG_BODY,
			"T 1 2\nA create_time\nS a@example.test\nF Full\nI insp\nL f:d\n> r@x\nW    12\nA dsn_orig_rcpt=rfc822;b@example.test\nO b\nR b@example.test\nM\n",
			NULL, 0, NULL },
		{ RIG_ENV "A notify_flags=6\nA dsn_orig_rcpt=rfc822;x@y\nR b\nR c\n" RIG_BODY,
			"A notify_flags=6\nA dsn_orig_rcpt=rfc822;x@y\nO b\nR b@example.test\nA dsn_orig_rcpt=rfc822;c@example.test\nO c\n",
			NULL, 0, NULL },
		{ RIG_ENV "O orig\nR b\n" RIG_BODY, "O orig\nR b@example.test\n", NULL, 0, NULL },
		{ RIG_ENV "< 1\ni env id\nn 2\no rfc822;foo\nR b\n" RIG_BODY,
			"S s@example.test\n< 1\ni env id\nA notify_flags=2\nA dsn_orig_rcpt=rfc822;foo\nO b\n",
			NULL, 0, NULL },
		{ RIG_ENV "A x=\nR b\n" RIG_BODY, NULL,
			"warning: QID: spurious null attribute value for \"x\" -- ignored", 0,
			NULL },
		{ RIG_ENV "V +\nV ab\nV +=\nV -=\nR b\n" RIG_BODY, "S s@example.test\nV +=\nA dsn",
			"ignoring bad VERP request: \"ab\"", 0, NULL },
		{ RIG_ENV "A notify_flags=3\nR b\n" RIG_BODY, "S s@example.test\nA dsn",
			"ignoring malformed DSN notify record <notify_flags=3>", 0, NULL },
		{ RIG_ENV "f 9\nR b\n" RIG_BODY, NULL, "ignoring bad extra flags: 0x9", 0, NULL },
	};
	struct intake_settings s = rig_settings();

	(void)state;
	rig_check(&s, INTAKE_INTERNAL, cases, ARRAY_LEN(cases));
}

static void test_refused(void **state)
{
	static const struct rig_case cases[] = {
		{ "S a\nR b\n" RIG_BODY, NULL,
			"QID: message rejected: missing time envelope record", 1, NULL },
		{ "T 1 2\nR b\n" RIG_BODY, NULL, "message rejected: missing sender envelope record",
			1, NULL },
		{ RIG_ENV "S x\nR b\n" RIG_BODY, NULL,
			"message rejected: multiple envelope sender records", 1, NULL },
		{ "T x\nS a\nR b\n" RIG_BODY, NULL, "missing time", 1, NULL },
		{ RIG_ENV "X\n", NULL, "message rejected: unexpected record type 88 in envelope", 1,
			NULL },
		{ RIG_ENV "p 3\n", NULL,
			"QID: record type 112 not allowed - discarding this message", 1, NULL },
		{ RIG_ENV "A bad\n", NULL,
			"malformed attribute: missing '=' after attribute name: bad", 1, NULL },
		{ RIG_ENV "A envelope_id=\xff\n", NULL, "bad DSN envelope ID record", 1, NULL },
		{ RIG_ENV "A ret_flags=3\n", NULL, "bad DSN RET record <ret_flags=3>", 1, NULL },
		{ RIG_ENV "A trace_flags=x\n", NULL, "bad TFLAG record <trace_flags=x>", 1, NULL },
		{ RIG_ENV "A rewrite_context=x\n", NULL, "bad rewriting context: x", 1, NULL },
		{ RIG_ENV "A a=1\nA b=2\nR r\n" RIG_BODY, NULL, NULL, 0, NULL },
		{ RIG_ENV "A a=1\nA b=2\nA c=3\nR r\n" RIG_BODY, NULL,
			"message rejected: attribute count exceeds limit 3", 1, NULL },
	};
	struct intake_settings s = rig_settings();

	(void)state;
	s.queue_file_attribute_count_limit = 3;
	rig_check(&s, INTAKE_INTERNAL, cases, ARRAY_LEN(cases));
}

static void test_warning_time(void **state)
{
	static const struct rig_case cases[] = {
		{ RIG_ENV RIG_RCPT RIG_BODY, "S s@example.test\nW      1700003600\nA dsn", NULL, 0,
			NULL },
		{ "T 1700000000\nS \nR r\n" RIG_BODY, "S\nA dsn", NULL, 0, NULL },
	};
	struct intake_settings s = rig_settings();

	(void)state;
	s.delay_warning_time = 3600 * USEC_PER_SEC;
	rig_check(&s, INTAKE_INTERNAL, cases, ARRAY_LEN(cases));
}

/* Hints for qmgr: mixed records, and what the sender asked for. */
static void test_hints(void **state)
{
	static const struct {
		const char *script;
		long hints;
	} cases[] = {
		{ RIG_ENV RIG_RCPT RIG_BODY, 0 },
		{ RIG_ENV "R a\nR b\n" RIG_BODY, 0 },
		{ RIG_ENV "R a\nF full\n" RIG_BODY, 1 },
		{ RIG_ENV "K kill\nR a\n" RIG_BODY, 1 },
		{ RIG_ENV "R a\nD x\n" RIG_BODY, 0 },
		{ RIG_ENV "R a\nA foo=bar\nR b\n" RIG_BODY, 1 },
		{ RIG_ENV "R a\nA notify_flags=6\nR b\n" RIG_BODY, 12 },
		{ RIG_ENV "R a\nA notify_flags=1\nR b\n" RIG_BODY, 2 },
	};
	struct intake_settings s = rig_settings();

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct rig_result r;
		struct rec_size size;

		rig_run(&s, INTAKE_INTERNAL, cases[i].script, &r);
		assert_int_equal(r.status, 0);
		assert_int_equal(rec_parse_size(str_from(r.file.ptr + 2, 95), &size), 0);
		if (size.qmgr_opts != cases[i].hints)
			fail_msg("case %zu: %lld", i, (long long)size.qmgr_opts);
		buf_done(&r.file);
	}
	buf_done(&rig_log);
}

RIG_MAIN(cmocka_unit_test(test_records), cmocka_unit_test(test_refused),
	cmocka_unit_test(test_warning_time), cmocka_unit_test(test_hints));
