/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of intake/conf.c: settings that are refused.
 */
#include "rig.h"

static void test_refused(void **state)
{
	struct router_settings rs = rig_router_settings();
	struct router *router;
	struct intake_settings s = rig_settings();
	struct intake_conf *c;
	struct why why;

	(void)state;
	assert_int_equal(router_new(&rs, &router, &why), 0);
	s.router = router;
	assert_int_equal(intake_conf_new(&s, &c, &why), 0);
	assert_null(intake_conf_changed(c));
	intake_conf_free(c);
	s.header_from_format = "x";
	assert_true(intake_conf_new(&s, &c, &why) < 0);
	assert_string_equal(why.text, "invalid setting: header_from_format = x");
	s = rig_settings();
	s.non_empty_end_of_header_action = "x";
	assert_true(intake_conf_new(&s, &c, &why) < 0);
	s = rig_settings();
	s.canonical_classes = "x";
	assert_true(intake_conf_new(&s, &c, &why) < 0);
	assert_string_equal(why.text, "canonical_classes: unknown address class \"x\"");
	s = rig_settings();
	s.header_checks = "inline:{{a=b}";
	assert_true(intake_conf_new(&s, &c, &why) < 0);
	intake_conf_free(NULL);
	router_free(router);
}

RIG_MAIN(cmocka_unit_test(test_refused));
