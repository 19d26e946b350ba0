/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading main.cf, overrides, looking settings up.
 */
#include "dir.h"

#include <errno.h>

#include "conf/conf.h"

static void reads(void **state)
{
	struct dir d = dir_make("# comment\na = 1\n  two\n\nmyhostname=h.ex.com\nb = x # y\na = 2\n"
				"process_id = 4\n",
		NULL);
	_cleanup_(conf_freep) struct conf *c = NULL;
	_cleanup_buf_ struct buf said = BUF(BUF_SMALL);
	_cleanup_buf_ struct buf want = BUF(BUF_SMALL);
	struct notes n = { collect, &said };
	struct why why = { "" };
	const char *name, *value;
	size_t pos = 0, count = 0;

	(void)state;
	assert_int_equal(conf_load(d.path, &n, &c, &why), 0);
	assert_string_equal(conf_setting(c, "a"), "2");
	assert_string_equal(conf_setting(c, "b"), "x # y");
	assert_null(conf_setting(c, "mydomain"));
	assert_null(conf_setting(c, "process_id"));
	buf_putf(&want,
		"%s/main.cf, line 7: overriding earlier entry: a=1  two\n"
		"%s/main.cf, line 8: ignoring read-only parameter: process_id\n",
		d.path, d.path);
	assert_string_equal(buf_cstr(&said), buf_cstr(&want));
	while (conf_settings_next(c, &pos, &name, &value))
		count++;
	assert_int_equal(count, 3);
	assert_string_equal(conf_dir(c), d.path);
	dir_remove(&d);
}

static void refuses(void **state)
{
	static const struct {
		const char *text;
		const char *want;
	} cases[] = {
		{ "foo\nb = 2\n", "line 1: missing '=' after attribute name: \"foo\"" },
		{ "b = 2\n\n= 3\n", "line 3: missing attribute name: \"= 3\"" },
		{ "a b = 3\n", "line 1: missing '=' after attribute name: \"a b = 3\"" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct dir d = dir_make(cases[i].text, NULL);
		_cleanup_(conf_freep) struct conf *c = NULL;
		struct why why = { "" };

		assert_int_equal(conf_load(d.path, NULL, &c, &why), -EINVAL);
		assert_null(c);
		if (strstr(why.text, cases[i].want) == NULL)
			fail_msg("%s: %s", cases[i].text, why.text);
		dir_remove(&d);
	}
}

static void no_file(void **state)
{
	_cleanup_(conf_freep) struct conf *c = NULL;
	struct why why = { "" };

	(void)state;
	assert_int_equal(conf_load("/nonexistent", NULL, &c, &why), -ENOENT);
	assert_string_equal(why.text, "open /nonexistent/main.cf: No such file or directory");
	char *name = calloc(1, 200001);

	assert_non_null(name);
	memset(name, 'x', 200000);
	assert_int_equal(conf_load(name, NULL, &c, &why), -ENAMETOOLONG);
	free(name);
}

static void leading_blank(void **state)
{
	struct dir d = dir_make("  a = 1\nb = 2\n", NULL);
	_cleanup_(conf_freep) struct conf *c = NULL;
	_cleanup_buf_ struct buf said = BUF(BUF_SMALL);
	struct notes n = { collect, &said };

	(void)state;
	assert_int_equal(conf_load(d.path, &n, &c, NULL), 0);
	assert_null(conf_setting(c, "a"));
	assert_non_null(strstr(buf_cstr(&said),
		"logical line must not start with whitespace: \"  a = 1\""));
	dir_remove(&d);
}

static void overrides(void **state)
{
	_cleanup_(conf_freep) struct conf *c = conf_new("/x");
	struct why why = { "" };

	(void)state;
	assert_int_equal(conf_override(c, STR(" a = b c "), &why), 0);
	assert_string_equal(conf_setting(c, "a"), "b c");
	assert_int_equal(conf_override(c, STR("a="), &why), 0);
	assert_string_equal(conf_setting(c, "a"), "");
	assert_int_equal(conf_override(c, STR("a"), &why), -EINVAL);
	assert_int_equal(conf_override(c, STR("=a"), &why), -EINVAL);
	conf_free(NULL);
}

static void unexpanded(void **state)
{
	static const struct {
		const char *name;
		int r;
		const char *want;
	} cases[] = {
		{ "relayhost", 1, "[$mydomain]" },
		{ "config_directory", 1, "/x" },
		{ "smtpd_banner", 1, "$myhostname ESMTP $mail_name" },
		{ "service_name", 1, "amnesiac" },
		{ "mine", 1, "1" },
		{ "nosuch", 0, "" },
	};
	_cleanup_(conf_freep) struct conf *c = conf_new("/x");

	(void)state;
	assert_int_equal(conf_override(c, STR("relayhost=[$mydomain]"), NULL), 0);
	assert_int_equal(conf_override(c, STR("mine=1"), NULL), 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		_cleanup_buf_ struct buf got = BUF(BUF_SMALL);

		if (conf_unexpanded(c, str_of(cases[i].name), &got, NULL) != cases[i].r ||
			strcmp(buf_cstr(&got), cases[i].want) != 0)
			fail_msg("%s: %s", cases[i].name, buf_cstr(&got));
	}
}

static void levels(void **state)
{
	static const struct {
		const char *setting;
		const char *level;
		bool want;
	} cases[] = {
		{ "compatibility_level=0", "1", false },
		{ "compatibility_level=2", "1", true },
		{ "compatibility_level=3.10", "3.9", true },
		{ "compatibility_level=3.6", "3.6", true },
		{ "compatibility_level=3.6", "3.6.1", false },
		{ "compatibility_level=junk", "0", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		_cleanup_(conf_freep) struct conf *c = conf_new("/x");

		assert_int_equal(conf_override(c, str_of(cases[i].setting), NULL), 0);
		if (conf_compat_at_least(c, cases[i].level) != cases[i].want)
			fail_msg("%s, %s", cases[i].setting, cases[i].level);
		assert_int_equal(conf_compat_check(c, NULL),
			strstr(cases[i].setting, "junk") != NULL ? -EINVAL : 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads),
		cmocka_unit_test(refuses),
		cmocka_unit_test(no_file),
		cmocka_unit_test(leading_blank),
		cmocka_unit_test(overrides),
		cmocka_unit_test(unexpanded),
		cmocka_unit_test(levels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
