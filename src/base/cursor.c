/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/cursor.c — bounded forward parsing; see cursor.h.
 */
#include "base/cursor.h"

bool cur_char(struct cursor *c, char ch)
{
	if (c->p == c->end || *c->p != ch)
		return false;
	c->p++;
	return true;
}

bool cur_lit(struct cursor *c, struct str lit)
{
	if (!str_starts(cur_rest(c), lit))
		return false;
	c->p += lit.len;
	return true;
}

bool cur_ilit(struct cursor *c, struct str lit)
{
	if (!str_istarts(cur_rest(c), lit))
		return false;
	c->p += lit.len;
	return true;
}

size_t cur_skip_ws(struct cursor *c)
{
	size_t n = 0;

	while (c->p != c->end && is_space((unsigned char)*c->p)) {
		c->p++;
		n++;
	}
	return n;
}

bool cur_token(struct cursor *c, cur_class_fn cls, size_t max, struct str *ret)
{
	struct str rest = cur_rest(c);
	size_t n = 0;

	while (n < rest.len && cls((unsigned char)rest.ptr[n])) {
		if (n == max)
			return false;
		n++;
	}
	if (n == 0)
		return false;
	*ret = str_head(rest, n);
	c->p += n;
	return true;
}

bool cur_until(struct cursor *c, char ch, size_t max, struct str *ret)
{
	struct str rest = cur_rest(c);
	ptrdiff_t at = str_chr(rest, ch);

	if (at < 0 || (size_t)at > max)
		return false;
	*ret = str_head(rest, (size_t)at);
	c->p += at;
	return true;
}

bool cur_u64(struct cursor *c, uint64_t max, uint64_t *ret)
{
	const char *p = c->p;
	uint64_t v = 0;

	for (; p != c->end && is_digit((unsigned char)*p); p++) {
		if (__builtin_mul_overflow(v, (uint64_t)10, &v) ||
			__builtin_add_overflow(v, (uint64_t)(*p - '0'), &v) || v > max)
			return false;
	}
	if (p == c->p)
		return false;
	c->p = p;
	*ret = v;
	return true;
}
