/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of intake/checks.c: actions of header and body checks.
 */
#include "rig.h"

#define ORIGIN "A log_message_origin=cl[1.2.3.4]\nA log_protocol_name=ESMTP\nA log_helo_name=he\n"
#define HEAD   RIG_ENV ORIGIN RIG_RCPT "M\nN Received: x\n"
#define FROM   " from cl[1.2.3.4]; from=<s@example.test> to=<r@example.test> proto=ESMTP helo=<he>"
#define CHECKS                                                                                                                 \
	"regexp:{ {/^X: w$/ WARN} {/^X: wt$/ warn  text} {/^X: i$/ INFO t} {/^X: f$/ FILTER a:b} {/^X: f1$/ FILTER a}"         \
	" {/^X: rd$/ REDIRECT a@b} {/^X: rd2$/ REDIRECT c@d} {/^X: rd3$/ REDIRECT q} {/^X: bcc$/ BCC b@c} {/^X: h$/ HOLD t}"   \
	" {/^X: d$/ DISCARD t} {/^X: p$/ PASS t} {/^X: pre$/ PREPEND A: b} {/^X: pre2$/ PREPEND} {/^X: rep$/ REPLACE To: me}"  \
	" {/^X: rep2$/ REPLACE me} {/^X: s$/ STRIP t} {/^X: ig$/ IGNORE} {/^X: ok$/ OK} {/^X: du$/ DUNNO} {/^X: no$/ FOO bar}" \
	" {/^X: rj$/ REJECT} {/^X: rj5$/ REJECT 5.7.9 no way} {/^X: rj4$/ REJECT 4.7.9 later} {/^X: rj2$/ REJECT 2.0.0 x}"     \
	" {/^X: rje$/ REJECT 5.7.9} {/^pb$/ PREPEND text} {/^rb$/ REPLACE text} {/^sb$/ STRIP} {/^rjb$/ REJECT 4.1.1 body} }"

static void test_actions(void **state)
{
	static const struct rig_case cases[] = {
		{ HEAD "N X: w\n" RIG_TAIL, "N X: w\n", "QID: warning: header X: w" FROM "\n", 0,
			NULL },
		{ HEAD "N X: wt\n" RIG_TAIL, NULL, "QID: warning: header X: wt" FROM ": text\n", 0,
			NULL },
		{ HEAD "N X: i\n" RIG_TAIL, NULL, "QID: info: header X: i" FROM ": t\n", 0, NULL },
		{ HEAD "N X: f\n" RIG_TAIL, "X\nL a:b\nA message_id",
			"filter: header X: f" FROM ": a:b\n", 0, NULL },
		{ HEAD "N X: f1\n" RIG_TAIL, NULL,
			"warning: bad FILTER command a in header_checks -- need transport:destination\n",
			0, NULL },
		{ HEAD "N X: rd\nN X: rd2\nN X: f\n" RIG_TAIL, "X\n> a@b\nA message_id",
			"redirect: header X: rd" FROM ": a@b\n", 0, NULL },
		{ HEAD "N X: rd3\n" RIG_TAIL, NULL,
			"bad REDIRECT target \"q\" in header_checks map -- need user@domain", 0,
			NULL },
		{ HEAD "N X: bcc\nN X: bcc\n" RIG_TAIL, "A notify_flags=1\nO b@c\nR b@c\nE\n",
			"bcc: header X: bcc" FROM ": b@c\n", 0, NULL },
		{ HEAD "N X: p\nN X: rj\n" RIG_TAIL, "N X: p\nN X: rj\n",
			"pass: header X: p" FROM ": t\n", 0, NULL },
		{ HEAD "N X: pre\n" RIG_TAIL, "N A: b\nN X: pre\n",
			"prepend: header X: pre" FROM ": A: b\n", 0, NULL },
		{ HEAD "N X: pre2\n" RIG_TAIL, NULL,
			"warning: PREPEND action without text in header_checks map\n", 0, NULL },
		{ HEAD "N X: rep\n" RIG_TAIL, "N Received: x\nN To: me@example.test\nN Message-Id",
			"replace: header X: rep" FROM ": To: me\n", 0, NULL },
		{ HEAD "N X: rep2\n" RIG_TAIL, "N X: rep2\n",
			"bad REPLACE header text \"me\" in header_checks map -- need \"headername: headervalue\"",
			0, NULL },
		{ HEAD "N X: s\n" RIG_TAIL, "N Received: x\nN Message-Id",
			"strip: header X: s" FROM ": t\n", 0, NULL },
		{ HEAD "N X: ig\nN X: ok\nN X: du\n" RIG_TAIL, "N Received: x\nN X: ok\nN X: du\n",
			NULL, 0, NULL },
		{ HEAD "N X: no\n" RIG_TAIL, "N X: no\n",
			"warning: unknown command in header_checks map: FOO bar\n", 0, NULL },
		{ HEAD "N \nN pb\nN rb\nN sb\nN z\n" RIG_TAIL, "N\nN text\nN pb\nN text\nN z\nX\n",
			"prepend: body pb" FROM ": text\n", 0, NULL },
	};
	struct intake_settings s = rig_settings();

	(void)state;
	s.header_checks = CHECKS;
	s.body_checks = CHECKS;
	rig_check(&s, INTAKE_INTERNAL | INTAKE_FILTER, cases, ARRAY_LEN(cases));
}

