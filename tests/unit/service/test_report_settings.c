/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of service/report_settings.c.
 */
#include "service/report_settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static int open_with(const char *const *settings, const char *agent, struct report_params *ret,
	struct conf **ret_conf, struct why *why)
{
	struct report_conf *rc = NULL;
	int e;

	*ret_conf = conf_new("/no/such/dir");
	for (; *settings != NULL; settings++)
		assert_int_equal(conf_override(*ret_conf, str_of(*settings), why), 0);
	e = report_params_open(*ret_conf, agent, NULL, ret, &rc, why);
	report_conf_free(rc);
	return e;
}

#define SET(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void test_values(void **state)
{
	struct report_params p;
	struct why why = { "" };
	struct conf *c;

	(void)state;
	if (open_with(SET("myhostname=h.example", "smtp_delivery_status_filter=inline:{a=b}",
			      "bounce_service_name=b2", "soft_bounce=yes",
			      "info_log_address_format=internal", "ipc_timeout=7s",
			      "delay_logging_resolution_limit=4", "fast_flush_domains=x.test"),
		    "smtp", &p, &c, &why) < 0)
		fail_msg("%s", why.text);
	assert_string_equal(p.s.bounce_path, "private/b2");
	assert_string_equal(p.s.defer_path, "private/defer");
	assert_string_equal(p.s.trace_path, "private/trace");
	assert_string_equal(p.s.flush_path, "public/flush");
	assert_string_equal(p.s.verify_path, "private/verify");
	assert_string_equal(p.s.delivery_status_filter, "inline:{a=b}");
	assert_string_equal(p.s.fast_flush_domains, "x.test");
	assert_true(p.s.soft_bounce && p.s.info_address_internal && p.s.verify_negative_cache);
	assert_true(p.s.fast_flush_parent);
	assert_true(p.s.ipc_timeout == 7 * USEC_PER_SEC);
	assert_int_equal(p.s.delay_logging_resolution_limit, 4);
	report_params_done(&p);
	conf_free(c);
}

static void test_default_filter(void **state)
{
	struct report_params p;
	struct why why = { "" };
	struct conf *c;

	(void)state;
	assert_int_equal(open_with(SET("myhostname=h.example",
					   "default_delivery_status_filter=inline:{c=d}",
					   "parent_domain_matches_subdomains="),
				 NULL, &p, &c, &why),
		0);
	assert_string_equal(p.s.delivery_status_filter, "inline:{c=d}");
	assert_false(p.s.soft_bounce || p.s.info_address_internal || p.s.fast_flush_parent);
	report_params_done(&p);
	conf_free(c);
}

static void test_bad(void **state)
{
	static const char *const bad[] = { "info_log_address_format=sideways",
		"soft_bounce=perhaps", "delay_logging_resolution_limit=7",
		"default_delivery_status_filter=inline:{a=b" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct report_params p;
		struct why why = { "" };
		struct conf *c;

		if (open_with(SET("myhostname=h.example", bad[i]), NULL, &p, &c, &why) == 0)
			fail_msg("%s was accepted", bad[i]);
		assert_true(why.text[0] != '\0');
		conf_free(c);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_default_filter),
		cmocka_unit_test(test_bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
