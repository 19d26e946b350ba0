/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/why.c — human texts beside error codes, and notes; see why.h.
 */
#include "base/why.h"

#include <stdarg.h>

#include "base/buf.h"
#include "base/format.h"
#include "base/text.h"

/* Format into the reason; returns the length that is there. */
static size_t fill(struct why *why, const char *fmt, va_list ap)
{
	/* Callers put a new beginning before the text that is there: it may be an argument. */
	char text[sizeof why->text];
	size_t n = format_text(text, sizeof text, fmt, ap);

	memcpy(why->text, text, MIN(n + 1, sizeof text));
	return MIN(n, sizeof text - 1);
}

int why_set(struct why *why, int err, const char *fmt, ...)
{
	va_list ap;

	if (why == NULL)
		return err;
	va_start(ap, fmt);
	(void)fill(why, fmt, ap);
	va_end(ap);
	text_printable_cstr(why->text, true);
	return err;
}

int why_errno(struct why *why, int err, const char *fmt, ...)
{
	char room[128];
	va_list ap;
	size_t n;

	if (why == NULL)
		return err;
	va_start(ap, fmt);
	n = fill(why, fmt, ap);
	va_end(ap);
	/* Cut on purpose when the text is full already. */
	for (const char *p = ": "; *p != '\0' && n + 1 < sizeof why->text; p++)
		why->text[n++] = *p;
	for (const char *p = strerror_r(-err, room, sizeof room);
		*p != '\0' && n + 1 < sizeof why->text;)
		why->text[n++] = *p++;
	why->text[n] = '\0';
	text_printable_cstr(why->text, true);
	return err;
}

void note(const struct notes *n, enum note_level level, const char *fmt, ...)
{
	_cleanup_buf_ struct buf text = BUF_LOCAL(BUF_SMALL);
	va_list ap;
	int r;

	if (n == NULL || n->fn == NULL)
		return;
	va_start(ap, fmt);
	r = buf_addv(&text, fmt, ap);
	va_end(ap);
	n->fn(n->ctx, level, r < 0 ? "(note too long)" : buf_cstr(&text));
}
