/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of intake/submit_record.c: types and segments, bytes, attributes.
 */
#include "submit_rig.h"

static const struct {
	const char *in;
	int end;
	unsigned status;
	const char *text; /* what is stored, or why not, or the log */
} cases[] = {
	{ "S a\nR b\nM\nN x\nX\nE", 0, 0, "S a\nR b\nM\nN x\nX\nE\n" },
	{ "C x\nF n\nA encoding=7bit\nV +=\ni id\nn 1\nS\nR b\nM\nL x\nN\nX\nA notify_flags=1\nR c\nE",
		0, 0,
		"C x\nF n\nA encoding=7bit\nV +=\ni id\nn 1\nS\nR b\nM\nL x\nN\nX\n"
		"A notify_flags=1\nR c\nE\n" },
	/* Sender and recipient are needed, wherever the recipient is. */
	{ "S a\nM\nN x\nX\nR c\nE", 0, 0, "S a\nM\nN x\nX\nR c\nE\n" },
	{ "R a\nM\nX\nE", 0, INTAKE_STAT_BAD, "" },
	{ "S a\nM\nX\nE", 0, INTAKE_STAT_BAD, "" },
	{ "M\nX\nE", 0, INTAKE_STAT_BAD, "" },
	/* Text may hold anything. */
	{ "S a\nR b\nM\nN a\\rb\nL \\r\nX\nE", 0, 0, "S a\nR b\nM\nN a\rb\nL \r\nX\nE\n" },
	/* Types and segments. */
	{ "?", -EBADMSG, 0, "uid=1234: unexpected record type: 0" },
	{ "T 1 2", -EBADMSG, 0, "uid=1234: unexpected record type: 84" },
	{ "N x", -EBADMSG, 0, "uid=1234: unexpected record type: 78" },
	{ "E", -EBADMSG, 0, "uid=1234: unexpected record type: 69" },
	{ "X", -EBADMSG, 0, "uid=1234: unexpected record type: 88" },
	{ "\377", -EBADMSG, 0, "uid=1234: unexpected record type: 0" },
	{ "O x", -EBADMSG, 0, "uid=1234: unexpected record type: 79" },
	{ "D x", -EBADMSG, 0, "uid=1234: unexpected record type: 68" },
	{ "I x", -EBADMSG, 0, "uid=1234: unexpected record type: 73" },
	{ "L smtp:x", -EBADMSG, 0, "uid=1234: unexpected record type: 76" },
	{ "p 0", -EBADMSG, 0, "uid=1234: unexpected record type: 112" },
	{ "> x", -EBADMSG, 0, "uid=1234: unexpected record type: 62" },
	{ "f 1", -EBADMSG, 0, "uid=1234: unexpected record type: 102" },
	{ "S a\nR b\nM\nS c", -EBADMSG, 0, "uid=1234: unexpected record type: 83" },
	{ "S a\nR b\nM\nM", -EBADMSG, 0, "uid=1234: unexpected record type: 77" },
	{ "S a\nR b\nM\nE", -EBADMSG, 0, "uid=1234: unexpected record type: 69" },
	{ "S a\nR b\nM\nw x", -EBADMSG, 0, "uid=1234: unexpected record type: 119" },
	{ "S a\nR b\nM\np 0", -EBADMSG, 0, "uid=1234: unexpected record type: 112" },
	{ "S a\nR b\nM\nX\nN x", -EBADMSG, 0, "uid=1234: unexpected record type: 78" },
	{ "S a\nR b\nM\nX\nX", -EBADMSG, 0, "uid=1234: unexpected record type: 88" },
	{ "S a\nR b\nM\nX\nS c", -EBADMSG, 0, "uid=1234: unexpected record type: 83" },
	{ "S a\nR b\nM\nX\ni c", -EBADMSG, 0, "uid=1234: unexpected record type: 105" },
	{ "S a\nR b\nM\nX\nr c", -EBADMSG, 0, "uid=1234: unexpected record type: 114" },
	/* NUL and line ends (threats X2). */
	{ "S a\\0b", -EBADMSG, 0, "uid=1234: null or line break in 'sender' record type: a?b" },
	{ "S a\\nb", -EBADMSG, 0, "uid=1234: null or line break in 'sender' record type: a?b" },
	{ "R a\\rb", -EBADMSG, 0, "uid=1234: null or line break in 'recipient' record type: a?b" },
	{ "F \\n", -EBADMSG, 0,
		"uid=1234: null or line break in 'sender_fullname' record type: ?" },
	{ "A a=\\n", -EBADMSG, 0, "uid=1234: null or line break in 'named_attribute' record" },
	{ "V \\0", -EBADMSG, 0, "uid=1234: null or line break in 'verp_delimiters' record" },
	{ "C \\0", -EBADMSG, 0, "uid=1234: null or line break in 'message_size' record" },
	{ "M \\0", -EBADMSG, 0, "uid=1234: null or line break in 'message_content' record" },
	{ "S a\nR b\nM\nX\nE \\0", -EBADMSG, 0, "uid=1234: null or line break in 'message_end'" },
	/* Attributes. */
	{ "A encoding=8bit\nA encoding=\nA encoding = 7bit \nS a\nR b\nM\nX\nE", 0, 0,
		"A encoding=8bit\nA encoding=\nA encoding=7bit\nS a\nR b\nM\nX\nE\n" },
	{ "A rewrite_context=local\nA rewrite_context=remote\nA envelope_id=i\nA ret_flags=1\n"
	  "A notify_flags=1\nA dsn_orig_rcpt=rfc822;x\nA create_time=1\nA trace_flags=1\n"
	  "S a\nR b\nM\nX\nE",
		0, 0,
		"A rewrite_context=local\nA rewrite_context=remote\nA envelope_id=i\nA ret_flags=1\n"
		"A notify_flags=1\nA dsn_orig_rcpt=rfc822;x\nA create_time=1\nA trace_flags=1\n"
		"S a\nR b\nM\nX\nE\n" },
	{ "A encoding=9bit\nS a\nR b\nM\nX\nE", 0, 0, "S a\nR b\nM\nX\nE\n" },
	{ "A rewrite_context=x\nS a\nR b\nM\nX\nE", 0, 0, "S a\nR b\nM\nX\nE\n" },
	{ "A submit_uid=0\nS a\nR b\nM\nX\nE", 0, 0, "S a\nR b\nM\nX\nE\n" },
	{ "A  submit_uid = 0\nS a\nR b\nM\nX\nA submit_uid=0\nE", 0, 0, "S a\nR b\nM\nX\nE\n" },
	{ "A client_name=x\nA log_ident=y\nS a\nR b\nM\nX\nE", 0, 0, "S a\nR b\nM\nX\nE\n" },
	{ "A =x\nA\nA x\nS a\nR b\nM\nX\nE", 0, 0, "S a\nR b\nM\nX\nE\n" },
};

