/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parameter tables.
 */
#include "dir.h"

#include <errno.h>

#include "conf/conf.h"

struct some_conf {
	const char *smtpd_banner;
	const char *default_rbl_reply;
	int64_t smtpd_recipient_limit;
	int64_t message_size_limit;
	usec_t smtpd_timeout;
	bool smtpd_helo_required;
	bool smtputf8_enable;
};

static const struct conf_var vars[] = {
	CV_STR(struct some_conf, smtpd_banner),
	CV_STR(struct some_conf, default_rbl_reply),
	CV_INT(struct some_conf, smtpd_recipient_limit),
	CV_INT(struct some_conf, message_size_limit),
	CV_TIME(struct some_conf, smtpd_timeout),
	CV_BOOL(struct some_conf, smtpd_helo_required),
	CV_BOOL(struct some_conf, smtputf8_enable),
	CV_END,
};

static void fills(void **state)
{
	struct conf *c = conf_new("/x");
	struct some_conf some = { 0 };
	struct why why = { "" };

	(void)state;
	assert_int_equal(conf_override(c, STR("smtpd_banner=hello"), &why), 0);
	assert_int_equal(conf_override(c, STR("smtpd_helo_required=yes"), &why), 0);
	assert_int_equal(conf_fill(c, vars, &some, &why), 0);
	assert_string_equal(some.smtpd_banner, "hello");
	assert_memory_equal(some.default_rbl_reply, "$rbl_code ", 10);
	assert_int_equal(some.smtpd_recipient_limit, 1000);
	assert_int_equal(some.message_size_limit, 10240000);
	assert_int_equal(some.smtpd_timeout, 300 * USEC_PER_SEC);
	assert_true(some.smtpd_helo_required);
	assert_false(some.smtputf8_enable);
	conf_free(c);
}

static void refuses(void **state)
{
	struct conf *c = conf_new("/x");
	struct some_conf some = { 0 };
	struct why why = { "" };

	(void)state;
	assert_int_equal(conf_override(c, STR("smtpd_recipient_limit=0"), &why), 0);
	assert_int_equal(conf_fill(c, vars, &some, &why), -ERANGE);
	assert_non_null(strstr(why.text, "invalid smtpd_recipient_limit parameter value 0 < 1"));
	assert_int_equal(conf_override(c, STR("compatibility_level=3.x"), &why), 0);
	assert_int_equal(conf_fill(c, vars, &some, &why), -EINVAL);
	assert_string_equal(why.text, "malformed compatibility level syntax: \"3.x\"");
	conf_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fills),
		cmocka_unit_test(refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
