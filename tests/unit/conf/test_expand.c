/* SPDX-License-Identifier: Apache-2.0 */
/*
 * $name in all its forms. The expected texts were tried with Debian's postconf.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "conf/conf.h"

static struct conf *make(void)
{
	static const char *const settings[] = { "a=1", "b=", "c=$b", "d = $a$a", "loop=$loop",
		"ping=$pong", "pong=${ping}", "compatibility_level=3.6",
		"dom=b\xc3\xbc"
		"cher.de" };
	struct conf *c = conf_new("/nonexistent");
	struct why why = { "" };

	for (size_t i = 0; i < ARRAY_LEN(settings); i++)
		assert_int_equal(conf_override(c, str_of(settings[i]), &why), 0);
	return c;
}

static void good(void **state)
{
	static const struct {
		const char *text;
		const char *want;
	} cases[] = {
		{ "", "" },
		{ "plain", "plain" },
		{ "$a ${a} $(a)", "1 1 1" },
		{ "$a.b$d", "1.b11" },
		{ "$$a", "$a" },
		{ "$nosuch y", " y" },
		{ "x ${ a }", "x 1" },
		{ "$(a)b)", "1b)" },
		{ "${a}{x}", "1{x}" },
		{ "a{b", "a{b" },
		/* conditions on names */
		{ "${a? y }z", " y z" },
		{ "-${b: n }z", "- n z" },
		{ "${a?{ y }}z", " y z" },
		{ "${nosuch?{1}:{ 2 }}", " 2 " },
		{ "${nosuch:{ 3 }}", " 3 " },
		{ "${a:}${a?}", "" },
		{ "$(a?qq)", "qq" },
		{ "${a?${a}}", "1" },
		{ "${a?y:n}", "y:n" },
		{ "${a?{y}:n}", "y" },
		{ "${b?{y}:n}", "n" },
		{ "${c?{y}:{n}}", "y" }, /* the unexpanded text counts */
		{ "${nosuch:n}", "n" },
		{ "${a ?{y}}", "y" },
		{ "${a? {y} : {n} }", "y" },
		{ "$(a?{y}:{n})", "y" },
		{ "${a?{x{q}y}}", "x{q}y" },
		{ "$(a?(b))", "(b)" },
		{ "${a?)}", ")" },
		{ "${a?x}}", "x}" },
		/* comparisons */
		{ "${{1}<{2}?{y}:{n}}", "y" },
		{ "${{10}<{9}?{y}:{n}}", "n" },
		{ "${{10a}<{9a}?{y}:{n}}", "y" },
		{ "${{01}=={1}?{y}:{n}}", "y" },
		{ "${{ 1 }=={01}?{y}:{n}}", "n" },
		{ "${{99999999999999999999}<{100000000000000000000}?{y}:{n}}", "y" },
		{ "${{a} == {$a} ? {y} }|", "|" },
		{ "${{a} < {B}?{y}:{n}}", "n" },
		{ "${{} == {}?{y}:{n}}", "y" },
		{ "${{1}!={2}?{y}}${{1}<={1}?{y}}${{2}>={1}?{y}}${{2}>{1}?{y}}", "yyyy" },
		{ "${{1}=={1}}|${{1}=={2}}|", "true||" },
		{ "${{1}=={1}?y:n}", "y:n" },
		{ "${{1}=={1}:{n}}|${{1}=={2}:{n}}", "|n" },
		{ "${{$a}=={1}?{${a}}:{}}", "1" },
		/* levels */
		{ "${{3.10} <level {3.9}?{y}:{n}}", "n" },
		{ "${{$compatibility_level} <level {3.6} ? {md5} : {sha256}}", "sha256" },
		{ "${{$compatibility_level} <level {3.11} ? {} : {may}}|", "|" },
		{ "${{3.1.2} >=level {3.1.1}?{y}:{n}}", "y" },
		{ "${{1}!=level{2}?{y}:{n}}", "y" },
		{ "${{1}==level{1}?{y}:{n}}${{1}<=level{1}?{y}:{n}}${{1}>level{1}?{y}:{n}}",
			"yyn" },
		/* functions */
		{ "${domain_to_ascii{$dom}} ${domain_to_ascii{ex.com}}",
			"xn--bcher-kva.de ex.com" },
	};
	_cleanup_(conf_freep) struct conf *c = make();

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		_cleanup_buf_ struct buf got = BUF(1000);
		struct why why = { "" };
		int r = conf_expand_text(c, str_of(cases[i].text), &got, &why);

		if (r != 0 || strcmp(buf_cstr(&got), cases[i].want) != 0)
			fail_msg("%s: %d \"%s\" %s", cases[i].text, r, buf_cstr(&got), why.text);
	}
}

