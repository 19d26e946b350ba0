/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of intake/mapping.c: canonical maps by class.
 */
#include "rig.h"

static void test_canonical(void **state)
{
	static const struct rig_case cases[] = {
		{ "T 1 2\nS sc\nR rc\nR sc\nR u1\nR foo@old.test\nR plus+ext\nM\nN Received: x\nN From: sc\nN To: rc, u1\n" RIG_TAIL,
			"S scx@y.test\nA dsn_orig_rcpt=rfc822;rcx@y.test\nO rc\nR rcx@y.test\nA dsn_orig_rcpt=rfc822;sc@example.test\nO sc\nR sc@example.test\nA dsn_orig_rcpt=rfc822;u3@example.test\nO u1\nR u3@example.test\nA dsn_orig_rcpt=rfc822;foo@new.test\nO foo@old.test\nR foo@new.test\nA dsn_orig_rcpt=rfc822;plusnew+ext@example.test\nO plus+ext\nR plusnew+ext@example.test\nM\nN Received: x\nN From: scx@y.test\nN To: rcx@y.test, u3@example.test\n",
			NULL, 0, NULL },
	};
	struct intake_settings s = rig_settings();

	(void)state;
	s.canonical_maps = "inline:{ {u1=u2} {u2=u3} {@old.test=@new.test} {plus=plusnew} }";
	s.sender_canonical_maps = "inline:{{sc=scx@y.test}}";
	s.recipient_canonical_maps = "inline:{{rc=rcx@y.test}}";
	rig_check(&s, INTAKE_INTERNAL, cases, ARRAY_LEN(cases));
}

static void test_no_mapping(void **state)
{
	static const struct rig_case cases[] = {
		{ "T 1 2\nS u1\nR u1\nM\nN Received: x\nN To: u1\n" RIG_TAIL,
			"S u1@example.test\nA dsn_orig_rcpt=rfc822;u1@example.test\nO u1\nR u1@example.test\nM\nN Received: x\nN To: u1@example.test\n",
			NULL, 0, NULL },
	};
	struct intake_settings s = rig_settings();

	(void)state;
	s.canonical_maps = "inline:{{u1=u2}}";
	rig_check(&s, 0, cases, ARRAY_LEN(cases));
}

static void test_failure(void **state)
{
	static const struct rig_case cases[] = {
		{ RIG_ENV RIG_RCPT RIG_BODY, NULL,
			"QID: canonical_maps map lookup problem for s@example.test -- message not accepted, try again later",
			2, NULL },
		{ "T 1\nS \nR a b\n" RIG_BODY, NULL, "lookup problem for \"a b\"@example.test --",
			2, NULL },
	};
	struct intake_settings s = rig_settings();

	(void)state;
	s.canonical_maps = "fail:x";
	rig_check(&s, INTAKE_INTERNAL, cases, ARRAY_LEN(cases));
}

static void test_classes(void **state)
{
	unsigned c = 0;
	struct why why;

	(void)state;
	assert_int_equal(mapping_classes("t", "envelope_sender, HEADER_recipient", &c, &why), 0);
	assert_int_equal(c, CLASS_ENV_FROM | CLASS_HDR_RCPT);
	assert_int_equal(mapping_classes("t", "", &c, &why), 0);
	assert_int_equal(c, 0);
	assert_true(mapping_classes("t", "envelope", &c, &why) < 0);
	assert_string_equal(why.text, "t: unknown address class \"envelope\"");
}

RIG_MAIN(cmocka_unit_test(test_canonical), cmocka_unit_test(test_no_mapping),
	cmocka_unit_test(test_failure), cmocka_unit_test(test_classes));
