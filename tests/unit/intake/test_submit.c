/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of intake/submit.c: the life of the file, the size limit, write errors, who may submit.
 */
#include "submit_rig.h"

#include <signal.h>
#include <sys/resource.h>

#define GOOD "S a\nR b\nM\nN x\nX\nE"

static size_t files(void)
{
	struct queue_scan *s;
	struct str id;
	size_t n = 0;

	assert_int_equal(queue_scan_open(STR(QUEUE_MAILDROP), &s), 0);
	while (queue_scan_next(s, &id) > 0)
		n++;
	queue_scan_close(s);
	return n;
}

static void test_stored(void **state)
{
	struct submit_settings set = srig_settings();
	struct submit_conf *c = submit_conf_new(&set);
	struct srig_result r = srig_run(c, "me", false, GOOD);

	(void)state;
	assert_int_equal(r.end, 0);
	assert_int_equal(r.status, 0);
	assert_string_equal(buf_cstr(&r.file), "S a\nR b\nM\nN x\nX\nE\n");
	buf_done(&r.file);
	r = srig_run(c, "me", true, GOOD);
	assert_string_equal(buf_cstr(&r.file), "A submit_uid=1234\nS a\nR b\nM\nN x\nX\nE\n");
	buf_done(&r.file);
	r = srig_run(c, "me", true, "S a\nR b\nM\nN x\nX");
	assert_int_equal(r.end, 1);
	assert_false(r.stored);
	assert_null(submit_conf_changed(c));
	submit_conf_free(c);
	assert_int_equal(files(), 0);
}

static void test_long_id(void **state)
{
	struct submit_settings set = srig_settings();
	struct submit_user u = { .uid = 1 };
	struct queue_id_parts parts;
	struct submit_conf *c;
	struct submit *m;
	struct why why;

	(void)state;
	set.enable_long_queue_ids = true;
	c = submit_conf_new(&set);
	assert_int_equal(submit_open(c, &u, false, &m, &why), 0);
	assert_int_equal(queue_id_parse(str_of(submit_id(m)), &parts), 0);
	assert_true(parts.is_long);
	submit_free(m);
	submit_conf_free(c);
	assert_int_equal(files(), 0);
}

/* The file may be as large as the limit and no larger; however it is cut into records. */
static void test_size(void **state)
{
	struct submit_settings set = srig_settings();
	struct submit_conf *c = submit_conf_new(&set);
	struct srig_result r = srig_run(c, "me", false, GOOD);
	/* T, then what the dump shows: a type, a length and the data each. */
	int64_t size = 2 + 17 + 3 + 3 + 2 + 3 + 2 + 2;

	(void)state;
	buf_done(&r.file);
	submit_conf_free(c);
	for (int64_t limit = size - 8; limit <= size + 8; limit++) {
		set.message_size_limit = limit;
		c = submit_conf_new(&set);
		r = srig_run(c, "me", false, GOOD);
		assert_int_equal(r.end, 0);
		if (r.status == 0)
			assert_true(limit >= size - 5); /* microseconds may be shorter */
		else
			assert_int_equal(r.status, INTAKE_STAT_SIZE);
		assert_true(r.status == 0 || limit < size);
		assert_int_equal(r.stored, r.status == 0);
		buf_done(&r.file);
		submit_conf_free(c);
	}
	assert_int_equal(files(), 0);
}

/* The kernel's limit is a limit too. */
static void test_write_error(void **state)
{
	struct submit_settings set = srig_settings();
	struct submit_conf *c = submit_conf_new(&set);
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	struct rlimit old;
	struct rlimit low = { 20, RLIM_INFINITY };
	struct srig_result r;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	low.rlim_max = old.rlim_max;
	assert_int_equal(sigaction(SIGXFSZ, &ignore, NULL), 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
	r = srig_run(c, "me", false, GOOD);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(r.status, INTAKE_STAT_SIZE);
	assert_false(r.stored);
	submit_conf_free(c);
	assert_int_equal(files(), 0);
}

static void test_no_maildrop(void **state)
{
	struct submit_settings set = srig_settings();
	struct submit_conf *c = submit_conf_new(&set);
	struct submit_user u = { .uid = 1 };
	struct submit *m;
	struct why why;

	(void)state;
	assert_int_equal(rename("maildrop", "elsewhere"), 0);
	assert_int_equal(submit_open(c, &u, false, &m, &why), -ENOENT);
	assert_non_null(strstr(why.text, "maildrop/"));
	assert_int_equal(rename("elsewhere", "maildrop"), 0);
	submit_conf_free(c);
}

static void test_users(void **state)
{
	static const struct {
		const char *list;
		const char *login;
		enum lookup want;
		const char *why;
	} cases[] = {
		{ "static:anyone", "me", LOOKUP_FOUND, "" },
		{ "static:anyone", "", LOOKUP_FOUND, "" },
		{ "me", "me", LOOKUP_FOUND, "" },
		{ "you", "me", LOOKUP_NONE, "User me(7) is not allowed to submit mail" },
		{ "!me, static:anyone", "me", LOOKUP_NONE,
			"User me(7) is not allowed to submit mail" },
		{ "", "me", LOOKUP_NONE, "User me(7) is not allowed to submit mail" },
		{ "me", "", LOOKUP_NONE, "User unknown(7) is not allowed to submit mail" },
		{ "fail:x", "me", LOOKUP_TEMPFAIL, "authorized_submit_users: " },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct submit_settings set = srig_settings();
		struct submit_user u = { .uid = 7 };
		struct why why = { "" };
		struct submit_conf *c;

		set.authorized_submit_users = cases[i].list;
		(void)snprintf(u.login, sizeof u.login, "%s", cases[i].login);
		c = submit_conf_new(&set);
		if (submit_allowed(c, &u, &why) != cases[i].want ||
			strncmp(why.text, cases[i].why, strlen(cases[i].why)) != 0)
			fail_msg("case %zu: %s", i, why.text);
		submit_conf_free(c);
	}
}

static void test_find(void **state)
{
	struct submit_user u;

	(void)state;
	assert_int_equal(submit_user_find(0, &u), 0);
	assert_string_equal(u.login, "root");
	assert_int_equal(submit_user_find(3999999, &u), 0);
	assert_int_equal(u.uid, 3999999);
	assert_string_equal(u.login, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stored),
		cmocka_unit_test(test_long_id),
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_write_error),
		cmocka_unit_test(test_no_maildrop),
		cmocka_unit_test(test_users),
		cmocka_unit_test(test_find),
	};

	return cmocka_run_group_tests(tests, spool_setup, spool_teardown);
}
