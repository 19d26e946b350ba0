/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of delivery/command_env.c.
 */
#include "delivery/command_env.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct env_case {
	const char *list;
	const char *want; /* joined by '|' before PATH; NULL: refused */
} cases[] = {
	{ "", "" },
	{ "CMD_TEST_A", "CMD_TEST_A=one" },
	{ "CMD_TEST_NONE", "" },
	{ "CMD_TEST_A CMD_TEST_EMPTY,CMD_TEST_NONE", "CMD_TEST_A=one|CMD_TEST_EMPTY=" },
	{ "CMD_TEST_A=two", "CMD_TEST_A=two" },
	{ "X=1 { Y = a b } Z=", "X=1|Y=a b|Z=" },
	{ "X=1 X=2", "X=2" },
	{ "CMD_TEST_A CMD_TEST_A=two XY=3 X=4", "CMD_TEST_A=two|XY=3|X=4" },
	{ "PATH PATH=/x {PATH = /y}", "" },
	{ "X=a=b", "X=a=b" },
	{ "=x", NULL },
	{ "{ = x}", NULL },
	{ "{X=1", NULL },
};

static void test_environment(void **state)
{
	(void)state;
	assert_int_equal(setenv("CMD_TEST_A", "one", 1), 0);
	assert_int_equal(setenv("CMD_TEST_EMPTY", "", 1), 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		_cleanup_strv_ struct strv v = { 0 };
		_cleanup_buf_ struct buf got = BUF(BUF_SMALL);
		struct why why = { "" };
		int e = command_environment(str_of(cases[i].list), &v, &why);

		if (cases[i].want == NULL) {
			if (e != -EINVAL || why.text[0] == '\0')
				fail_msg("%s: accepted", cases[i].list);
			continue;
		}
		assert_int_equal(e, 0);
		for (size_t j = 0; j + 1 < v.n; j++)
			buf_putf(&got, "%s%s", j > 0 ? "|" : "", v.v[j]);
		if (strcmp(buf_cstr(&got), cases[i].want) != 0)
			fail_msg("%s: got %s", cases[i].list, buf_cstr(&got));
		assert_string_equal(v.v[v.n - 1], "PATH=/usr/bin:/bin");
		assert_null(v.v[v.n]);
	}
}

static const struct check_case {
	uid_t uid;
	gid_t gid;
	enum command_user as_root;
	enum command_user as_user;
} ids[] = {
	{ 7, 7, COMMAND_USER_OK, COMMAND_USER_OK },
	{ 0, 7, COMMAND_USER_ROOT, COMMAND_USER_ROOT },
	{ (uid_t)-1, 7, COMMAND_USER_NONE, COMMAND_USER_NONE },
	{ 7, 0, COMMAND_USER_ROOT_GROUP, COMMAND_USER_ROOT_GROUP },
	{ 7, (gid_t)-1, COMMAND_USER_GROUP_NONE, COMMAND_USER_GROUP_NONE },
	{ 100, 7, COMMAND_USER_OWNER, COMMAND_USER_OK },
	{ 7, 101, COMMAND_USER_OWNER_GROUP, COMMAND_USER_OK },
	{ 7, 102, COMMAND_USER_SETGID_GROUP, COMMAND_USER_OK },
	{ 0, 0, COMMAND_USER_ROOT, COMMAND_USER_ROOT },
};

static void test_check(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
		struct command_identity id = { .uid = ids[i].uid, .gid = ids[i].gid };
		struct command_owner owner = { .uid = 100, .gid = 101, .setgid = 102 };

		owner.check = true;
		if (command_user_check(&id, &owner) != ids[i].as_root)
			fail_msg("case %zu as root", i);
		owner.check = false;
		if (command_user_check(&id, &owner) != ids[i].as_user)
			fail_msg("case %zu as a user", i);
	}
}

static const struct find_case {
	const char *spec;
	enum command_user want;
	const char *name;
} specs[] = {
	{ "nobody", COMMAND_USER_OK, NULL },
	{ "nobody:", COMMAND_USER_OK, NULL },
	{ "nobody:daemon", COMMAND_USER_OK, NULL },
	{ "root", COMMAND_USER_ROOT, NULL },
	{ "root:daemon", COMMAND_USER_ROOT, NULL },
	{ "nobody:root", COMMAND_USER_ROOT_GROUP, NULL },
	{ "", COMMAND_USER_UNKNOWN, "" },
	{ ":daemon", COMMAND_USER_UNKNOWN, "" },
	{ "no-such-user", COMMAND_USER_UNKNOWN, "no-such-user" },
	{ "65534", COMMAND_USER_UNKNOWN, "65534" },
	{ "nobody:no-such-group", COMMAND_USER_GROUP_UNKNOWN, "no-such-group" },
	{ "nobody:a:b", COMMAND_USER_GROUP_UNKNOWN, "a:b" },
};

static void test_find(void **state)
{
	struct command_owner owner = { .uid = 4242, .gid = 4242, .setgid = 4243, .check = true };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(specs); i++) {
		struct command_identity id = { 0 };
		struct str name = STR_EMPTY;

		if (command_user_find(str_of(specs[i].spec), &owner, &id, &name) != specs[i].want)
			fail_msg("%s", specs[i].spec);
		if (specs[i].name != NULL && !str_eq(name, str_of(specs[i].name)))
			fail_msg("%s: blames \"" STR_FMT "\"", specs[i].spec, STR_ARG(name));
		if (specs[i].want == COMMAND_USER_OK)
			assert_true(id.change && id.uid != 0 && id.gid != 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_environment),
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_find),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