static void bad(void **state)
{
	static const struct {
		const char *text;
		const char *want;
	} cases[] = {
		{ "$", "empty macro name: \"$\"" },
		{ "x$.a", "empty macro name: \"$.a\"" },
		{ "${}", "empty macro name: \"${}\"" },
		{ "${a", "truncated macro reference: \"${a\"" },
		{ "$(a", "truncated macro reference: \"$(a\"" },
		{ "${a?{y}", "truncated macro reference: \"${a?{y}\"" },
		{ "${a?{y}x:{n}}", "\":\" expected at: \"...a?{y}>>>x:{n}\"" },
		{ "${a?{b}{c}}", "\":\" expected at: \"...a?{b}>>>{c}\"" },
		{ "${a:{x}:{y}}", "unexpected input at: \"...a:{x}>>>:{y}\"" },
		{ "${a b}", "attribute name syntax error at: \"...a >>>b\"" },
		{ "${-a}", "attribute name syntax error at: \"...>>>-a\"" },
		{ "${a!{1}}", "attribute name syntax error at: \"...a>>>!{1}\"" },
		{ "${{1}?{y}:{n}}",
			"\"==\" or \"!=\" or \"<\" or \"<=\" or \">=\" or \">\" expected at: "
			"\"...{1}>>>?{y}:{n}\"" },
		{ "${{1}=={2}x}", "\"?\" or \":\" expected at: \"...{1}=={2}>>>x\"" },
		{ "${{1}==2}", "\"{\" expected at: \"...{1}==>>>2\"" },
		{ "${{x} <level {3.9}?{y}}", "malformed compatibility level syntax: \"x\"" },
		{ "${{3} <level {3.}?{y}}", "malformed compatibility level syntax: \"3.\"" },
		{ "${nofunction{x}}", "unknown macro function: \"nofunction\"" },
		{ "$loop", "unreasonable macro call nesting: " },
		{ "$ping", "unreasonable macro call nesting: " },
	};
	_cleanup_(conf_freep) struct conf *c = make();

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		_cleanup_buf_ struct buf got = BUF(1000);
		struct why why = { "" };
		int r = conf_expand_text(c, str_of(cases[i].text), &got, &why);

		if (r != -EINVAL || strncmp(why.text, cases[i].want, strlen(cases[i].want)) != 0 ||
			got.len != 0)
			fail_msg("%s: %d %s", cases[i].text, r, why.text);
	}
}

/** 90 levels of values in values are fine, and braces end before the stack does. */
static void depth(void **state)
{
	_cleanup_(conf_freep) struct conf *c = conf_new("/nonexistent");
	_cleanup_buf_ struct buf text = BUF(BUF_MEDIUM);
	_cleanup_buf_ struct buf got = BUF(BUF_MEDIUM);
	struct why why = { "" };

	(void)state;
	assert_int_equal(conf_override(c, STR("v0=end"), &why), 0);
	for (int i = 1; i <= 120; i++) {
		buf_clear(&text);
		buf_putf(&text, "v%d=$v%d", i, i - 1);
		assert_int_equal(conf_override(c, buf_str(&text), &why), 0);
	}
	assert_int_equal(conf_expand(c, "v90", &got, &why), 0);
	assert_string_equal(buf_cstr(&got), "end");
	assert_int_equal(conf_expand(c, "v120", &got, &why), -EINVAL);
	assert_string_equal(buf_cstr(&got), "end");
	buf_clear(&text);
	for (int i = 0; i < 100000; i++)
		buf_puts(&text, "${v0?{");
	for (int i = 0; i < 100000; i++)
		buf_puts(&text, "}}");
	assert_int_equal(conf_expand_text(c, buf_str(&text), &got, &why), -EINVAL);
}

/** A text that doubles at each level stops at the buffer's limit. */
static void bounded(void **state)
{
	_cleanup_(conf_freep) struct conf *c = conf_new("/nonexistent");
	_cleanup_buf_ struct buf text = BUF(BUF_SMALL);
	_cleanup_buf_ struct buf got = BUF(BUF_SMALL);
	struct why why = { "" };

	(void)state;
	assert_int_equal(conf_override(c, STR("v0=xxxxxxxxxxxxxxxx"), &why), 0);
	for (int i = 1; i <= 40; i++) {
		buf_clear(&text);
		buf_putf(&text, "v%d=$v%d$v%d", i, i - 1, i - 1);
		assert_int_equal(conf_override(c, buf_str(&text), &why), 0);
	}
	assert_int_equal(conf_expand(c, "v13", &got, &why), -EINVAL);
	assert_string_equal(why.text, "the expanded text is too long");
	assert_int_equal(got.len, 0);
	assert_int_equal(conf_expand(c, "v12", &got, &why), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good),
		cmocka_unit_test(bad),
		cmocka_unit_test(depth),
		cmocka_unit_test(bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
