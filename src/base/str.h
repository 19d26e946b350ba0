/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/str.h — borrowed byte strings, passed by value.
 *
 * A str owns nothing and may hold any byte, NUL included. Comparisons that ignore case fold ASCII
 * letters only; the locale never matters.
 */
#pragma once

#include <string.h>

#include "base/macros.h"

struct str {
	const char *ptr;
	size_t len;
};

/** A str for a string literal. */
#define STR(lit) ((struct str){ (lit), sizeof(lit) - 1 })
/** The empty str. */
#define STR_EMPTY ((struct str){ "", 0 })
/** printf arguments for one str, with format STR_FMT. */
#define STR_FMT    "%.*s"
#define STR_ARG(s) ((int)(s).len), ((s).ptr)

/** A str over a NUL-terminated string; NULL gives the empty str. */
static inline struct str str_of(const char *s)
{
	return s == NULL ? STR_EMPTY : (struct str){ s, strlen(s) };
}

/** A str over `len` bytes at `p`. */
static inline struct str str_from(const char *p, size_t len)
{
	return (struct str){ p, len };
}

/** Lower-case an ASCII letter; any other byte as it is. */
static inline unsigned char ascii_lower(unsigned char c)
{
	return c >= 'A' && c <= 'Z' ? (unsigned char)(c + 32) : c;
}

/** Upper-case an ASCII letter; any other byte as it is. */
static inline unsigned char ascii_upper(unsigned char c)
{
	return c >= 'a' && c <= 'z' ? (unsigned char)(c - 32) : c;
}

static inline bool is_digit(unsigned char c)
{
	return c >= '0' && c <= '9';
}

static inline bool is_alpha(unsigned char c)
{
	return ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z';
}

static inline bool is_alnum(unsigned char c)
{
	return is_digit(c) || is_alpha(c);
}

/** Blank, tab, CR, LF, VT or FF. */
static inline bool is_space(unsigned char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/** Printable ASCII, blank included. */
static inline bool is_print(unsigned char c)
{
	return c >= 0x20 && c < 0x7f;
}

/** Equal bytes. */
static inline bool str_eq(struct str a, struct str b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/** Equal without regard to ASCII case. */
bool str_ieq(struct str a, struct str b);
/** Three-way comparison as memcmp, shorter first. */
int str_cmp(struct str a, struct str b);
/** Three-way comparison without regard to ASCII case. */
int str_icmp(struct str a, struct str b);
/** True when `s` begins with `prefix`. */
bool str_starts(struct str s, struct str prefix);
/** True when `s` begins with `prefix`, without regard to ASCII case. */
bool str_istarts(struct str s, struct str prefix);
/** True when `s` ends with `suffix`. */
bool str_ends(struct str s, struct str suffix);
/** True when `s` ends with `suffix`, without regard to ASCII case. */
bool str_iends(struct str s, struct str suffix);
/** Index of the first `c`, or -1. */
ptrdiff_t str_chr(struct str s, char c);
/** Index of the last `c`, or -1. */
ptrdiff_t str_rchr(struct str s, char c);
/** Index of the first occurrence of `needle`, or -1. */
ptrdiff_t str_find(struct str s, struct str needle);
/** The part from `pos` on; empty when pos is past the end. */
struct str str_skip(struct str s, size_t pos);
/** At most the first `len` bytes. */
struct str str_head(struct str s, size_t len);
/** Without white space at both ends. */
struct str str_trim(struct str s);
/** Without white space at the end. */
struct str str_rtrim(struct str s);
/** True when some byte is not ASCII. */
bool str_has_8bit(struct str s);
/** True when every byte is a decimal digit and there is at least one. */
bool str_all_digits(struct str s);

/**
 * Split off the part before the first byte that is in `seps`.
 *
 * Leading separators are skipped, so that repeated calls yield the words of a list.
 *
 * @param rest   what is left; advanced past the word and one separator
 * @param seps   NUL-terminated set of separators
 * @param ret    the word, borrowed from rest
 * @return true when there was a word
 */
bool str_word(struct str *rest, const char *seps, struct str *ret);

/** A heap copy with a NUL added; the caller frees it. */
_alloc_ char *str_dup(struct str s);
