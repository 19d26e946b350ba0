/* SPDX-License-Identifier: Apache-2.0 */
/* Tables as filters of DNS answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "service/dns_filter.h"

static void test_ask(void **state)
{
	static const struct {
		const char *list, *text;
		enum dns_filter want;
	} cases[] = {
		{ "regexp:{{/^x. 60 IN A 1.2.3.4$/ IGNORE}}", "x. 60 IN A 1.2.3.4",
			DNS_FILTER_IGNORE },
		{ "regexp:{{/^x. 60 IN A 1.2.3.4$/   ignore }}", "x. 60 IN A 1.2.3.4",
			DNS_FILTER_IGNORE },
		{ "regexp:{{/^x. 60 IN A 1.2.3.4$/ IGNORE}}", "y. 60 IN A 1.2.3.4",
			DNS_FILTER_KEEP },
		{ "inline:{a=REJECT}", "a", DNS_FILTER_TEMPFAIL },
		{ "fail:now", "a", DNS_FILTER_TEMPFAIL },
	};
	const struct table_settings ts = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct tables t = { 0 };
		struct dns_settings s = { 0 };
		struct why why = { 0 };

		assert_int_equal(tables_open(&ts, "smtp_dns_reply_filter", str_of(cases[i].list),
					 TABLE_FOLD_FIX, &t, &why),
			0);
		dns_filter_use(&s, &t);
		assert_non_null(s.filter);
		if (s.filter(s.filter_ctx, str_of(cases[i].text), &why) != cases[i].want)
			fail_msg("%s, %s", cases[i].list, cases[i].text);
		assert_true((why.text[0] != '\0') == (cases[i].want == DNS_FILTER_TEMPFAIL));
		tables_done(&t);
	}
}

static void test_none(void **state)
{
	struct tables none = { 0 };
	struct dns_settings s = { 0 };

	(void)state;
	dns_filter_use(&s, &none);
	assert_null(s.filter);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ask),
		cmocka_unit_test(test_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
