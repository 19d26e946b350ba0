/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/format.c — the plain conversions of printf(3); see format.h.
 *
 * The meaning of a conversion is that of C11 7.21.6.1; where that leaves it open (a NULL string), it
 * is glibc's. The tests compare the two.
 */
#include "base/format.h"

#include <stdio.h>
#include <string.h>

/* More digits of width than any caller needs go to vsnprintf. */
#define WIDTH_MAX 99

struct args {
	va_list ap; /* in a structure: functions that take from it share it */
};

struct text {
	char *p;
	size_t room; /* without the NUL */
	size_t n;    /* length so far, with what found no room */
};

enum size {
	SIZE_INT,
	SIZE_LONG,
	SIZE_LONG_LONG,
	SIZE_SIZE,
};

struct conversion {
	char type;
	enum size size;
	unsigned width;    /* with leading zeros; 0: as long as it is */
	bool is_precision; /* .* */
};

static void put(struct text *t, const char *s, size_t n)
{
	if (t->n < t->room && n > 0)
		memcpy(t->p + t->n, s, MIN(n, t->room - t->n));
	t->n += n;
}

/* Read what follows a '%'; the end of it, or NULL for one that is not ours. */
static const char *parse(const char *f, struct conversion *ret)
{
	*ret = (struct conversion){ .size = SIZE_INT };
	if (*f == '0')
		while (*++f >= '0' && *f <= '9' && ret->width <= WIDTH_MAX)
			ret->width = ret->width * 10 + (unsigned)(*f - '0');
	if (f[0] == '.' && f[1] == '*') {
		ret->is_precision = true;
		f += 2;
	}
	if (*f == 'z') {
		ret->size = SIZE_SIZE;
		f++;
	} else if (*f == 'l') {
		ret->size = f[1] == 'l' ? SIZE_LONG_LONG : SIZE_LONG;
		f += f[1] == 'l' ? 2 : 1;
	}
	ret->type = *f;
	if (*f == '\0' || strchr("scdiuxX%", *f) == NULL || ret->width > WIDTH_MAX)
		return NULL;
	if ((ret->is_precision && *f != 's') ||
		(strchr("sc%", *f) != NULL && (ret->size != SIZE_INT || ret->width > 0)))
		return NULL;
	return f + 1;
}

static int64_t take_signed(struct args *a, enum size size)
{
	switch (size) {
	case SIZE_LONG:
		return va_arg(a->ap, long);
	case SIZE_LONG_LONG:
		return va_arg(a->ap, long long);
	case SIZE_SIZE:
		return va_arg(a->ap, ssize_t);
	case SIZE_INT:
		break;
	}
	return va_arg(a->ap, int);
}

static uint64_t take_unsigned(struct args *a, enum size size)
{
	switch (size) {
	case SIZE_LONG:
		return va_arg(a->ap, unsigned long);
	case SIZE_LONG_LONG:
		return va_arg(a->ap, unsigned long long);
	case SIZE_SIZE:
		return va_arg(a->ap, size_t);
	case SIZE_INT:
		break;
	}
	return va_arg(a->ap, unsigned);
}

static void put_number(struct text *t, const struct conversion *c, struct args *a)
{
	const char *set = c->type == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
	bool is_hex = c->type == 'x' || c->type == 'X';
	char room[WIDTH_MAX + 24];
	char *end = room + sizeof room;
	char *p = end;
	bool is_negative = false;
	uint64_t v;

	if (c->type == 'd' || c->type == 'i') {
		int64_t i = take_signed(a, c->size);

		is_negative = i < 0;
		v = is_negative ? -(uint64_t)i : (uint64_t)i;
	} else {
		v = take_unsigned(a, c->size);
	}
	do {
		*--p = is_hex ? set[v & 15] : (char)('0' + v % 10);
		v = is_hex ? v >> 4 : v / 10;
	} while (v != 0);
	while ((size_t)(end - p) + is_negative < c->width)
		*--p = '0';
	if (is_negative)
		*--p = '-';
	put(t, p, (size_t)(end - p));
}

static void put_string(struct text *t, const struct conversion *c, struct args *a)
{
	int precision = c->is_precision ? va_arg(a->ap, int) : -1;
	const char *s = va_arg(a->ap, const char *);

	if (s == NULL) /* as glibc: all of it or nothing */
		s = precision < 0 || precision >= 6 ? "(null)" : "";
	put(t, s, precision < 0 ? strlen(s) : strnlen(s, (size_t)precision));
}

/* false: a conversion that is not ours. */
static bool format_plain(struct text *t, const char *fmt, struct args *a)
{
	for (;;) {
		const char *mark = strchrnul(fmt, '%');
		struct conversion c;

		put(t, fmt, (size_t)(mark - fmt));
		if (*mark == '\0')
			return true;
		fmt = parse(mark + 1, &c);
		if (fmt == NULL)
			return false;
		if (c.type == 's') {
			put_string(t, &c, a);
		} else if (c.type == 'c') {
			char byte = (char)va_arg(a->ap, int);

			put(t, &byte, 1);
		} else if (c.type == '%') {
			put(t, "%", 1);
		} else {
			put_number(t, &c, a);
		}
	}
}

size_t format_text(char *p, size_t room, const char *fmt, va_list ap)
{
	struct text t = { .p = p, .room = room > 0 ? room - 1 : 0 };
	struct args a;
	bool is_plain;
	int n;

	va_copy(a.ap, ap);
	is_plain = format_plain(&t, fmt, &a);
	va_end(a.ap);
	if (!is_plain) {
		n = vsnprintf(p, room, fmt, ap);
		check(n >= 0);
		return (size_t)n;
	}
	if (room > 0)
		p[MIN(t.n, t.room)] = '\0';
	return t.n;
}
