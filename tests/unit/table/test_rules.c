/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of table/rules.c: what Debian's postmap says about the same file, word for word.
 */
#include "table/rules.h"

#include "table_test.h"

static const char rules_file[] = "/^a(.)c/ got $1 ${1} $(1) $$ end\n"
				 "!/^x|^if|^z/ neg\n"
				 "/foo/q bad flag\n"
				 "/foo\n"
				 "/(unclosed/ x\n"
				 "/nores/\n"
				 "/two/ $2\n"
				 "!/neg(.)/ has $1\n"
				 "foo bar\n"
				 "if /^if(.*)/\n"
				 "/inside/ ins\n"
				 "  /cont/ x\n"
				 "endif garbage\n"
				 "if /^z/ text\n"
				 "if !/zz/\n"
				 "/^z1/ one\n"
				 "endif\n"
				 "/z/ any\n"
				 "endif\n"
				 "endif\n"
				 "if !/neg/\n"
				 "/^xu/ unterminated\n";

struct type_words {
	const char *type;
	const char *remarks[14];
};

static const struct type_words words[] = {
	{ "regexp",
		{ "line 3: unknown regexp option \"q\": skipping this rule",
			"line 4: no closing regexp delimiter \"/\": skipping this rule",
			"line 5: Unmatched ( or \\(",
			"line 6: no replacement text: using empty string",
			"line 7: out of range replacement index \"2\": skipping this rule",
			"line 8: $number found in negative match replacement text: skipping this "
			"rule",
			"line 9: ignoring unrecognized request",
			"line 13: ignoring extra text after ENDIF",
			"line 14: ignoring extra text after IF statement: \"text\"",
			"line 14: do not prepend whitespace to statements between IF and ENDIF",
			"line 20: ignoring ENDIF without matching IF",
			"line 21: IF has no matching ENDIF" } },
	{ "pcre", { "line 3: unknown regexp option \"q\": skipping this rule",
			  "line 4: no closing regexp delimiter \"/\": ignoring this rule",
			  "line 5: error in regex at offset 9: missing closing parenthesis",
			  "line 6: no replacement text: using empty string",
			  "line 7: out of range replacement index \"2\": skipping this rule",
			  "line 20: ignoring ENDIF without matching IF",
			  "line 21: IF has no matching ENDIF" } },
};

static void test_files(void **state)
{
	(void)state;
	tt_file("rules-test", rules_file);
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		char spec[64], text[256];

		(void)snprintf(spec, sizeof(spec), "%s:rules-test", words[i].type);
		tt_reset();

		const struct tt_row rows[] = {
			{ spec, 0, "abc", LOOKUP_FOUND, "got b b b $ end" },
			{ spec, 0, "Case", LOOKUP_FOUND, "neg" },
			{ spec, 0, "ifinside", LOOKUP_FOUND, "ins  /cont/ x" },
			{ spec, 0, "ifelse", LOOKUP_NONE, NULL },
			{ spec, 0, "z1", LOOKUP_FOUND, "one" },
			{ spec, 0, "z1zz", LOOKUP_FOUND, "any" },
			{ spec, 0, "xu", LOOKUP_FOUND, "unterminated" },
			{ spec, 0, "xunores", LOOKUP_TEMPFAIL, "empty string" },
		};

		tt_run(rows, ARRAY_LEN(rows));
		for (size_t k = 0; words[i].remarks[k] != NULL; k++) {
			(void)snprintf(text, sizeof(text), "%s map rules-test, %s", words[i].type,
				words[i].remarks[k]);
			tt_expect_note(text);
		}
	}
	(void)unlink("rules-test");
}

static void test_replacement(void **state)
{
	static const char *const remarks[] = {
		"regexp map rules-test, line 1: non-numeric replacement index \"1x\"",
		"regexp map rules-test, line 1: bad replacement syntax: skipping this rule",
		"regexp map rules-test, line 2: out-of-range replacement index \"0\"",
		"empty macro name: \"$\"",
		"truncated macro reference: \"${1\"",
		"truncated macro reference: \"$(1}\"",
		"empty macro name: \"a$-b\"",
		"regexp map rules-test, line 6: bad replacement syntax: skipping this rule",
	};

	(void)state;
	tt_file("rules-test", "/x/ $1x ${y} $z\n/y/ $0\n/w/ $\n/v/ ${1\n/(u)/ $(1}\n/t/ a$-b\n");
	tt_reset();
	table_unref(table_open(&tt_settings, STR("regexp:rules-test"), 0));
	for (size_t i = 0; i < ARRAY_LEN(remarks); i++)
		tt_expect_note(remarks[i]);
	(void)unlink("rules-test");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_replacement),
	};
	int r = cmocka_run_group_tests(tests, NULL, NULL);

	buf_done(&tt_notes);
	return r;
}
