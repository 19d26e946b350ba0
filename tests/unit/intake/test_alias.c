/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of intake/alias.c: virtual alias expansion and its limits.
 */
#include "rig.h"

#define MAP                                                                                    \
	"inline:{ {m=a1 a2 a3} {a1=b1 b2} {a2=c1,c2} {c1=d1} {l1=l2} {l2=l3} {l3=l1} {s=s,t} " \
	"{self=other,self} {t=u} {long=LLLLLLLLLLLLLLLLLLLL} {up=UP} {@cat.test=ca} }"

static void test_expand(void **state)
{
	static const struct {
		const char *rcpt;
		const char *want;
	} cases[] = {
		{ "r", "r@example.test|" },
		{ "m", "b1@example.test|d1@example.test|a3@example.test|b2@example.test|"
		       "c2@example.test|" },
		{ "s", "s@example.test|u@example.test|" },
		{ "s+ext", "s+ext@example.test|u+ext@example.test|" },
		{ "self", "other@example.test|self@example.test|" },
		{ "up", "UP@example.test|" },
		{ "foo+bar@cat.test", "ca@example.test|" },
	};
	struct intake_settings s = rig_settings();

	(void)state;
	s.virtual_alias_maps = MAP;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		_cleanup_buf_ struct buf script = BUF(BUF_SMALL);
		_cleanup_buf_ struct buf got = BUF(BUF_SMALL);
		struct rig_result r;
		struct str rest;
		struct str line;

		buf_putf(&script, RIG_ENV "R %s\n" RIG_BODY, cases[i].rcpt);
		rig_run(&s, INTAKE_INTERNAL, buf_cstr(&script), &r);
		rest = buf_str(&r.file);
		while (str_word(&rest, "\n", &line))
			if (str_starts(line, STR("R ")))
				buf_putf(&got, STR_FMT "|", STR_ARG(str_skip(line, 2)));
		if (r.status != 0 || strcmp(buf_cstr(&got), cases[i].want) != 0)
			fail_msg("%s: status %u, %s", cases[i].rcpt, r.status, buf_cstr(&got));
		buf_done(&r.file);
	}
	buf_done(&rig_log);
}

static void test_limits(void **state)
{
	static const struct rig_case cases[] = {
		{ RIG_ENV "R m\n" RIG_BODY, NULL,
			"QID: unreasonable virtual_alias_maps map expansion size for m@example.test -- message not accepted, try again later",
			256, "4.6.0 Alias expansion error" },
		{ RIG_ENV "R l1\n" RIG_BODY, NULL,
			"unreasonable virtual_alias_maps map nesting for l1@example.test -- ", 256,
			"4.6.0 Alias expansion error" },
		{ RIG_ENV "R long\n" RIG_BODY, NULL,
			"unreasonable virtual_alias_maps result LLLLLLLLLLLLLLLLLLLL@example.test... -- ",
			256, "4.6.0 Alias expansion error" },
	};
	struct intake_settings s = rig_settings();

	(void)state;
	s.virtual_alias_maps = MAP;
	s.virtual_alias_recursion_limit = 3;
	s.virtual_alias_expansion_limit = 3;
	s.virtual_alias_address_length_limit = 30;
	rig_check(&s, INTAKE_INTERNAL, cases, ARRAY_LEN(cases));
}

static void test_failure(void **state)
{
	static const struct rig_case cases[] = {
		{ RIG_ENV "R r\n" RIG_BODY, NULL,
			"QID: virtual_alias_maps map lookup problem for r@example.test -- message not accepted, try again later",
			2, "4.6.0 Alias expansion error" },
	};
	struct intake_settings s = rig_settings();

	(void)state;
	s.virtual_alias_maps = "fail:x";
	rig_check(&s, INTAKE_INTERNAL, cases, ARRAY_LEN(cases));
}

RIG_MAIN(cmocka_unit_test(test_expand), cmocka_unit_test(test_limits),
	cmocka_unit_test(test_failure));
