/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Typed values, at their limits and past them.
 */
#include "dir.h"

#include <errno.h>

#include "conf/conf.h"

static void ints(void **state)
{
	static const struct {
		const char *name;
		const char *value;
		int r;
		int64_t want;
	} cases[] = {
		{ "hopcount_limit", "1", 0, 1 },
		{ "hopcount_limit", "0", -ERANGE, 0 },
		{ "hopcount_limit", "2147483647", 0, 2147483647 },
		{ "hopcount_limit", "2147483648", -ERANGE, 0 },
		{ "hopcount_limit", "99999999999999999999", -ERANGE, 0 },
		{ "hopcount_limit", "abc", -EINVAL, 0 },
		{ "hopcount_limit", "12x", -EINVAL, 0 },
		{ "hopcount_limit", "", -EINVAL, 0 },
		{ "hopcount_limit", "$line_length_limit", 0, 2048 },
		{ "message_size_limit", "3000000000", 0, 3000000000 },
		{ "message_size_limit", "-1", -ERANGE, 0 },
		{ "smtpd_client_ipv4_prefix_length", "32", 0, 32 },
		{ "smtpd_client_ipv4_prefix_length", "33", -ERANGE, 0 },
		{ "smtp_recipient_limit", "$default_recipient_limit", 0, 20000 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		_cleanup_(conf_freep) struct conf *c = conf_new("/x");
		_cleanup_buf_ struct buf set = BUF(BUF_SMALL);
		struct why why = { "" };
		int64_t got = 0;
		int r;

		buf_putf(&set, "%s=%s", cases[i].name, cases[i].value);
		assert_int_equal(conf_override(c, buf_str(&set), &why), 0);
		r = conf_int(c, cases[i].name, &got, &why);
		if (r != cases[i].r || got != cases[i].want ||
			(r < 0 && strstr(why.text, cases[i].name) == NULL))
			fail_msg("%s: %d, %lld, %s", buf_cstr(&set), r, (long long)got, why.text);
	}
}

static void times(void **state)
{
	static const struct {
		const char *text;
		char unit;
		int r;
		int64_t seconds;
	} cases[] = {
		{ "300", 's', 0, 300 },
		{ "5", 'd', 0, 432000 },
		{ "5m", 's', 0, 300 },
		{ "2h", 's', 0, 7200 },
		{ "1w", 'd', 0, 604800 },
		{ "1W", 'd', 0, 604800 },
		{ " 7s ", 'd', 0, 7 },
		{ "2147483647", 's', 0, 2147483647 },
		{ "2147483648", 's', -ERANGE, 0 },
		{ "9223372036854775807w", 's', -ERANGE, 0 },
		{ "99999999999999999999", 's', -ERANGE, 0 },
		{ "5x", 's', -EINVAL, 0 },
		{ "5.5", 's', -EINVAL, 0 },
		{ "5ss", 's', -EINVAL, 0 },
		{ "5 s", 's', -EINVAL, 0 },
		{ "-5", 's', -EINVAL, 0 },
		{ "", 's', -EINVAL, 0 },
		{ "s", 's', -EINVAL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		usec_t got = 0;
		int r = conf_time_parse(str_of(cases[i].text), cases[i].unit, &got);

		if (r != cases[i].r || got != cases[i].seconds * USEC_PER_SEC)
			fail_msg("\"%s\": %d %lld", cases[i].text, r, (long long)got);
	}
}

static void time_values(void **state)
{
	_cleanup_(conf_freep) struct conf *c = conf_new("/x");
	struct why why = { "" };
	usec_t t = 0;

	(void)state;
	assert_int_equal(conf_time(c, "smtpd_timeout", &t, &why), 0);
	assert_int_equal(t, 300 * USEC_PER_SEC);
	assert_int_equal(conf_override(c, STR("stress=yes"), &why), 0);
	assert_int_equal(conf_time(c, "smtpd_timeout", &t, &why), 0);
	assert_int_equal(t, 10 * USEC_PER_SEC);
	assert_int_equal(conf_override(c, STR("maximal_queue_lifetime=2"), &why), 0);
	assert_int_equal(conf_time(c, "maximal_queue_lifetime", &t, &why), 0);
	assert_int_equal(t, 2 * 86400 * USEC_PER_SEC);
	assert_int_equal(conf_override(c, STR("maximal_queue_lifetime=101"), &why), 0);
	assert_int_equal(conf_time(c, "maximal_queue_lifetime", &t, &why), -ERANGE);
	assert_int_equal(conf_override(c, STR("smtpd_timeout=0"), &why), 0);
	assert_int_equal(conf_time(c, "smtpd_timeout", &t, &why), -ERANGE);
	assert_string_equal(why.text, "invalid smtpd_timeout: 0 (min 1) (set with -o)");
	conf_override_origin(c, "set with -o for service x in y");
	assert_int_equal(conf_time(c, "smtpd_timeout", &t, &why), -ERANGE);
	assert_string_equal(why.text,
		"invalid smtpd_timeout: 0 (min 1) (set with -o for service x in y)");
	assert_int_equal(conf_override(c, STR("smtpd_timeout=5x"), &why), 0);
	assert_int_equal(conf_time(c, "smtpd_timeout", &t, &why), -EINVAL);
	assert_non_null(strstr(why.text, "parameter smtpd_timeout: bad time value or unit: 5x"));
}

static void bools(void **state)
{
	_cleanup_(conf_freep) struct conf *c = conf_new("/x");
	struct why why = { "" };
	bool b = false;

	(void)state;
	assert_int_equal(conf_bool(c, "biff", &b, &why), 0);
	assert_true(b);
	assert_int_equal(conf_override(c, STR("biff=NO"), &why), 0);
	assert_int_equal(conf_bool(c, "biff", &b, &why), 0);
	assert_false(b);
	assert_int_equal(conf_override(c, STR("biff=maybe"), &why), 0);
	assert_int_equal(conf_bool(c, "biff", &b, &why), -EINVAL);
	assert_non_null(strstr(why.text, "bad boolean configuration: biff = maybe"));
	assert_int_equal(conf_bool(c, "smtputf8_enable", &b, &why), 0);
	assert_false(b);
	assert_int_equal(conf_override(c, STR("compatibility_level=3.6"), &why), 0);
	assert_int_equal(conf_bool(c, "smtputf8_enable", &b, &why), 0);
	assert_true(b);
}

static void strings(void **state)
{
	_cleanup_(conf_freep) struct conf *c = conf_new("/x");
	struct why why = { "" };
	char *s = NULL;

	(void)state;
	assert_int_equal(conf_override(c, STR("myhostname=h.ex.com"), &why), 0);
	assert_int_equal(conf_str(c, "smtpd_banner", &s, &why), 0);
	assert_string_equal(s, "h.ex.com ESMTP Postroad");
	free(s);
	assert_int_equal(conf_str(c, "forward_path", &s, &why), 0);
	assert_string_equal(s, "$home/.forward${recipient_delimiter}${extension}, $home/.forward");
	free(s);
	assert_int_equal(conf_str(c, "config_directory", &s, &why), 0);
	assert_string_equal(s, "/x");
	free(s);
	assert_int_equal(conf_override(c, STR("myhostname="), &why), 0);
	assert_int_equal(conf_str(c, "myhostname", &s, &why), -EINVAL);
	assert_non_null(strstr(why.text, "bad string length 0 < 1: myhostname = "));
	assert_int_equal(conf_override(c, STR("relayhost=${"), &why), 0);
	assert_int_equal(conf_str(c, "relayhost", &s, &why), -EINVAL);
	assert_non_null(strstr(why.text, "parameter relayhost (set with -o): truncated"));
}

/** Every default has the type and range that its entry claims. */
static void defaults(void **state)
{
	_cleanup_(conf_freep) struct conf *c = conf_new("/x");
	size_t n = 0;
	const struct conf_param *p = conf_params(&n);

	(void)state;
	for (size_t i = 0; i < n; i++) {
		struct why why = { "" };
		char *s = NULL;
		int64_t v = 0;
		bool b = false;
		int r = 0;

		switch (p[i].type) {
		case CONF_STR:
			/* virtual_mailbox_base must be set by whoever uses it */
			r = strcmp(p[i].name, "virtual_mailbox_base") == 0
				    ? 0
				    : conf_str(c, p[i].name, &s, &why);
			break;
		case CONF_RAW:
			r = conf_str(c, p[i].name, &s, &why);
			break;
		case CONF_INT:
		case CONF_NINT:
		case CONF_LONG:
			r = conf_int(c, p[i].name, &v, &why);
			break;
		case CONF_BOOL:
		case CONF_NBOOL:
			r = conf_bool(c, p[i].name, &b, &why);
			break;
		case CONF_TIME:
			r = conf_time(c, p[i].name, &v, &why);
			break;
		}
		free(s);
		if (r < 0)
			fail_msg("%s: %s", p[i].name, why.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ints),
		cmocka_unit_test(times),
		cmocka_unit_test(time_values),
		cmocka_unit_test(bools),
		cmocka_unit_test(strings),
		cmocka_unit_test(defaults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
