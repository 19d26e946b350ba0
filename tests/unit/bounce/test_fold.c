/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of reports. */
#include "fold.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static int take(void *ctx, struct str line)
{
	buf_putf(ctx, STR_FMT "|", STR_ARG(line));
	return 0;
}

static int refuse(void *ctx, struct str line)
{
	(void)line;
	(*(int *)ctx)++;
	return -EPIPE;
}

#define X10 "xxxxxxxxxx"
#define X70 X10 X10 X10 X10 X10 X10 X10

static void test_fold(void **state)
{
	static const struct {
		const char *in, *want;
	} cases[] = {
		{ "", "|" },
		{ "a b c", "a b c|" },
		{ X70 " 12345678", X70 " 12345678|" },
		{ X70 " 123456789", X70 "|    123456789|" },
		{ X70 " 1 2345678", X70 " 1|    2345678|" },
		{ X70 X70 " y", X70 X70 "|    y|" },
		{ "a " X70 X70, "a|    " X70 X70 "|" },
		{ X70 " " X70 " 1234 y", X70 "|    " X70 " 1234|    y|" },
		{ " " X70 X10, " " X70 X10 "|" },
		{ X70 " \xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4 z",
			X70 " \xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4|    z|" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf b = BUF(10000);

		assert_int_equal(fold_text(str_of(cases[i].in), take, &b), 0);
		if (!str_eq(buf_str(&b), str_of(cases[i].want)))
			fail_msg("%s: got %s", cases[i].in, buf_cstr(&b));
		buf_done(&b);
	}
}

static void test_error(void **state)
{
	int calls = 0;

	(void)state;
	assert_int_equal(fold_text(STR(X70 " " X70), refuse, &calls), -EPIPE);
	assert_int_equal(calls, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fold),
		cmocka_unit_test(test_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
