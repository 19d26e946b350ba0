/* SPDX-License-Identifier: Apache-2.0 */
/* What users may ask of the queue, with no mail system there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include <cmocka.h>

#include "service/queue_request.h"

static const struct queue_request the_request = { "qmgr", "pickup", "flush" };

static void test_names(void **state)
{
	static const struct {
		const char *site, *id;
		int want;
		const char *text;
	} cases[] = {
		{ "example.com", NULL, EX_UNAVAILABLE, "mail system is down" },
		{ "[127.0.0.1]", NULL, EX_UNAVAILABLE, "mail system is down" },
		{ "b\303\274cher.example", NULL, EX_UNAVAILABLE, "mail system is down" },
		{ "", NULL, EX_USAGE, "invalid destination: \"\"" },
		{ "-x", NULL, EX_USAGE, "invalid destination: \"-x\"" },
		{ "a b", NULL, EX_USAGE, "invalid destination: \"a b\"" },
		{ "[127.0.0.1", NULL, EX_USAGE, "invalid destination" },
		{ "[x]", NULL, EX_USAGE, "invalid destination" },
		{ NULL, "ABCDEF0123", EX_UNAVAILABLE, "mail system is down" },
		{ NULL, "4XyzW1234z5678", EX_UNAVAILABLE, "mail system is down" },
		{ NULL, "", EX_USAGE, "invalid name: \"\"" },
		{ NULL, "../x", EX_USAGE, "invalid name: \"../x\"" },
		{ NULL, "a.b", EX_USAGE, "invalid name" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct why why = { "" };
		int got = cases[i].site != NULL
				  ? queue_request_site(&the_request, cases[i].site, &why)
				  : queue_request_file(&the_request, cases[i].id, &why);

		if (got != cases[i].want || strstr(why.text, cases[i].text) == NULL)
			fail_msg("case %zu: %d %s", i, got, why.text);
	}
}

static void test_long_name_is_cut(void **state)
{
	struct why why = { "" };
	char name[300];

	(void)state;
	memset(name, '-', sizeof name);
	name[sizeof name - 1] = '\0';
	assert_int_equal(queue_request_site(&the_request, name, &why), EX_USAGE);
	assert_non_null(strstr(why.text, "--...\""));
	assert_true(strlen(why.text) < 200);
}

static void test_flush(void **state)
{
	struct why why = { "" };

	(void)state;
	assert_int_equal(queue_request_flush(&the_request, &why), EX_UNAVAILABLE);
	assert_string_equal(why.text, "Cannot flush mail queue - mail system is down");
}

static void test_allowed(void **state)
{
	static const struct {
		const char *list;
		uid_t uid;
		const char *login;
		int want;
	} cases[] = {
		{ "static:anyone", 1, "x", EX_OK },
		{ "x, y", 1, "x", EX_OK },
		{ "x, y", 1, "z", EX_NOPERM },
		{ "!x, static:anyone", 1, "x", EX_NOPERM },
		{ "unknown", 1, "", EX_OK },
		{ "unknown", 1, NULL, EX_OK },
		{ "x", 1, NULL, EX_NOPERM },
		{ "", 0, "root", EX_OK },
		{ "", 1, "x", EX_NOPERM },
		{ "fail:broken", 1, "x", EX_NOPERM },
	};
	struct table_settings set = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct match_list *users = match_new(&set, "authorized_mailq_users", MATCH_STRING,
			false, str_of(cases[i].list));
		struct why why = { "" };
		int got = queue_request_allowed(users, cases[i].uid, cases[i].login, "view", &why);

		match_free(users);
		if (got != cases[i].want ||
			(got != EX_OK &&
				strstr(why.text, "is not allowed to view the mail queue") == NULL))
			fail_msg("case %zu: %d %s", i, got, why.text);
	}
}

/* An empty directory: nothing listens there. */
static int enter_empty(void **state)
{
	static char dir[] = "/tmp/postroad-unit-XXXXXX";

	*state = dir;
	return mkdtemp(dir) == NULL || chdir(dir) < 0;
}

static int leave_empty(void **state)
{
	return chdir("/") < 0 || rmdir(*state) < 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_long_name_is_cut),
		cmocka_unit_test(test_flush),
		cmocka_unit_test(test_allowed),
	};

	return cmocka_run_group_tests(tests, enter_empty, leave_empty);
}
