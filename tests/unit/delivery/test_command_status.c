/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of delivery/command_status.c: texts and codes are those that Postfix logs.
 */
#include "delivery/command_status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct verdict_case {
	enum command_end end;
	int code;
	const char *output;
	const char *status;
	const char *reason;
	const char *dtext;
} cases[] = {
	{ COMMAND_EXITED, 1, "", "5.3.0", "Command died with status 1: \"/c\"",
		"unknown mail system error 1" },
	{ COMMAND_EXITED, 63, "", "5.3.0", "Command died with status 63: \"/c\"",
		"unknown mail system error 63" },
	{ COMMAND_EXITED, 64, "", "5.3.0", "command line usage error", "command line usage error" },
	{ COMMAND_EXITED, 65, "", "5.6.0", "data format error", "data format error" },
	{ COMMAND_EXITED, 66, "", "5.3.0", "cannot open input", "cannot open input" },
	{ COMMAND_EXITED, 67, "", "5.1.1", "user unknown", "user unknown" },
	{ COMMAND_EXITED, 68, "", "5.1.2", "host name unknown", "host name unknown" },
	{ COMMAND_EXITED, 69, "", "5.3.0", "service unavailable", "service unavailable" },
	{ COMMAND_EXITED, 70, "", "5.3.0", "internal software error", "internal software error" },
	{ COMMAND_EXITED, 71, "", "4.3.0", "system resource problem", "system resource problem" },
	{ COMMAND_EXITED, 72, "", "5.3.0", "critical OS file missing", "critical OS file missing" },
	{ COMMAND_EXITED, 73, "", "5.2.0", "can't create user output file",
		"can't create user output file" },
	{ COMMAND_EXITED, 74, "", "5.3.0", "input/output error", "input/output error" },
	{ COMMAND_EXITED, 75, "", "4.3.0", "temporary failure", "temporary failure" },
	{ COMMAND_EXITED, 76, "", "5.5.0", "remote error in protocol", "remote error in protocol" },
	{ COMMAND_EXITED, 77, "", "5.7.0", "permission denied", "permission denied" },
	{ COMMAND_EXITED, 78, "", "5.3.5", "local configuration error",
		"local configuration error" },
	{ COMMAND_EXITED, 79, "", "5.3.0", "Command died with status 79: \"/c\"",
		"unknown mail system error 79" },
	{ COMMAND_EXITED, 255, "x ", "5.3.0",
		"Command died with status 255: \"/c\". Command output: x ", "x " },
	{ COMMAND_EXITED, 67, "a b ", "5.1.1", "user unknown. Command output: a b ", "a b " },
	{ COMMAND_EXITED, 75, "5.1.1 text here ", "5.1.1", "text here ", "text here " },
	{ COMMAND_EXITED, 67, "4.2.2   text", "4.2.2", "text", "text" },
	{ COMMAND_EXITED, 67, "2.2.2 text", "2.2.2", "text", "text" },
	{ COMMAND_EXITED, 67, "4.2.2", "4.2.2", "", "" },
	{ COMMAND_EXITED, 69, " 4.2.2 x", "5.3.0", "service unavailable. Command output:  4.2.2 x",
		" 4.2.2 x" },
	{ COMMAND_EXITED, 69, "4.2.2x", "5.3.0", "service unavailable. Command output: 4.2.2x",
		"4.2.2x" },
	{ COMMAND_EXITED, 69, "5.1.1000 x", "5.3.0",
		"service unavailable. Command output: 5.1.1000 x", "5.1.1000 x" },
	{ COMMAND_EXITED, 69, "3.1.1 x", "5.3.0", "service unavailable. Command output: 3.1.1 x",
		"3.1.1 x" },
	{ COMMAND_EXITED, 69, "550 5.1.1 x", "5.3.0",
		"service unavailable. Command output: 550 5.1.1 x", "550 5.1.1 x" },
	{ COMMAND_SIGNALED, 9, "", "4.3.0", "Command died with signal 9: \"/c\"",
		"internal software error" },
	{ COMMAND_SIGNALED, 15, "5.7.1 bye ", "4.3.0",
		"Command died with signal 15: \"/c\". Command output: 5.7.1 bye ", "5.7.1 bye " },
	{ COMMAND_TIMEOUT, 0, "", "5.3.0", "Command time limit exceeded: \"/c\"",
		"internal software error" },
	{ COMMAND_TIMEOUT, 0, "5.5.5 early ", "5.3.0",
		"Command time limit exceeded: \"/c\". Command output: 5.5.5 early ",
		"5.5.5 early " },
};

static void same(size_t i, struct str got, const char *want)
{
	if (!str_eq(got, str_of(want)))
		fail_msg("case %zu: got \"" STR_FMT "\", want \"%s\"", i, STR_ARG(got), want);
}

static void test_verdict(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		_cleanup_arena_ struct arena *a = arena_new(0);
		struct command_result r = { .end = cases[i].end, .code = cases[i].code };
		struct dsn d;

		command_verdict(&r, "/c", str_of(cases[i].output), a, &d);
		same(i, d.status, cases[i].status);
		same(i, d.reason, cases[i].reason);
		same(i, d.dtext, cases[i].dtext);
		same(i, d.dtype, "x-unix");
	}
}

static void test_not_run(void **state)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	struct dsn d;

	(void)state;
	command_not_run(STR_EMPTY, a, &d);
	same(0, d.status, "4.3.0");
	same(0, d.reason, "temporary failure");
	same(0, d.dtext, "temporary failure");
	command_not_run(STR("pipe: fatal: x "), a, &d);
	same(1, d.reason, "temporary failure. Command output: pipe: fatal: x ");
	same(1, d.dtext, "pipe: fatal: x ");
}

static const struct text_case {
	const char *in;
	size_t len;
	bool utf8;
	const char *out;
} texts[] = {
	{ "", 0, true, "" },
	{ "a\nb\n", 4, true, "a b " },
	{ "a\vb\fc\rd\te\033[m\x7f", 13, true, "a_b_c_d e_[m_" },
	{ "a\0b", 3, true, "a" },
	{ "h\303\274h", 4, true, "h\303\274h" },
	{ "h\303\274h", 4, false, "h__h" },
	{ "\303", 1, true, "_" },
	{ "\377x\303", 3, true, "_x_" },
	{ "\360\237\230\200\360\237", 6, true, "\360\237\230\200__" },
};

static void test_text(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		_cleanup_buf_ struct buf b = BUF(BUF_SMALL);

		command_output_text(&b, str_from(texts[i].in, texts[i].len), texts[i].utf8);
		same(i, buf_str(&b), texts[i].out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_verdict),
		cmocka_unit_test(test_not_run),
		cmocka_unit_test(test_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
