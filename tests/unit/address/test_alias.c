/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of address/alias.c: what Debian's postalias makes of the same lines.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "address/address.h"

static const struct {
	const char *line;
	int want;
	const char *name, *value;
} rows[] = {
	{ "postmaster: root", 0, "postmaster", "root" },
	{ "Root:	user@Example.com, other", 0, "Root", "user@Example.com, other" },
	{ "list: :include:/etc/list, |\"/bin/cmd arg\",   /var/mail/x, \"quoted name\"@x", 0,
		"list", ":include:/etc/list, |\"/bin/cmd arg\", /var/mail/x, \"quoted name\"@x" },
	{ "\"quoted local\": foo", 0, "quoted local", "foo" },
	{ "user@domain: bar", -EBADMSG, "", "" },
	{ "a%b: x", -EBADMSG, "", "" },
	{ "\"oo@pp\": x", 0, "oo@pp", "x" },
	{ "novalue", -EINVAL, "", "" },
	{ "empty:", -EINVAL, "", "" },
	{ "", -EINVAL, "", "" },
	{ "bad key here: x", 0, "bad key here", "x" },
	{ "qq\"rr\": x", 0, "qq rr", "x" },
	{ "nn (c): x", 0, "nn (c)", "x" },
	{ "<ll>: x", 0, "<ll>", "x" },
	{ ":include:/x: y", 0, "", "include:/x:y" },
	{ "a: b<c>d", 0, "a", "b <c>d" },
	{ "a: <a> b", 0, "a", "<a>b" },
	{ "a: a <b> (c) d", 0, "a", "a <b>(c) d" },
	{ "a: a.\"b\".c @ [1.2.3.4]", 0, "a", "a.\"b\".c@[1.2.3.4]" },
	{ "a: (x)(y) \"q\"(z)\"r\"", 0, "a", "(x) (y) \"q\" (z) \"r\"" },
	{ "a: m\"b", 0, "a", "m \"b\"" },
	{ "a: \"a\\\"b\\\\c\"", 0, "a", "\"a\\\"b\\\\c\"" },
	{ "a: <b>,<c>", 0, "a", "<b>, <c>" },
	{ "a: a,", 0, "a", "a, " },
	{ "a: a ;b", 0, "a", "a;b" },
	{ "a: :include: /x", 0, "a", ":include:/x" },
	{ "a: a< >", 0, "a", "a <>" },
	{ "a: e@b:c@d", 0, "a", "e@b:c@d" },
};

static void test_lines(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct arena *a = arena_new(0);
		struct buf name = BUF(BUF_SMALL), value = BUF(BUF_SMALL);
		int r = address_alias_line(str_of(rows[i].line), a, &name, &value);

		if (r != rows[i].want || strcmp(buf_cstr(&name), rows[i].name) != 0 ||
			strcmp(buf_cstr(&value), rows[i].value) != 0)
			fail_msg("%s: %d \"%s\" \"%s\"", rows[i].line, r, buf_cstr(&name),
				buf_cstr(&value));
		buf_done(&name);
		buf_done(&value);
		arena_free(a);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_lines) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
