/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of service/router_settings.c: parameters end up in the fields of their names.
 */
#include "service/router_settings.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/mem.h"

static struct conf *conf_of(const char *const *settings)
{
	struct conf *c = conf_new("/nowhere");

	for (; *settings != NULL; settings++)
		assert_int_equal(conf_override(c, str_of(*settings), NULL), 0);
	return c;
}

static void test_filled(void **state)
{
	static const char *const settings[] = { "myhostname=mail.example.test",
		"relayhost=[192.0.2.1]", "inet_interfaces=127.0.0.1", "inet_protocols=ipv4",
		"proxy_interfaces=192.0.2.7, 192.0.2.8", "swap_bangpath=no",
		"error_service_name=oops", NULL };
	_cleanup_(conf_freep) struct conf *c = conf_of(settings);
	_cleanup_free_ struct router_conf *rc = mem_new(struct router_conf);
	struct why why;

	(void)state;
	assert_int_equal(router_settings_from_conf(c, NULL, rc, &why), 0);
	assert_string_equal(rc->s.myhostname, "mail.example.test");
	assert_string_equal(rc->s.mydomain, "example.test");
	assert_string_equal(rc->s.relayhost, "[192.0.2.1]");
	assert_string_equal(rc->s.error_transport, "oops");
	assert_false(rc->s.swap_bangpath);
	assert_true(rc->s.append_at_myorigin);
	assert_int_equal(rc->s.n_own_addrs, 1);
	assert_int_equal(rc->s.n_proxy_addrs, 2);
	assert_int_equal(rc->s.proxy_addrs[1].in.sin_addr.s_addr, htonl(0xc0000208));
	assert_ptr_equal(rc->s.tables, &rc->tables);
	assert_true(rc->s.cache_size > 0);
}

static void test_refused(void **state)
{
	static const char *const settings[] = { "swap_bangpath=perhaps", NULL };
	_cleanup_(conf_freep) struct conf *c = conf_of(settings);
	_cleanup_free_ struct router_conf *rc = mem_new(struct router_conf);
	struct why why = { "" };

	(void)state;
	assert_int_equal(router_settings_from_conf(c, NULL, rc, &why), -EINVAL);
	assert_non_null(strstr(why.text, "swap_bangpath"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_filled),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
