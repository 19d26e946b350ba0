/* SPDX-License-Identifier: Apache-2.0 */
/* table/rulefile.c — see rulefile.h. */
#include "table/rulefile.h"

#include <errno.h>
#include <stdarg.h>

#include "base/format.h"
#include "base/strv.h"
#include "table/textfile.h"

void rule_note(const struct table *t, int line, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	(void)format_text(text, sizeof(text), fmt, ap);
	va_end(ap);
	note(t->s.notes, NOTE_WARN, "%s map %s, line %d: %s", t->type, t->name, line, text);
}

static int each_inline(const struct table *t, rule_fn fn, void *ctx, struct why *why)
{
	_cleanup_strv_ struct strv items = { 0 };
	struct str inside;
	const char *wrong = table_strip_braces(str_trim(str_of(t->name)), &inside);

	if (wrong != NULL)
		return why_set(why, -EINVAL, "%s map: %s in \"%s\"", t->type, wrong, t->name);
	if (inside.len > 0 && table_split_braces(str_of(t->name), &items) < 0)
		return why_set(why, -EINVAL, "%s map: unbalanced braces in \"%s\"", t->type,
			t->name);
	for (size_t i = 0; i < items.n; i++) {
		struct str rule;

		wrong = table_strip_braces(str_of(items.v[i]), &rule);
		if (wrong != NULL)
			return why_set(why, -EINVAL, "%s map: %s in \"%s\"", t->type, wrong,
				items.v[i]);
		fn(ctx, rule, (int)i + 1);
	}
	return 0;
}

int rulefile_each(const struct table *t, rule_fn fn, void *ctx, struct why *why)
{
	if (t->name[0] == '{')
		return each_inline(t, fn, ctx, why);

	struct textfile f;
	int r = textfile_open(&f, t->name, why);

	if (r < 0)
		return r;

	_cleanup_buf_ struct buf line = BUF_LOCAL(TEXTLINE_MAX);

	while (textfile_next(&f, t->name, t->s.notes, &line))
		fn(ctx, buf_str(&line), f.line);
	textfile_done(&f);
	return 0;
}