static void test_reject(void **state)
{
	static const struct rig_case cases[] = {
		{ HEAD "N X: rj\nN X: w\n" RIG_TAIL, NULL,
			"QID: reject: header X: rj" FROM ": 5.7.1 message content rejected\n", 8,
			"5.7.1 message content rejected" },
		{ HEAD "N X: rj5\n" RIG_TAIL, NULL, FROM ": 5.7.9 no way\n", 8, "5.7.9 no way" },
		{ HEAD "N X: rje\n" RIG_TAIL, NULL, NULL, 8, "5.7.9 message content rejected" },
		{ HEAD "N X: rj4\n" RIG_TAIL, NULL, FROM ": 4.7.9 later\n", 256, "4.7.9 later" },
		{ HEAD "N X: rj2\n" RIG_TAIL, NULL,
			"bad DSN action in header_checks -- need 4.x.x or 5.x.x", 256, "4.0.0 x" },
		{ HEAD "N \nN rjb\n" RIG_TAIL, NULL, "QID: reject: body rjb" FROM ": 4.1.1 body\n",
			256, "4.1.1 body" },
	};
	struct intake_settings s = rig_settings();

	(void)state;
	s.header_checks = CHECKS;
	s.body_checks = CHECKS;
	rig_check(&s, INTAKE_INTERNAL | INTAKE_FILTER, cases, ARRAY_LEN(cases));
}

static void test_off(void **state)
{
	static const struct rig_case cases[] = {
		{ HEAD "N X: rj\n" RIG_TAIL, "N X: rj\n", NULL, 0, NULL },
	};
	struct intake_settings s = rig_settings();

	(void)state;
	s.header_checks = CHECKS;
	rig_check(&s, INTAKE_INTERNAL, cases, ARRAY_LEN(cases));
}

static void test_failure(void **state)
{
	static const struct rig_case cases[] = {
		{ HEAD "N X: rj\n" RIG_TAIL, NULL,
			"QID: header_checks map lookup problem -- message not accepted, try again later",
			2, NULL },
	};
	struct intake_settings s = rig_settings();

	(void)state;
	s.header_checks = "fail:x";
	rig_check(&s, INTAKE_INTERNAL | INTAKE_FILTER, cases, ARRAY_LEN(cases));
}

static void test_queue(void **state)
{
	static const struct {
		const char *script;
		const char *queue;
		const char *log;
	} cases[] = {
		{ HEAD "N X: h\nN X: h\n" RIG_TAIL, "hold", "hold: header X: h" FROM ": t\n" },
		{ HEAD "N X: d\nN X: rj\n" RIG_TAIL, "", "QID: removed (discarded)" },
	};
	struct intake_settings s = rig_settings();

	(void)state;
	s.header_checks = CHECKS;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct rig_result r;

		rig_run(&s, INTAKE_INTERNAL | INTAKE_FILTER, cases[i].script, &r);
		assert_int_equal(r.status, 0);
		assert_string_equal(r.queue, cases[i].queue);
		assert_true(str_find(buf_str(&rig_log), str_of(cases[i].log)) >= 0);
		buf_done(&r.file);
	}
	buf_done(&rig_log);
}

RIG_MAIN(cmocka_unit_test(test_actions), cmocka_unit_test(test_reject), cmocka_unit_test(test_off),
	cmocka_unit_test(test_failure), cmocka_unit_test(test_queue));
