/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of base/encode.c: known pairs, refusals, limits.
 */
#include "base/encode.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

typedef int (*codec_fn)(struct buf *b, struct str s);

struct pair {
	codec_fn fn;
	struct str in;
	int want;
	struct str out;
};

static void check_pair(const struct pair *p, size_t number)
{
	_cleanup_buf_ struct buf b = BUF(BUF_SMALL);
	int r;

	buf_puts(&b, "<");
	r = p->fn(&b, p->in);
	if (r != p->want || !str_eq(str_skip(buf_str(&b), 1), p->out))
		fail_msg("case %zu (%.*s): %d \"%s\"", number, STR_ARG(p->in), r, buf_cstr(&b));
}

static void test_pairs(void **state)
{
	static const struct pair pairs[] = {
		{ base64_encode, { "", 0 }, 0, { "", 0 } },
		{ base64_encode, { "f", 1 }, 0, { "Zg==", 4 } },
		{ base64_encode, { "fo", 2 }, 0, { "Zm8=", 4 } },
		{ base64_encode, { "foo", 3 }, 0, { "Zm9v", 4 } },
		{ base64_encode, { "\xff\xfe\xfd\0", 4 }, 0, { "//79AA==", 8 } },
		{ base64_decode, { "", 0 }, 0, { "", 0 } },
		{ base64_decode, { "Zg==", 4 }, 0, { "f", 1 } },
		{ base64_decode, { "Zm8=", 4 }, 0, { "fo", 2 } },
		{ base64_decode, { "Zm9vYmFy", 8 }, 0, { "foobar", 6 } },
		{ base64_decode, { "//79AA==", 8 }, 0, { "\xff\xfe\xfd\0", 4 } },
		{ base64_decode, { "Zg=", 3 }, -EINVAL, { "", 0 } },
		{ base64_decode, { "Z===", 4 }, -EINVAL, { "", 0 } },
		{ base64_decode, { "====", 4 }, -EINVAL, { "", 0 } },
		{ base64_decode, { "Zg==Zg==", 8 }, -EINVAL, { "", 0 } },
		{ base64_decode, { "Zm9\n", 4 }, -EINVAL, { "", 0 } },
		{ base64_decode, { "Zm-_", 4 }, -EINVAL, { "", 0 } },
		{ xtext_encode, { "a+b=c d\x7f\xe4", 9 }, 0, { "a+2Bb+3Dc+20d+7F+E4", 19 } },
		{ xtext_decode, { "a+2Bb+3dc", 9 }, 0, { "a+b=c", 5 } },
		{ xtext_decode, { "a+2", 3 }, -EINVAL, { "", 0 } },
		{ xtext_decode, { "a+", 2 }, -EINVAL, { "", 0 } },
		{ xtext_decode, { "a+2G", 4 }, -EINVAL, { "", 0 } },
		{ uxtext_encode, { "\xc3\xa4+\\=", 5 }, 0,
			{ "\xc3\xa4\\x{2B}\\x{5C}\\x{3D}", 20 } },
		{ uxtext_encode, { "\xff", 1 }, -EILSEQ, { "", 0 } },
		{ uxtext_decode, { "\\x{2B}x", 7 }, 0, { "+x", 2 } },
		{ uxtext_decode, { "\\x{E4}", 6 }, 0, { "\xc3\xa4", 2 } },
		{ uxtext_decode, { "\\x{20AC}", 8 }, 0, { "\xe2\x82\xac", 3 } },
		{ uxtext_decode, { "\\x{10FFFF}", 10 }, 0, { "\xf4\x8f\xbf\xbf", 4 } },
		{ uxtext_decode, { "\\x{110000}", 10 }, -EINVAL, { "", 0 } },
		{ uxtext_decode, { "\\x{D800}", 8 }, -EINVAL, { "", 0 } },
		{ uxtext_decode, { "a\\x{2B", 6 }, -EINVAL, { "", 0 } },
		{ uxtext_decode, { "\\x{}", 4 }, -EINVAL, { "", 0 } },
		{ uxtext_decode, { "\\x{0000041}", 11 }, -EINVAL, { "", 0 } },
		{ uxtext_decode, { "a+b", 3 }, -EINVAL, { "", 0 } },
		{ uxtext_decode, { "\xc3", 1 }, -EINVAL, { "", 0 } },
		{ hex_encode, { "\x00\xab\x1f", 3 }, 0, { "00AB1F", 6 } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
		check_pair(&pairs[i], i);
}

static void test_limits(void **state)
{
	static const struct {
		codec_fn fn;
		struct str in;
		size_t need;
	} cases[] = {
		{ base64_encode, { "abc", 3 }, 4 },
		{ base64_decode, { "Zm8=", 4 }, 2 },
		{ xtext_encode, { "+", 1 }, 3 },
		{ xtext_decode, { "+2B+2B", 6 }, 2 },
		{ uxtext_encode, { "=", 1 }, 6 },
		{ uxtext_decode, { "\\x{20AC}", 8 }, 3 },
		{ hex_encode, { "ab", 2 }, 4 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		_cleanup_buf_ struct buf fits = BUF(cases[i].need);
		_cleanup_buf_ struct buf tight = BUF(cases[i].need - 1);

		if (cases[i].fn(&fits, cases[i].in) != 0 || fits.len != cases[i].need)
			fail_msg("case %zu does not fit", i);
		if (cases[i].fn(&tight, cases[i].in) != -EMSGSIZE || tight.len != 0)
			fail_msg("case %zu passes its limit", i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pairs),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
