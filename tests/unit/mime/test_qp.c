/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of mime/qp.c.
 */
#include "mime/qp.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static int collect(void *ctx, struct str line)
{
	assert_true(line.len <= 76);
	buf_put(ctx, line);
	buf_putc(ctx, '\n');
	return 0;
}

static void test_lines(void **state)
{
	static const struct {
		const char *in;
		const char *out;
	} cases[] = {
		{ "", "\n" },
		{ "plain\ttext ~", "plain\ttext ~\n" },
		{ "a=b\001\177\377", "a=3Db=01=7F=FF\n" },
		{ "end ", "end=20\n" },
		{ "end\t", "end=09\n" },
		{ "end \r", "end =0D\n" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		_cleanup_buf_ struct buf b = BUF(BUF_SMALL);
		struct qp_encoder q;

		qp_init(&q, collect, &b);
		assert_int_equal(qp_encode(&q, str_of(cases[i].in), false), 0);
		if (!str_eq(buf_str(&b), str_of(cases[i].out)))
			fail_msg("\"%s\": %s", cases[i].in, buf_cstr(&b));
		qp_done(&q);
	}
}

static void test_soft_breaks(void **state)
{
	(void)state;
	for (size_t n = 70; n < 240; n++) {
		for (int c = 0; c < 2; c++) {
			_cleanup_buf_ struct buf in = BUF(BUF_SMALL);
			_cleanup_buf_ struct buf b = BUF(BUF_SMALL);
			struct qp_encoder q;
			size_t lines = 0;

			for (size_t i = 0; i < n; i++)
				buf_putc(&in, c == 0 ? 'x' : '=');
			qp_init(&q, collect, &b);
			assert_int_equal(qp_encode(&q, str_head(buf_str(&in), n / 2), true), 0);
			assert_int_equal(qp_encode(&q, str_skip(buf_str(&in), n / 2), false), 0);
			for (size_t i = 0; i < b.len; i++)
				lines += b.ptr[i] == '\n';
			if (b.len != n * (c == 0 ? 1 : 3) + (lines - 1) + lines)
				fail_msg("%zu of kind %d", n, c);
			qp_done(&q);
		}
	}
}

static void test_word(void **state)
{
	_cleanup_buf_ struct buf b = BUF(30);

	(void)state;
	assert_int_equal(qp_encode_word(&b, str_from("J\303\266 a_?\0", 8)), 0);
	assert_string_equal(buf_cstr(&b), "J=C3=B6_a=5F=3F=00");
	while (qp_encode_word(&b, STR("x")) == 0)
		assert_true(b.len <= 30);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_soft_breaks),
		cmocka_unit_test(test_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
