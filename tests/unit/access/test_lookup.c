/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of access/lookup.c: the keys of restrictions.md 2.9 in their order. */
#include "rig.h"

/* Tables that answer with the key they were asked; found at the n-th partial key. */
static const char *find(int kind, const char *what, const char *table, bool parent_style)
{
	static char text[200];
	struct access a = { .s = rig_settings(), .access_parent_style = parent_style };
	struct tables t = { 0 };
	struct eval ev = { .a = &a };
	_cleanup_buf_ struct buf value = BUF(1000);
	struct why why;
	enum lookup r;

	assert_int_equal(tables_open(&rig_tables, "test", str_of(table), TABLE_FOLD_FIX, &t, &why),
		0);
	if (kind == 'd')
		r = access_find_domain(&ev, &t, str_of(what), &value, &why);
	else if (kind == 'a')
		r = access_find_addr(&ev, &t, str_of(what), &value, &why);
	else
		r = access_find_mail(&ev, &t, str_of(what), &value, &why);
	tables_done(&t);
	(void)snprintf(text, sizeof(text), "%s",
		r == LOOKUP_FOUND ? buf_cstr(&value) : (r == LOOKUP_NONE ? "-" : "!"));
	return text;
}

static void test_keys(void **state)
{
	static const struct {
		int kind;
		const char *what, *table;
		bool parents;
		const char *want;
	} cases[] = {
		{ 'd', "a.b.c", "inline:{a.b.c=1, b.c=2, c=3}", true, "1" },
		{ 'd', "A.b.C", "inline:{a.b.c=1}", true, "1" },
		{ 'd', "x.b.c", "inline:{a.b.c=1, b.c=2, c=3}", true, "2" },
		{ 'd', "x.y.c", "inline:{a.b.c=1, b.c=2, c=3}", true, "3" },
		{ 'd', "x.y.c", "inline:{.y.c=1}", true, "-" },
		{ 'd', "x.y.c", "inline:{.y.c=1, .c=2}", false, "1" },
		{ 'd', "x.z.c", "inline:{.y.c=1, .c=2}", false, "2" },
		{ 'd', "y.c", "inline:{.y.c=1}", false, "-" },
		{ 'd', "y.c", "inline:{y.c=1}", false, "1" },
		{ 'd', "a.b.c.", "inline:{a.b.c=1}", true, "1" },
		{ 'd', "1.2.3.4", "inline:{2.3.4=1, 4=2}", true, "-" },
		{ 'd', "1.2.3.4", "inline:{1.2.3.4=1}", true, "1" },
		{ 'd', "unknown", "inline:{unknown=1}", true, "1" },
		{ 'd', "x.b.c", "regexp:{{/^b\\.c$/ 1}}", true, "-" },
		{ 'd', "x.b.c", "regexp:{{/b\\.c$/ 1}}", true, "1" },
		{ 'd', "a", "fail:x", true, "!" },
		{ 'a', "1.2.3.4", "inline:{1.2.3.4=1, 1.2.3=2, 1=4}", true, "1" },
		{ 'a', "1.2.3.5", "inline:{1.2.3.4=1, 1.2.3=2, 1=4}", true, "2" },
		{ 'a', "1.2.4.5", "inline:{1.2.3.4=1, 1.2=2, 1=4}", true, "2" },
		{ 'a', "1.9.4.5", "inline:{1.2.3.4=1, 1.2=2, 1=4}", true, "4" },
		{ 'a', "2001:db8::5", "inline:{{2001:db8=1}}", true, "1" },
		{ 'a', "2001:db8::5", "inline:{{2001=1}}", true, "1" },
		{ 'm', "u+x@a.b",
			"inline:{{u+x@a.b=1}, {u@a.b=2}, {a.b=3}, {b=4}, {u+x@=5}, {u@=6}}", true,
			"1" },
		{ 'm', "u+x@a.b", "inline:{{u@a.b=2}, {a.b=3}, {b=4}, {u+x@=5}, {u@=6}}", true,
			"2" },
		{ 'm', "u+x@a.b", "inline:{{a.b=3}, {b=4}, {u+x@=5}, {u@=6}}", true, "3" },
		{ 'm', "u+x@a.b", "inline:{{b=4}, {u+x@=5}, {u@=6}}", true, "4" },
		{ 'm', "u+x@a.b", "inline:{{u+x@=5}, {u@=6}}", true, "5" },
		{ 'm', "u+x@a.b", "inline:{{u@=6}}", true, "6" },
		{ 'm', "U@A.b", "inline:{{u@=6}}", true, "6" },
		{ 'm', "a;b@c.d", "inline:{{\"a;b\"@c.d=1}, {a;b@c.d=2}}", true, "1" },
		{ 'm', "a;b@c.d", "inline:{{a;b@c.d=2}}", true, "2" },
		{ 'm', "a;b@c.d", "inline:{{\"a;b\"@=3}}", true, "3" },
		{ 'm', "u@c.d", "regexp:{{/^c\\.d$/ 1}}", true, "-" },
		{ 'm', "u@c.d", "fail:x", true, "!" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *got = find(cases[i].kind, cases[i].what, cases[i].table,
			cases[i].parents);

		if (strcmp(got, cases[i].want) != 0)
			fail_msg("case %zu: %s in %s: %s", i, cases[i].what, cases[i].table, got);
	}
	buf_done(&rig_log);
}

RIG_MAIN(cmocka_unit_test(test_keys))