static void test_records(void **state)
{
	struct submit_settings set = srig_settings();
	struct submit_conf *c = submit_conf_new(&set);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct srig_result r = srig_run(c, "me", false, cases[i].in);
		bool ok = r.end == cases[i].end && r.status == cases[i].status &&
			  r.stored == (r.end == 0 && r.status == 0);

		if (r.end < 0)
			ok = ok && strncmp(r.why, cases[i].text, strlen(cases[i].text)) == 0;
		else
			ok = ok && strcmp(buf_cstr(&r.file), cases[i].text) == 0;
		if (!ok)
			fail_msg("case %zu (%s): %d %u %s %s", i, cases[i].in, r.end, r.status,
				r.why, buf_cstr(&r.file));
		buf_done(&r.file);
	}
	submit_conf_free(c);
}

static void test_remarks(void **state)
{
	struct submit_settings set = srig_settings();
	struct submit_conf *c = submit_conf_new(&set);
	struct srig_result r = srig_run(c, "me", false, "A evil=1\tx\nA evil\nS a\nR b\nM\nX\nE");

	(void)state;
	assert_string_equal(buf_cstr(&srig_log),
		"warning: uid=1234: ignoring attribute record: evil=1?x\n"
		"warning: uid=1234: ignoring malformed record: evil\n");
	buf_done(&r.file);
	submit_conf_free(c);
}

/* Nothing is taken after E. */
static void test_after_end(void **state)
{
	struct submit_settings set = srig_settings();
	struct submit_conf *c = submit_conf_new(&set);
	struct submit_user u = { .uid = 1 };
	struct submit *m;
	struct why why;

	(void)state;
	assert_int_equal(submit_open(c, &u, false, &m, &why), 0);
	assert_int_equal(srig_feed(m, STR("S a\nR b\nM\nX\nE"), &why), 0);
	assert_int_equal(submit_record(m, REC_END, STR_EMPTY, &why), -EBADMSG);
	assert_int_equal(submit_record(m, -1, STR_EMPTY, &why), -EBADMSG);
	submit_free(m);
	submit_conf_free(c);
}

/* What was refused is read to its end, and no further than to what is no record. */
static void test_after_refusal(void **state)
{
	struct submit_settings set = srig_settings();
	struct submit_user u = { .uid = 1, .login = "me" };
	struct submit_conf *c;
	struct submit *m;
	struct why why;

	(void)state;
	set.local_login_sender_maps = "inline:{ {me=b} }";
	c = submit_conf_new(&set);
	assert_int_equal(submit_open(c, &u, false, &m, &why), 0);
	assert_int_equal(srig_feed(m, STR("S a\nT 1\nN x\nQ y"), &why), 1);
	assert_int_equal(submit_record(m, 0, STR_EMPTY, &why), -EBADMSG);
	assert_int_equal(submit_record(m, -EPIPE, STR_EMPTY, &why), -EBADMSG);
	assert_int_equal(submit_record(m, REC_END, STR_EMPTY, &why), 0);
	submit_free(m);
	submit_conf_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_records),
		cmocka_unit_test(test_remarks),
		cmocka_unit_test(test_after_end),
		cmocka_unit_test(test_after_refusal),
	};

	return cmocka_run_group_tests(tests, spool_setup, spool_teardown);
}
