/* SPDX-License-Identifier: Apache-2.0 */
/* Texts of notices with values from a configuration. */
#include "service/template_text.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void set(struct conf *c, const char *setting)
{
	assert_int_equal(conf_override(c, str_of(setting), NULL), 0);
}

static void test_text(void **state)
{
	static const struct {
		const char *body, *want; /* want NULL: -EINVAL */
	} cases[] = {
		{ "at $myhostname of ${mydomain}\n", "at mx.b\xc3\xbc"
						     "cher.test of b\xc3\xbc"
						     "cher.test\n" },
		{ "$delay_warning_time_minutes $maximal_queue_lifetime_weeks", "90 2" },
		{ "costs $$5 at $mail_name", "costs $5 at Us" },
		{ "${no}x", "x" },
		{ "${broken", NULL },
	};
	struct conf *c = conf_new("/nonexistent");

	(void)state;
	set(c, "mydomain=xn--bcher-kva.test");
	set(c, "myhostname=mx.$mydomain");
	set(c, "smtputf8_enable=yes");
	set(c, "delay_warning_time=90m");
	set(c, "maximal_queue_lifetime=15d");
	set(c, "mail_name=Us");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct template t = { .body = strdup(cases[i].body) };
		struct buf b = BUF(1000);
		struct why why;
		int r = template_text(c, &t, &b, &why);

		if (cases[i].want == NULL ? r != -EINVAL
					  : r != 0 || strcmp(buf_cstr(&b), cases[i].want) != 0)
			fail_msg("%s: %d %s", cases[i].body, r, buf_cstr(&b));
		buf_done(&b);
		free(t.body);
	}
	conf_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_text) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
