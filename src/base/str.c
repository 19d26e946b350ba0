/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/str.c — comparisons, searches and parts of borrowed byte strings; see str.h.
 */
#include "base/str.h"

#include "base/mem.h"

/* Three-way comparison of n bytes without regard to ASCII case. */
static int icmp(const char *a, const char *b, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int d = (int)ascii_lower((unsigned char)a[i]) -
			(int)ascii_lower((unsigned char)b[i]);

		if (d != 0)
			return d;
	}
	return 0;
}

bool str_ieq(struct str a, struct str b)
{
	return a.len == b.len && icmp(a.ptr, b.ptr, a.len) == 0;
}

/* What the lengths say when the common part is equal. */
static int by_length(struct str a, struct str b)
{
	return a.len == b.len ? 0 : (a.len < b.len ? -1 : 1);
}

int str_cmp(struct str a, struct str b)
{
	size_t n = MIN(a.len, b.len);
	int d = n == 0 ? 0 : memcmp(a.ptr, b.ptr, n);

	return d != 0 ? d : by_length(a, b);
}

int str_icmp(struct str a, struct str b)
{
	int d = icmp(a.ptr, b.ptr, MIN(a.len, b.len));

	return d != 0 ? d : by_length(a, b);
}

bool str_starts(struct str s, struct str prefix)
{
	return s.len >= prefix.len && str_eq(str_head(s, prefix.len), prefix);
}

bool str_istarts(struct str s, struct str prefix)
{
	return s.len >= prefix.len && icmp(s.ptr, prefix.ptr, prefix.len) == 0;
}

bool str_ends(struct str s, struct str suffix)
{
	return s.len >= suffix.len && str_eq(str_skip(s, s.len - suffix.len), suffix);
}

bool str_iends(struct str s, struct str suffix)
{
	return s.len >= suffix.len && str_ieq(str_skip(s, s.len - suffix.len), suffix);
}

ptrdiff_t str_chr(struct str s, char c)
{
	const char *p = s.len == 0 ? NULL : memchr(s.ptr, c, s.len);

	return p == NULL ? -1 : p - s.ptr;
}

ptrdiff_t str_rchr(struct str s, char c)
{
	const char *p = s.len == 0 ? NULL : memrchr(s.ptr, c, s.len);

	return p == NULL ? -1 : p - s.ptr;
}

ptrdiff_t str_find(struct str s, struct str needle)
{
	const char *p;

	if (needle.len == 0)
		return 0;
	if (s.len < needle.len)
		return -1;
	p = memmem(s.ptr, s.len, needle.ptr, needle.len);
	return p == NULL ? -1 : p - s.ptr;
}

struct str str_skip(struct str s, size_t pos)
{
	if (pos > s.len)
		pos = s.len;
	return pos == 0 ? s : str_from(s.ptr + pos, s.len - pos);
}

struct str str_head(struct str s, size_t len)
{
	return str_from(s.ptr, MIN(len, s.len));
}

struct str str_trim(struct str s)
{
	s = str_rtrim(s);
	while (s.len > 0 && is_space((unsigned char)s.ptr[0]))
		s = str_skip(s, 1);
	return s;
}

struct str str_rtrim(struct str s)
{
	while (s.len > 0 && is_space((unsigned char)s.ptr[s.len - 1]))
		s.len--;
	return s;
}

bool str_has_8bit(struct str s)
{
	unsigned char all = 0;

	/* To the end: the compiler takes many bytes at once. */
	for (size_t i = 0; i < s.len; i++)
		all |= (unsigned char)s.ptr[i];
	return all >= 0x80;
}

bool str_all_digits(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (!is_digit((unsigned char)s.ptr[i]))
			return false;
	}
	return s.len > 0;
}

/* True when c is in the NUL-terminated set; NUL is in no set. */
static bool in_set(char c, const char *set)
{
	return c != '\0' && strchr(set, c) != NULL;
}

bool str_word(struct str *rest, const char *seps, struct str *ret)
{
	size_t start = 0;
	size_t end;

	while (start < rest->len && in_set(rest->ptr[start], seps))
		start++;
	end = start;
	while (end < rest->len && !in_set(rest->ptr[end], seps))
		end++;
	if (end == start) {
		*rest = str_skip(*rest, rest->len);
		return false;
	}
	*ret = str_from(rest->ptr + start, end - start);
	*rest = str_skip(*rest, end < rest->len ? end + 1 : end);
	return true;
}

char *str_dup(struct str s)
{
	char *p = mem_array(s.len + 1, 1);

	if (s.len > 0)
		memcpy(p, s.ptr, s.len);
	return p;
}
