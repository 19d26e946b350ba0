/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of service/intake_settings.c.
 */
#include "service/intake_settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/addr.h"

static struct intake_params p; /* large */

static struct conf *conf_with(const char *const *settings)
{
	struct conf *c = conf_new("/no/such/dir");
	struct why why;

	assert_int_equal(conf_override(c, STR("inet_interfaces=127.0.0.1"), &why), 0);
	assert_int_equal(conf_override(c, STR("inet_protocols=ipv4"), &why), 0);
	for (; *settings != NULL; settings++)
		assert_int_equal(conf_override(c, str_of(*settings), &why), 0);
	return c;
}

static void test_values(void **state)
{
	static const char *const settings[] = { "myhostname=h.test", "hash_queue_names=incoming",
		"enable_long_queue_ids=yes", "hopcount_limit=7", "delay_warning_time=1h",
		"queue_service_name=q", "always_bcc=all", "info_log_address_format=internal",
		NULL };
	struct conf *c = conf_with(settings);
	struct why why = { "" };

	(void)state;
	if (intake_params_open(c, NULL, NULL, &p, &why) < 0)
		fail_msg("%s", why.text);
	assert_string_equal(p.s.myhostname, "h.test");
	assert_string_equal(p.s.qmgr_path, "public/q");
	assert_string_equal(p.s.always_bcc, "all");
	assert_int_equal(p.s.hopcount_limit, 7);
	assert_int_equal(p.s.delay_warning_time, 3600 * USEC_PER_SEC);
	assert_true(p.queue.long_ids);
	assert_string_equal(p.queue.hashed[0], "incoming");
	assert_true(p.s.info_address_internal);
	assert_non_null(p.s.bounce);
	assert_ptr_equal(p.router, p.own_router);
	assert_null(intake_params_changed(&p));
	intake_params_done(&p);
	conf_free(c);
}

static void test_refused(void **state)
{
	static const char *const bad[][2] = {
		{ "canonical_classes=x", NULL },
		{ "header_from_format=x", NULL },
		{ "hopcount_limit=0", NULL },
		{ "non_empty_end_of_header_action=x", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct conf *c = conf_with(bad[i]);
		struct why why = { "" };

		if (intake_params_open(c, NULL, NULL, &p, &why) == 0 || why.text[0] == '\0')
			fail_msg("%s was taken", bad[i][0]);
		conf_free(c);
	}
}

static void test_flags(void **state)
{
	static const struct {
		const char *text;
		unsigned flags;
	} cases[] = {
		{ "", INTAKE_EXTERNAL },
		{ "no_unknown_recipient_checks", INTAKE_EXTERNAL },
		{ "no_address_mappings", INTAKE_FILTER | INTAKE_MILTER },
		{ "no_header_body_checks, no_milters", INTAKE_MAP_OK | INTAKE_BCC_OK },
	};
	unsigned flags = 0;
	struct why why;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(intake_override_flags(cases[i].text, INTAKE_EXTERNAL, &flags,
					 &why),
			0);
		if (flags != cases[i].flags)
			fail_msg("%s: %u", cases[i].text, flags);
	}
	assert_true(intake_override_flags("bogus", 0, &flags, &why) < 0);
	assert_string_equal(why.text, "unknown receive_override_options value \"bogus\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_flags),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
