/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bounce/fold.c — see fold.h.
 */
#include "fold.h"

#define INDENT "    "

/* Length of the part that goes on a line with `room` columns. */
static size_t cut(struct str text, size_t room)
{
	size_t at = 0;

	if (text.len <= room)
		return text.len;
	for (size_t i = 1; i < text.len && (i <= room || at == 0); i++)
		if (text.ptr[i] == ' ')
			at = i;
	return at == 0 ? text.len : at;
}

int fold_text(struct str text, fold_fn fn, void *ctx)
{
	struct buf line = BUF(text.len + sizeof(INDENT));
	size_t n = cut(text, FOLD_WIDTH);
	int r = fn(ctx, str_head(text, n));

	for (text = str_skip(text, n); text.len > 0 && r == 0; text = str_skip(text, n)) {
		text = str_skip(text, 1);
		n = cut(text, FOLD_WIDTH - (sizeof(INDENT) - 1));
		buf_clear(&line);
		buf_puts(&line, INDENT);
		buf_put(&line, str_head(text, n));
		r = fn(ctx, buf_str(&line));
	}
	buf_done(&line);
	return r;
}
