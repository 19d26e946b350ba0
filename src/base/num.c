/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/num.c — numbers from text; see num.h.
 */
#include "base/num.h"

#include <errno.h>

/* The value of a digit in bases up to 16, or 255. */
static unsigned digit_value(unsigned char c)
{
	if (is_digit(c))
		return (unsigned)(c - '0');
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10 : 255;
}

/* Garbage anywhere is -EINVAL even after an overflow. */
static int parse(struct str s, unsigned base, uint64_t max, uint64_t *ret)
{
	bool over = false;
	uint64_t v = 0;

	if (s.len == 0)
		return -EINVAL;
	for (size_t i = 0; i < s.len; i++) {
		unsigned d = digit_value((unsigned char)s.ptr[i]);

		if (d >= base)
			return -EINVAL;
		if (__builtin_mul_overflow(v, (uint64_t)base, &v) ||
			__builtin_add_overflow(v, (uint64_t)d, &v))
			over = true;
	}
	if (over || v > max)
		return -ERANGE;
	*ret = v;
	return 0;
}

int num_u64(struct str s, uint64_t max, uint64_t *ret)
{
	return parse(s, 10, max, ret);
}

int num_i64(struct str s, int64_t min, int64_t max, int64_t *ret)
{
	bool negative = s.len > 0 && s.ptr[0] == '-';
	uint64_t magnitude;
	int64_t v;
	int r;

	if (s.len > 0 && (s.ptr[0] == '-' || s.ptr[0] == '+'))
		s = str_skip(s, 1);
	r = parse(s, 10, (uint64_t)INT64_MAX + (negative ? 1 : 0), &magnitude);
	if (r < 0)
		return r;
	if (!negative)
		v = (int64_t)magnitude;
	else
		v = magnitude > (uint64_t)INT64_MAX ? INT64_MIN : -(int64_t)magnitude;
	if (v < min || v > max)
		return -ERANGE;
	*ret = v;
	return 0;
}

int num_octal(struct str s, uint64_t max, uint64_t *ret)
{
	return parse(s, 8, max, ret);
}

int num_hex(struct str s, uint64_t max, uint64_t *ret)
{
	return parse(s, 16, max, ret);
}
