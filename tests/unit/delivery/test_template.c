/* SPDX-License-Identifier: Apache-2.0 */
/* Templates of notices. */
#include "delivery/template.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/buf.h"

static char the_note[500];
static unsigned the_notes;

static void take_note(void *ctx, enum note_level level, const char *text)
{
	(void)ctx;
	(void)level;
	(void)snprintf(the_note, sizeof(the_note), "%s", text);
	the_notes++;
}

static const struct notes notes = { take_note, NULL };

static void test_builtin(void **state)
{
	struct templates ts;

	(void)state;
	templates_init(&ts, false);
	assert_string_equal(ts.t[TEMPLATE_FAILURE].from, "Mail Delivery System <MAILER-DAEMON>");
	assert_string_equal(ts.t[TEMPLATE_FAILURE].subject, "Undelivered Mail Returned to Sender");
	assert_string_equal(ts.t[TEMPLATE_DELAY].postmaster_subject,
		"Postmaster Warning: Delayed Mail");
	assert_null(ts.t[TEMPLATE_SUCCESS].postmaster_subject);
	for (size_t i = 0; i < TEMPLATES; i++) {
		assert_false(template_is_8bit(&ts.t[i]));
		assert_non_null(strstr(ts.t[i].body, "$myhostname"));
		assert_int_equal(ts.t[i].body[strlen(ts.t[i].body) - 1], '\n');
	}
	templates_done(&ts);
	templates_init(&ts, true);
	assert_string_equal(ts.t[TEMPLATE_VERIFY].from, "MAILER-DAEMON (Mail Delivery System)");
	templates_done(&ts);
}

static void test_good(void **state)
{
	static const char file[] = "# a comment\n\n"
				   "failure_template = <<EOF\n"
				   "charset: utf-8\n"
				   "FROM: Us <us>\n"
				   "Subject: No\n"
				   "Postmaster-Subject: Copy: No\n"
				   "\n\n"
				   "  Gr\xc3\xbc\xc3\x9f"
				   "e $myhostname\n"
				   "EOF here\n"
				   "\n"
				   "last\n"
				   "EOF\n"
				   "success_template = <<END\n"
				   "\n"
				   "only text\n"
				   "END\n";
	struct templates ts;

	(void)state;
	the_notes = 0;
	templates_init(&ts, false);
	templates_parse(&ts, str_of(file), "f", &notes);
	assert_int_equal(the_notes, 0);
	assert_string_equal(ts.t[0].charset, "utf-8");
	assert_true(template_is_8bit(&ts.t[0]));
	assert_string_equal(ts.t[0].from, "Us <us>");
	assert_string_equal(ts.t[0].subject, "No");
	assert_string_equal(ts.t[0].postmaster_subject, "Copy: No");
	assert_string_equal(ts.t[0].body, "  Gr\xc3\xbc\xc3\x9f"
					  "e $myhostname\nEOF here\n\nlast\n");
	assert_string_equal(ts.t[TEMPLATE_SUCCESS].body, "only text\n");
	assert_string_equal(ts.t[TEMPLATE_SUCCESS].subject, "Successful Mail Delivery Report");
	assert_string_equal(ts.t[TEMPLATE_DELAY].subject, "Delayed Mail (still being retried)");
	templates_done(&ts);
}

/* A mistake leaves the built-in template in place, with a note. */
static void test_bad(void **state)
{
	static const struct {
		const char *file, *note;
	} cases[] = {
		{ "failure_template = <<E\nSubject: x\nNo-Such: y\n\ntext\nE\n",
			"f: failure_template: unknown or unexpected header: ignoring this template: No-Such: y" },
		{ "failure_template = <<E\nSubject:\n\ntext\nE\n",
			"f: failure_template: empty header value: ignoring this template: Subject:" },
		{ "failure_template = <<E\nSubject: x\nE\n",
			"f: failure_template: no message text: ignoring this template: Subject: x" },
		{ "failure_template = <<E\nSubject: x\n\n\xc3\xa4\nE\n", NULL },
		{ "failure_template = <<E\nSubject: \xc3\xa4\n\ntext\nE\n", NULL },
		{ "failure_template = <<E\nno colon\n\ntext\nE\n", NULL },
		{ "failure_template = <<E\nSubject: x\n\ntext\n",
			"f: no end of the text of failure_template" },
		{ "failure_template = <<'E'\nSubject: x\n\ntext\n'E'\n", NULL },
		{ "nonsense\n", "f: missing '=' in \"nonsense\"" },
		{ "other_template = <<E\n\ntext\nE\n", "f: unknown template name: other_template" },
		{ "success_template = <<E\nPostmaster-Subject: x\n\ntext\nE\n", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct templates ts;

		the_notes = 0;
		templates_init(&ts, false);
		templates_parse(&ts, str_of(cases[i].file), "f", &notes);
		if (the_notes != 1 ||
			(cases[i].note != NULL && strcmp(the_note, cases[i].note) != 0) ||
			strcmp(ts.t[0].subject, "Undelivered Mail Returned to Sender") != 0)
			fail_msg("%s: %u %s", cases[i].file, the_notes, the_note);
		templates_done(&ts);
	}
}

static void test_expand(void **state)
{
	static const struct {
		const char *in, *want;
	} cases[] = {
		{ "a $myhostname b", "a h.test b" },
		{ "${mydomain}x$(mydomain)", "d.testxd.test" },
		{ "$delay_warning_time_seconds ${delay_warning_time_hours}", "7200 2" },
		{ "$maximal_queue_lifetime_days $maximal_queue_lifetime_weeks", "5 0" },
		{ "$delay_warning_time_minutes.", "120." },
		{ "$other ${other} $$myhostname $", "$other ${other} $$myhostname $" },
		{ "$delay_warning_time_years ${myhostname",
			"$delay_warning_time_years ${myhostname" },
		{ "", "" },
	};
	struct template_values v = { 7200 * USEC_PER_SEC, 5 * 86400 * USEC_PER_SEC, STR("h.test"),
		STR("d.test") };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct template t = { .body = strdup(cases[i].in) };
		struct buf b = BUF(1000);

		template_expand(&b, &t, &v);
		if (!str_eq(buf_str(&b), str_of(cases[i].want)))
			fail_msg("%s: got %s", cases[i].in, buf_cstr(&b));
		buf_done(&b);
		free(t.body);
	}
}

/* What is written is read as the same. */
static void test_dump(void **state)
{
	struct templates ts, again;
	struct buf b = BUF(BUF_SMALL), c = BUF(BUF_SMALL);

	(void)state;
	the_notes = 0;
	templates_init(&ts, true);
	templates_init(&again, false);
	templates_dump(&b, &ts);
	templates_parse(&again, buf_str(&b), "f", &notes);
	templates_dump(&c, &again);
	assert_string_equal(buf_cstr(&b), buf_cstr(&c));
	assert_int_equal(the_notes, 0);
	assert_string_equal(template_name(TEMPLATE_VERIFY), "verify_template");
	templates_done(&ts);
	templates_done(&again);
	buf_done(&b);
	buf_done(&c);
}

static void test_missing_file(void **state)
{
	struct templates ts;
	struct why why;

	(void)state;
	templates_init(&ts, false);
	assert_int_equal(templates_load(&ts, "/nonexistent/x", &notes, &why), -ENOENT);
	templates_done(&ts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_builtin),
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_expand),
		cmocka_unit_test(test_dump),
		cmocka_unit_test(test_missing_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
