/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of intake/submit_sender.c: local_login_sender_maps as documented.
 */
#include "submit_rig.h"

static const struct {
	const char *maps, *login, *sender;
	unsigned status;
} cases[] = {
	{ "static:*", "me", "anybody@anywhere", 0 },
	{ "static:*", "me", "", 0 },
	{ "static:*", "", "x", 0 },
	{ "inline:{ {me=me} }", "me", "me", 0 },
	{ "inline:{ {me=me} }", "me", "ME", 0 },
	{ "inline:{ {me=me} }", "me", "you", INTAKE_STAT_NOPERM },
	{ "inline:{ {me=me} }", "you", "me", INTAKE_STAT_NOPERM },
	{ "inline:{ {me=me} }", "me", "", INTAKE_STAT_NOPERM },
	{ "inline:{ {me = me, a@b <>} }", "me", "", 0 },
	{ "inline:{ {me = me, a@b <>} }", "me", "a@B", 0 },
	{ "inline:{ {me=a@b} }", "me", "a+ext@b", 0 },
	{ "inline:{ {me=a+ext@b} }", "me", "a@b", INTAKE_STAT_NOPERM },
	{ "inline:{ {me=a+ext@b} }", "me", "a+ext@b", 0 },
	{ "inline:{ {me=@b} }", "me", "x@b", 0 },
	{ "inline:{ {me=@b} }", "me", "x@a.b", INTAKE_STAT_NOPERM },
	{ "inline:{ {me=@b} }", "me", "b", INTAKE_STAT_NOPERM },
	{ "inline:{ {me=@} }", "me", "x@", INTAKE_STAT_NOPERM },
	{ "inline:{ {me=@} }", "me", "@", 0 },
	{ "inline:{ {uid:1234=x} }", "", "x", 0 },
	{ "inline:{ {uid:1234=x} }", "me", "x", INTAKE_STAT_NOPERM },
	{ "inline:{ {me=you} }, static:*", "me", "x", INTAKE_STAT_NOPERM },
	{ "inline:{ {me=you} }, static:*", "other", "x", 0 },
	{ "", "me", "x", INTAKE_STAT_NOPERM },
	{ "fail:x", "me", "x", INTAKE_STAT_WRITE },
	{ "inline:{", "me", "x", INTAKE_STAT_WRITE },
	{ "nosuch:x", "me", "x", INTAKE_STAT_WRITE },
};

static void test_senders(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct submit_settings set = srig_settings();
		struct submit_conf *c;
		struct srig_result r;
		char script[200];
		char want[200] = "";

		set.local_login_sender_maps = cases[i].maps;
		set.recipient_delimiter = "+";
		(void)snprintf(script, sizeof script, "S %s\nR b\nM\nX\nE", cases[i].sender);
		if (cases[i].status == INTAKE_STAT_NOPERM)
			(void)snprintf(want, sizeof want, "not authorized to use sender='%s'",
				cases[i].sender);
		if (cases[i].status == INTAKE_STAT_WRITE)
			(void)snprintf(want, sizeof want,
				"local_login_sender_maps table lookup error for '%s'",
				cases[i].maps);
		c = submit_conf_new(&set);
		r = srig_run(c, cases[i].login, false, script);
		if (r.end != 0 || r.status != cases[i].status || strcmp(r.reason, want) != 0 ||
			r.stored != (r.status == 0))
			fail_msg("case %zu: %u %s", i, r.status, r.reason);
		buf_done(&r.file);
		submit_conf_free(c);
	}
}

/* The empty sender under another key; a second sender is asked about too. */
static void test_more(void **state)
{
	struct submit_settings set = srig_settings();
	struct submit_conf *c;
	struct srig_result r;

	(void)state;
	set.local_login_sender_maps = "inline:{ {me=null} }";
	set.empty_address_local_login_sender_maps_lookup_key = "null";
	c = submit_conf_new(&set);
	r = srig_run(c, "me", false, "S\nR b\nM\nX\nE");
	assert_int_equal(r.status, 0);
	buf_done(&r.file);
	r = srig_run(c, "me", false, "S\nS x\nS\nR b\nM\nX\nE");
	assert_int_equal(r.status, INTAKE_STAT_NOPERM);
	assert_string_equal(r.reason, "not authorized to use sender='x'");
	buf_done(&r.file);
	submit_conf_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_senders),
		cmocka_unit_test(test_more),
	};

	return cmocka_run_group_tests(tests, spool_setup, spool_teardown);
}
