/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue/id.c — queue ids: short (microseconds and inode in hexadecimal) and long (base 52 and 51).
 */
#include <errno.h>
#include <string.h>

#include "base/num.h"
#include "queue/dir.h"

/* No vowels; the last digit is the separator of long ids, so inodes use base 51. */
static const char digits[] = "0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz";

#define LONG_SEP     'z'
#define LONG_MIN_SEP 10 /* least index of the separator: 6 digits of seconds, 4 of microseconds */
#define USEC_DIGITS  4
#define SHORT_USEC   5 /* hexadecimal digits of microseconds */

static bool id_chars_ok(struct str s, size_t max, bool underscore)
{
	if (s.len == 0 || s.len > max)
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (!is_alnum((unsigned char)s.ptr[i]) && !(underscore && s.ptr[i] == '_'))
			return false;
	return true;
}

bool queue_name_ok(struct str name)
{
	return id_chars_ok(name, 100, false);
}

bool queue_id_ok(struct str id)
{
	return id_chars_ok(id, QUEUE_ID_MAX, true);
}

/* Big-endian digits in a base, padded with '0' to at least `width`. */
static void put_base(struct buf *b, uint64_t v, unsigned base, unsigned width)
{
	char tmp[16];
	size_t n = sizeof(tmp);

	do {
		tmp[--n] = digits[v % base];
		v /= base;
	} while (v != 0);
	while (sizeof(tmp) - n < width)
		tmp[--n] = '0';
	buf_put(b, str_from(tmp + n, sizeof(tmp) - n));
}

static int get_base(struct str s, unsigned base, uint64_t max, uint64_t *ret)
{
	uint64_t v = 0;

	if (s.len == 0)
		return -EINVAL;
	for (size_t i = 0; i < s.len; i++) {
		const char *d = memchr(digits, s.ptr[i], sizeof(digits) - 1);

		if (d == NULL || (unsigned)(d - digits) >= base)
			return -EINVAL;
		if (__builtin_mul_overflow(v, (uint64_t)base, &v) ||
			__builtin_add_overflow(v, (uint64_t)(d - digits), &v) || v > max)
			return -EINVAL;
	}
	*ret = v;
	return 0;
}

void queue_id_short(struct buf *b, uint32_t usec, uint64_t inode)
{
	buf_putf(b, "%05X%llX", usec, (unsigned long long)inode);
}

void queue_id_long(struct buf *b, int64_t sec, uint32_t usec, uint64_t inode)
{
	put_base(b, (uint64_t)sec, 52, 6);
	put_base(b, usec, 52, USEC_DIGITS);
	buf_putc(b, LONG_SEP);
	put_base(b, inode, 51, 1);
}

static int parse_long(struct str id, size_t sep, struct queue_id_parts *ret)
{
	uint64_t sec;
	uint64_t usec;
	uint64_t inode;

	if (get_base(str_head(id, sep - USEC_DIGITS), 52, INT64_MAX, &sec) < 0 ||
		get_base(str_from(id.ptr + sep - USEC_DIGITS, USEC_DIGITS), 52, 999999, &usec) <
			0 ||
		get_base(str_skip(id, sep + 1), 51, UINT64_MAX, &inode) < 0)
		return -EINVAL;
	*ret = (struct queue_id_parts){ .is_long = true,
		.sec = (int64_t)sec,
		.usec = (uint32_t)usec,
		.inode = inode };
	return 0;
}

int queue_id_parse(struct str id, struct queue_id_parts *ret)
{
	ptrdiff_t sep = str_rchr(id, LONG_SEP);
	uint64_t usec;
	uint64_t inode;

	if (sep >= LONG_MIN_SEP)
		return parse_long(id, (size_t)sep, ret);
	if (id.len <= SHORT_USEC || num_hex(str_head(id, SHORT_USEC), 0xfffff, &usec) < 0 ||
		num_hex(str_skip(id, SHORT_USEC), UINT64_MAX, &inode) < 0)
		return -EINVAL;
	*ret = (struct queue_id_parts){ .usec = (uint32_t)usec, .inode = inode };
	return 0;
}
