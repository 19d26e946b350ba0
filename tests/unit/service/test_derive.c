/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of service/derive.c.
 */
#include "service/derive.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

#include "net/socket.h"

static struct conf *conf_with(const char *setting)
{
	struct conf *c = conf_new("/nowhere");
	struct why why;

	assert_int_equal(conf_override(c, str_of(setting), &why), 0);
	return c;
}

static void test_families(void **state)
{
	static const struct {
		const char *value;
		int want;
	} cases[] = {
		{ "inet_protocols=all", NET_IPV4 | NET_IPV6 },
		{ "inet_protocols=ipv4", NET_IPV4 },
		{ "inet_protocols=IPv6", NET_IPV6 },
		{ "inet_protocols=ipv4, ipv6", NET_IPV4 | NET_IPV6 },
		{ "inet_protocols=ipv5", -EINVAL },
		{ "inet_protocols=,", -EINVAL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct conf *c = conf_with(cases[i].value);
		struct why why = { "" };
		int r = derive_families(c, &why);

		if (r != cases[i].want || (r < 0) != (why.text[0] != '\0'))
			fail_msg("%s: %d", cases[i].value, r);
		conf_free(c);
	}
}

/* The addresses as one text. */
static void own(const char *interfaces, struct buf *ret)
{
	struct conf *c = conf_with("inet_protocols=ipv4");
	struct net_addr v[32];
	struct why why = { "" };
	int n;

	assert_int_equal(conf_override(c, str_of(interfaces), &why), 0);
	n = derive_own_addrs(c, "inet_interfaces", v, ARRAY_LEN(v), &why);
	buf_clear(ret);
	if (n < 0)
		buf_puts(ret, why.text);
	for (int i = 0; i < n; i++) {
		char text[NET_ADDR_TEXT];

		net_addr_text(&v[i], text);
		buf_putf(ret, "%s%s", i == 0 ? "" : " ", text);
	}
	conf_free(c);
}

static void test_own_addresses(void **state)
{
	_cleanup_buf_ struct buf b = BUF(BUF_SMALL);

	(void)state;
	own("inet_interfaces=127.0.0.1, [127.0.0.2] ::1", &b);
	assert_string_equal(buf_cstr(&b), "127.0.0.1 127.0.0.2");
	own("inet_interfaces=loopback-only", &b);
	assert_string_equal(buf_cstr(&b), "127.0.0.1");
	own("inet_interfaces=all", &b);
	assert_true(str_find(buf_str(&b), STR("127.0.0.1")) >= 0);
	own("inet_interfaces=", &b);
	assert_string_equal(buf_cstr(&b), "");
	own("inet_interfaces=no.such.host.invalid", &b);
	assert_true(str_starts(buf_str(&b), STR("parameter inet_interfaces: ")));
}

static void test_owner(void **state)
{
	struct conf *c = conf_with("mail_owner=no-such-user-here");
	struct why why = { "" };
	uid_t uid = 0;
	gid_t gid = 0;
	gid_t setgid = 0;

	(void)state;
	if (geteuid() == 0) {
		assert_int_equal(derive_owner(c, &uid, &gid, &setgid, &why), -ENOENT);
		assert_int_equal(conf_override(c, STR("mail_owner=nobody"), &why), 0);
		assert_int_equal(conf_override(c, STR("setgid_group=root"), &why), 0);
	}
	assert_int_equal(derive_owner(c, &uid, &gid, &setgid, &why), 0);
	assert_int_equal(uid, geteuid() == 0 ? 65534 : geteuid());
	assert_int_equal(setgid, getegid());
	assert_int_equal(derive_owner(c, NULL, NULL, NULL, &why), 0);
	conf_free(c);
}

static void test_config_dir(void **state)
{
	(void)state;
	assert_int_equal(setenv("MAIL_CONFIG", "/from/env", 1), 0);
	assert_string_equal(derive_config_dir("/from/option"), "/from/option");
	assert_string_equal(derive_config_dir(NULL), "/from/env");
	assert_int_equal(unsetenv("MAIL_CONFIG"), 0);
	assert_int_equal(derive_config_dir(NULL)[0], '/');
}

static void test_process(void **state)
{
	struct conf *c = conf_new("/nowhere");
	struct why why;
	char *text = NULL;

	(void)state;
	derive_process(c, "smtpd", "submission");
	assert_int_equal(conf_override(c, STR("syslog_name=p/$service_name/$process_name"), &why),
		0);
	assert_int_equal(conf_str(c, "syslog_name", &text, &why), 0);
	assert_string_equal(text, "p/submission/smtpd");
	free(text);
	conf_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_families),
		cmocka_unit_test(test_own_addresses),
		cmocka_unit_test(test_owner),
		cmocka_unit_test(test_config_dir),
		cmocka_unit_test(test_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
