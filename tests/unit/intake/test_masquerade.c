/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of intake/masquerade.c: which hosts are hidden.
 */
#include "rig.h"

static void test_masquerade(void **state)
{
	static const struct {
		const char *in;
		const char *out; /* NULL: unchanged */
	} cases[] = {
		{ "a@h.m.test", "a@m.test" },
		{ "a@x.y.m.test", "a@m.test" },
		{ "a@m.test", NULL },
		{ "a@xm.test", NULL },
		{ "root@h.m.test", NULL },
		{ "ROOT@h.m.test", NULL },
		{ "root+e@h.m.test", "root+e@m.test" },
		{ "b@x.sub.m.test", NULL },
		{ "b@sub.m.test", NULL },
		{ "a@H.M.TEST", "a@m.test" },
		{ "nodomain", NULL },
	};
	struct strv domains = { 0 };
	struct strv except = { 0 };

	(void)state;
	strv_split(&domains, STR("!sub.m.test m.test"), " ");
	strv_add(&except, STR("root"));
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		_cleanup_arena_ struct arena *a = arena_new(0);
		struct str addr = str_of(cases[i].in);
		bool changed = masquerade(&domains, &except, &addr, a);
		const char *want = cases[i].out == NULL ? cases[i].in : cases[i].out;

		if (changed != (cases[i].out != NULL) || !str_eq(addr, str_of(want)))
			fail_msg("%s: " STR_FMT, cases[i].in, STR_ARG(addr));
	}
	strv_done(&domains);
	strv_done(&except);
}

RIG_MAIN(cmocka_unit_test(test_masquerade));
