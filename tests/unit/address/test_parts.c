/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of internal addresses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "address/address.h"

static void test_split(void **state)
{
	static const struct {
		const char *in, *local, *domain;
		bool has_at;
	} cases[] = {
		{ "a@b", "a", "b", true },
		{ "a", "a", "", false },
		{ "", "", "", false },
		{ "@b", "", "b", true },
		{ "a@b@c", "a@b", "c", true },
		{ "a@", "a", "", true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct address_parts p = address_split(str_of(cases[i].in));

		if (!str_eq(p.local, str_of(cases[i].local)) ||
			!str_eq(p.domain, str_of(cases[i].domain)) || p.has_at != cases[i].has_at)
			fail_msg("%s: " STR_FMT " " STR_FMT, cases[i].in, STR_ARG(p.local),
				STR_ARG(p.domain));
	}
}

static void test_ext(void **state)
{
	static const struct {
		const char *in, *delims, *user, *ext; /* user NULL: not split */
	} cases[] = {
		{ "a+b", "+", "a", "b" },
		{ "a+b+c", "+", "a", "b+c" },
		{ "a-b+c", "+-", "a", "b+c" },
		{ "a+b", "", NULL, NULL },
		{ "a+b", "-", NULL, NULL },
		{ "+b", "+", NULL, NULL },
		{ "a+", "+", "a", "" },
		{ "+", "+", NULL, NULL },
		{ "a++", "+", "a", "+" },
		{ "a", "+", NULL, NULL },
		{ "Mailer-Daemon", "-", NULL, NULL },
		{ "double-bounce", "-", NULL, NULL },
		{ "owner-list", "-", NULL, NULL },
		{ "list-request", "-", NULL, NULL },
		{ "list-REQUEST", "+-", NULL, NULL },
		{ "owner-list+x", "+", "owner-list", "x" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct str user = STR_EMPTY, ext = STR_EMPTY;
		bool got = address_split_ext(str_of(cases[i].in), str_of(cases[i].delims), &user,
			&ext);

		if (got != (cases[i].user != NULL) ||
			(got && (!str_eq(user, str_of(cases[i].user)) ||
					!str_eq(ext, str_of(cases[i].ext)))))
			fail_msg("%s by %s: " STR_FMT " " STR_FMT, cases[i].in, cases[i].delims,
				STR_ARG(user), STR_ARG(ext));
	}
}

static void test_ext_rules(void **state)
{
	struct ext_rules rules = { .delimiters = STR("-"), .double_bounce_sender = STR("bb-x") };
	struct str user, ext;

	(void)state;
	assert_true(address_split_ext_rules(STR("owner-list"), &rules, &user, &ext));
	assert_true(str_eq(user, STR("owner")));
	assert_false(address_split_ext_rules(STR("BB-X"), &rules, &user, &ext));
	assert_true(address_split_ext_rules(STR("double-bounce"), &rules, &user, &ext));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_split),
		cmocka_unit_test(test_ext),
		cmocka_unit_test(test_ext_rules),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
