/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of service/journal_settings.c.
 */
#include "service/journal_settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct queue_settings queues;

static struct conf *conf_with(const char *const *settings)
{
	struct conf *c = conf_new("/no/such/dir");
	struct why why;

	for (; *settings != NULL; settings++)
		assert_int_equal(conf_override(c, str_of(*settings), &why), 0);
	return c;
}

static void test_defaults(void **state)
{
	static const char *const none[] = { NULL };
	struct conf *c = conf_with(none);
	struct journal_params p;
	struct why why;

	(void)state;
	assert_int_equal(journal_params_fill(c, &queues, NULL, &p, &why), 0);
	assert_true(p.is_on);
	assert_int_equal(p.s.segment_size, 16 << 20);
	assert_int_equal(p.s.limit, 1 << 30);
	assert_int_equal(p.s.message_limit, 1 << 20);
	assert_string_equal(p.s.wake_path, "public/qmgr");
	assert_ptr_equal(p.s.queues, &queues);
	journal_params_done(&p);
	conf_free(c);
}

static void test_values(void **state)
{
	static const char *const settings[] = { "queue_journal=no",
		"queue_journal_segment_size=1048576", "queue_journal_limit=2097152",
		"queue_journal_message_limit=10", "queue_service_name=q", NULL };
	struct conf *c = conf_with(settings);
	struct journal_params p;
	struct why why;

	(void)state;
	assert_int_equal(journal_params_fill(c, &queues, NULL, &p, &why), 0);
	assert_false(p.is_on);
	assert_int_equal(p.s.segment_size, 1 << 20);
	assert_int_equal(p.s.limit, 2 << 20);
	assert_int_equal(p.s.message_limit, 10);
	assert_string_equal(p.s.wake_path, "public/q");
	journal_params_done(&p);
	conf_free(c);
}

static void test_refused(void **state)
{
	static const char *const bad[][2] = {
		{ "queue_journal_segment_size=1048575", NULL },
		{ "queue_journal_segment_size=1073741825", NULL },
		{ "queue_journal_limit=1048575", NULL },
		{ "queue_journal_message_limit=4194305", NULL },
		{ "queue_journal_message_limit=0", NULL },
		{ "queue_journal=perhaps", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct conf *c = conf_with(bad[i]);
		struct journal_params p;
		struct why why = { "" };

		if (journal_params_fill(c, &queues, NULL, &p, &why) == 0 || why.text[0] == '\0')
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
