/* SPDX-License-Identifier: Apache-2.0 */
/* table/texthash.c — texthash:FILE: the source file read into memory; changes are not noticed. */
#include "table/pairs.h"
#include "table/textfile.h"

static int texthash_open(struct table *t, struct why *why)
{
	struct textfile f;
	int r;

	pairs_init(t);
	r = textfile_open(&f, t->name, why);
	if (r < 0)
		return why_errno(why, r, "open database %s", t->name);

	_cleanup_buf_ struct buf line = BUF_LOCAL(TEXTLINE_MAX);

	while (r == 0 && textfile_next(&f, t->name, t->s.notes, &line)) {
		_cleanup_buf_ struct buf where = BUF_LOCAL(BUF_SMALL);
		struct str key, value;

		buf_putf(&where, "%s, line %d", t->name, f.line);
		if (textline_parse(buf_str(&line), (t->flags & TABLE_UTF8) != 0, buf_cstr(&where),
			    true, t->s.notes, &key, &value))
			r = pairs_add(t, key, value, false, buf_cstr(&where), why);
	}
	textfile_done(&f);
	return r;
}

const struct table_ops table_texthash_ops = {
	.type = "texthash",
	.open = texthash_open,
	.close = pairs_close,
	.get = pairs_get,
	.each = pairs_each,
};
