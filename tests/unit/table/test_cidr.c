/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of table/cidr.c.
 */
#include "table_test.h"

static void test_rows(void **state)
{
	static const struct tt_row rows[] = {
		{ "cidr:{ {1.2.3.0/24 a b} {4.4.4.4 c} }", 0, "1.2.3.4", LOOKUP_FOUND, "a b" },
		{ "cidr:{ {1.2.3.0/24 a b} {4.4.4.4 c} }", 0, "4.4.4.4", LOOKUP_FOUND, "c" },
		{ "cidr:{ {1.2.3.0/24 a b} {4.4.4.4 c} }", 0, "4.4.4.5", LOOKUP_NONE, NULL },
		{ "cidr:{ {1.2.3.0/25 a} }", 0, "1.2.3.127", LOOKUP_FOUND, "a" },
		{ "cidr:{ {1.2.3.0/25 a} }", 0, "1.2.3.128", LOOKUP_NONE, NULL },
		{ "cidr:{ {0.0.0.0/0 a} }", 0, "255.2.3.128", LOOKUP_FOUND, "a" },
		{ "cidr:{ {0.0.0.0/0 a} }", 0, "::1", LOOKUP_NONE, NULL },
		{ "cidr:{ {::/0 a} }", 0, "::1", LOOKUP_FOUND, "a" },
		{ "cidr:{ {2001:db8::/33 a} }", 0, "2001:db8:7fff::1", LOOKUP_FOUND, "a" },
		{ "cidr:{ {2001:db8::/33 a} }", 0, "2001:db8:8000::1", LOOKUP_NONE, NULL },
		{ "cidr:{ {!1.2.4.0/24 a} }", 0, "1.2.3.4", LOOKUP_FOUND, "a" },
		{ "cidr:{ {!1.2.4.0/24 a} }", 0, "1.2.4.4", LOOKUP_NONE, NULL },
		{ "cidr:{ {1.2.3.4 a} }", 0, "name", LOOKUP_NONE, NULL },
		{ "cidr:{1.2.3.0/24}", 0, "1.2.3.4", LOOKUP_TEMPFAIL, NULL },
	};

	(void)state;
	tt_run(rows, ARRAY_LEN(rows));
}

static void test_file(void **state)
{
	static const struct tt_row rows[] = {
		{ "cidr:cidr-test", 0, "10.1.1.1", LOOKUP_FOUND, "ten" },
		{ "cidr:cidr-test", 0, "172.16.1.1", LOOKUP_FOUND, "one" },
		{ "cidr:cidr-test", 0, "172.17.1.1", LOOKUP_FOUND, "rest" },
		{ "cidr:cidr-test", 0, "8.1.1.1", LOOKUP_FOUND, "eight" },
		{ "cidr:cidr-test", 0, "9.1.1.1", LOOKUP_FOUND, "not-eight" },
	};
	static const char *const remarks[] = {
		"cidr map cidr-test, line 2: non-null host address bits in \"1.2.3.4/24\", perhaps"
		" you should use \"1.2.3.0/24\" instead: skipping this rule",
		"cidr map cidr-test, line 3: bad address pattern: \"1.2.3\": skipping this rule",
		"cidr map cidr-test, line 8: ENDIF without IF: skipping this rule",
		"cidr map cidr-test, line 9: bad mask value in \"9.0.0.0/8 junk\": skipping this rule",
		"cidr map cidr-test, line 10: no lookup result: skipping this rule",
		"cidr map cidr-test, line 11: bad mask length in \"1.1.1.1/33\": skipping this rule",
		"cidr map cidr-test, line 12: missing ']' character after \"[1.1.1.1\": skipping"
		" this rule",
		"cidr map cidr-test, line 13: IF has no matching ENDIF",
	};

	(void)state;
	tt_file("cidr-test", "10.0.0.0/8 ten\n1.2.3.4/24 hostbits\n1.2.3 short\n"
			     "if 172.16.0.0/12\n172.16.1.1 one\n172.16.0.0/12 rest\nendif\nendif\n"
			     "if 9.0.0.0/8 junk\n9.9.9.9\n1.1.1.1/33 x\n[1.1.1.1 x\n"
			     "if !8.0.0.0/8\n0.0.0.0/0 not-eight\n");
	tt_reset();
	tt_run(rows, 3);
	for (size_t i = 0; i < ARRAY_LEN(remarks); i++)
		tt_expect_note(remarks[i]);
	tt_file("cidr-test", "if !8.0.0.0/8\n0.0.0.0/0 not-eight\nendif\n8.0.0.0/8 eight\n");
	tt_run(rows + 3, 2);
	(void)unlink("cidr-test");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_file),
	};
	int r = cmocka_run_group_tests(tests, NULL, NULL);

	buf_done(&tt_notes);
	return r;
}
