/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of mime/header.c: names, known headers, generated fields.
 */
#include "mime/header.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_name(void **state)
{
	static const struct {
		const char *line;
		size_t len;
		const char *body;
	} cases[] = {
		{ "Subject: hello", 7, " hello" },
		{ "Subject:hello", 7, "hello" },
		{ "Subject : hello", 7, " hello" },
		{ "Subject \t: hello", 7, " hello" },
		{ "Subject:", 7, "" },
		{ "a:b:c", 1, "b:c" },
		{ "x=y/z: 1", 5, " 1" },
		{ "Subject", 0, NULL },
		{ "Subject hello: x", 0, NULL },
		{ ": x", 0, NULL },
		{ " Subject: x", 0, NULL },
		{ "", 0, NULL },
		{ "S\303\244ubject: x", 0, NULL },
		{ "S\001: x", 0, NULL },
		{ "From a@b Sat Nov 21 08:20:29 2026", 0, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct str body = STR_EMPTY;
		size_t n = header_name(str_of(cases[i].line), &body);

		if (n != cases[i].len || !str_eq(body, str_of(cases[i].body)))
			fail_msg("\"%s\": %zu \"" STR_FMT "\"", cases[i].line, n, STR_ARG(body));
	}
	assert_int_equal(header_name(STR("To: x"), NULL), 2);
}

static void test_find(void **state)
{
	(void)state;
	assert_null(header_find(STR("X-Other")));
	assert_null(header_find(STR_EMPTY));
	assert_null(header_find(STR("Subjec")));
	assert_int_equal(header_find(STR("MESSAGE-ID"))->id, HDR_MESSAGE_ID);
	assert_string_equal(header_find(STR("mime-version"))->name, "MIME-Version");
	for (enum header_id id = HDR_OTHER + 1; id < HDR_COUNT; id++) {
		const struct header_def *d = header_by_id(id);

		if (header_find(str_of(d->name)) != d)
			fail_msg("%s is not found", d->name);
	}
}

static void test_fields(void **state)
{
	_cleanup_buf_ struct buf b = BUF(BUF_SMALL);

	(void)state;
	header_message_id(&b, STR("6EE28A86233"), false, 1795247613, STR("mail.example.test"));
	assert_string_equal(buf_cstr(&b), "<20261121075333.6EE28A86233@mail.example.test>");
	buf_clear(&b);
	header_message_id(&b, STR("4jWkxw5CcQz1c9wd"), true, 1795247613, STR("h"));
	assert_string_equal(buf_cstr(&b), "<4jWkxw5CcQz1c9wd@h>");
	buf_clear(&b);
	setenv("TZ", "UTC", 1);
	header_received(&b, "h.test", "Postfix", 0, STR("6EE28A86233"), 1795247613);
	assert_string_equal(buf_cstr(&b),
		"Received: by h.test (Postfix, from userid 0)\n"
		"\tid 6EE28A86233; Sat, 21 Nov 2026 07:53:33 +0000 (UTC)");
	buf_clear(&b);
	header_received(&b, "h.test", "Postfix", -1, STR("1"), 1795247613);
	assert_string_equal(buf_cstr(&b), "Received: by h.test (Postfix)\n"
					  "\tid 1; Sat, 21 Nov 2026 07:53:33 +0000 (UTC)");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_name),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_fields),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
