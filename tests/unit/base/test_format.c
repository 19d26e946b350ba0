/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of base/format.c: the same text as the C library's, whatever the room.
 */
#include "base/format.h"

#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>

#include <cmocka.h>

#define ROOM 600

/* Both, with room for `room` bytes; the byte behind must stay. */
static void compare_room(size_t room, const char *fmt, va_list ap)
{
	char ours[ROOM + 1];
	char theirs[ROOM + 1];
	va_list again;
	size_t n;
	int m;

	memset(ours, '#', sizeof ours);
	memset(theirs, '#', sizeof theirs);
	va_copy(again, ap);
	n = format_text(room > 0 ? ours : NULL, room, fmt, again);
	va_end(again);
	va_copy(again, ap);
	errno = ENOENT; /* for %m */
	m = vsnprintf(theirs, room, fmt, again);
	va_end(again);
	if ((int)n != m || memcmp(ours, theirs, sizeof ours) != 0)
		fail_msg("\"%s\" in %zu bytes: %zu \"%.*s\", libc %d \"%.*s\"", fmt, room, n,
			(int)room, ours, m, (int)room, theirs);
}

/* All rooms around the length of the text. */
static _printf_(1, 2) void compare(const char *fmt, ...)
{
	va_list ap;
	va_list again;
	size_t n;

	va_start(ap, fmt);
	va_copy(again, ap);
	errno = ENOENT;
	n = format_text(NULL, 0, fmt, again);
	va_end(again);
	assert_true(n + 2 <= ROOM);
	for (size_t room = 0; room <= n + 2; room++)
		compare_room(room, fmt, ap);
	compare_room(ROOM, fmt, ap);
	va_end(ap);
}

static void test_strings(void **state)
{
	const char *volatile none = NULL; /* not for the compiler to see through */

	(void)state;
	compare("%s", "");
	compare("plain");
	compare("%s", "x");
	compare("<%s> and %s.", "first", "second");
	compare("%.*s", 3, "abcdef");
	compare("%.*s|%.*s|%.*s", 0, "abc", 3, "ab\0c", -1, "all of it");
	compare("%.*s|%.*s", 0, none, 5, none);
	compare("%.*s|%s", 6, none, none);
	compare("%c%c%c", 'a', 0xe4, '\0');
	compare("100%% of %s%%", "it");
}

static void test_numbers(void **state)
{
	static const long long values[] = { 0, 1, -1, 9, 10, -10, 99, 100, INT_MAX, INT_MIN,
		UINT32_MAX, LLONG_MAX, LLONG_MIN };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(values); i++) {
		long long v = values[i];

		compare("%d %i %u %x %X", (int)v, (int)v, (unsigned)v, (unsigned)v, (unsigned)v);
		compare("%ld %li %lu %lx %lX", (long)v, (long)v, (unsigned long)v, (unsigned long)v,
			(unsigned long)v);
		compare("%lld %lli %llu %llx %llX", v, v, (unsigned long long)v,
			(unsigned long long)v, (unsigned long long)v);
		compare("%zd %zu %zx", (ssize_t)v, (size_t)v, (size_t)v);
		compare("%02d:%06ld:%08llX", (int)v, (long)v, (unsigned long long)v);
		compare("[%01u %03d %05x %099d]", (unsigned)v, (int)v, (unsigned)v, (int)v);
	}
}

/* What is not ours, alone and behind conversions that are. */
static void test_others(void **state)
{
	int where;

	(void)state;
	compare("%5s|%-5s|%5d|%-5d|%+d|% d|%#x", "ab", "ab", 7, 7, 7, 7, 7U);
	compare("%s %d %.1f", "load", 3, 1.25);
	compare("%.2s|%.3d|%.*d|%0*d", "abc", 5, 4, 5, 3, 7);
	compare("%s: %m", "file");
	compare("%d %hhu %hd %jd %p", 1, (unsigned char)200, (short)-3, (intmax_t)9,
		(void *)&where);
	compare("%s%0100d", "x", 7);
	compare("%o %lc %ls", 8U, (wint_t)L'x', L"wide");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
