/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of service/submit_settings.c.
 */
#include "service/submit_settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct table_settings the_tables;

static int fill(const char *const *settings, struct conf **c, struct submit_settings *ret,
	struct why *why)
{
	*c = conf_new("/no/such/dir");
	for (; *settings != NULL; settings++)
		assert_int_equal(conf_override(*c, str_of(*settings), why), 0);
	return submit_settings_fill(*c, &the_tables, NULL, ret, why);
}

static void test_defaults(void **state)
{
	struct submit_settings s;
	struct conf *c;
	struct why why;

	(void)state;
	assert_int_equal(fill((const char *[]){ "compatibility_level=3.6", NULL }, &c, &s, &why),
		0);
	assert_string_equal(s.authorized_submit_users, "static:anyone");
	assert_string_equal(s.local_login_sender_maps, "static:*");
	assert_string_equal(s.empty_address_local_login_sender_maps_lookup_key, "<>");
	assert_string_equal(s.recipient_delimiter, "");
	assert_int_equal(s.message_size_limit, 10240000);
	assert_true(s.smtputf8_enable && !s.enable_long_queue_ids);
	assert_ptr_equal(s.tables, &the_tables);
	conf_free(c);
}

static void test_values(void **state)
{
	static const char *const settings[] = { "authorized_submit_users=!root",
		"local_login_sender_maps=inline:{a=b}",
		"empty_address_local_login_sender_maps_lookup_key=nobody", "recipient_delimiter=+",
		"message_size_limit=0", "enable_long_queue_ids=yes", "smtputf8_enable=no", NULL };
	struct submit_settings s;
	struct conf *c;
	struct why why;

	(void)state;
	assert_int_equal(fill(settings, &c, &s, &why), 0);
	assert_string_equal(s.authorized_submit_users, "!root");
	assert_string_equal(s.local_login_sender_maps, "inline:{a=b}");
	assert_string_equal(s.empty_address_local_login_sender_maps_lookup_key, "nobody");
	assert_string_equal(s.recipient_delimiter, "+");
	assert_int_equal(s.message_size_limit, 0);
	assert_true(!s.smtputf8_enable && s.enable_long_queue_ids);
	conf_free(c);
}

static void test_refused(void **state)
{
	static const char *const bad[][2] = { { "message_size_limit=-1" },
		{ "message_size_limit=much" }, { "smtputf8_enable=maybe" },
		{ "enable_long_queue_ids=2" } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct submit_settings s;
		struct conf *c;
		struct why why = { "" };

		if (fill(bad[i], &c, &s, &why) == 0 || why.text[0] == '\0')
			fail_msg("%s was taken", bad[i][0]);
		conf_free(c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
