/* SPDX-License-Identifier: Apache-2.0 */
/* table/tables.c — a list of tables from one parameter; see table.h. */
#include <errno.h>

#include "base/mem.h"
#include "table/table_priv.h"

int tables_open(const struct table_settings *s, const char *title, struct str list, unsigned flags,
	struct tables *ret, struct why *why)
{
	_cleanup_strv_ struct strv words = { 0 };
	_cleanup_buf_ struct buf braced = BUF_LOCAL(BUF_MEDIUM);
	struct tables l = { .title = title };

	if (str_trim(list).len > 0) {
		/* "type:{ ... }" must stay one word with its braces, so the whole list gets a pair. */
		if (buf_addf(&braced, "{" STR_FMT "}", STR_ARG(list)) < 0)
			return why_set(why, -EINVAL, "%s: list of tables is too long", title);
		if (table_split_braces(buf_str(&braced), &words) < 0 &&
			str_find(list, STR("{")) >= 0)
			return why_set(why, -EINVAL, "%s: unbalanced braces in \"" STR_FMT "\"",
				title, STR_ARG(str_head(list, 200)));
	}
	if (words.n > 0)
		l.v = mem_array(words.n, sizeof(*l.v));
	for (; l.n < words.n; l.n++) {
		struct str spec = str_of(words.v[l.n]), bare;

		if (spec.ptr[0] == '{' && table_strip_braces(spec, &bare) == NULL)
			spec = bare;
		l.v[l.n] = table_open(s, spec, flags);
	}
	*ret = l;
	return 0;
}

void tables_done(struct tables *l)
{
	for (size_t i = 0; i < l->n; i++)
		table_unref(l->v[i]);
	free(l->v);
	*l = (struct tables){ .title = l->title };
}

enum lookup tables_get(const struct tables *l, struct str key, bool partial, struct buf *ret,
	struct why *why)
{
	for (size_t i = 0; i < l->n; i++) {
		if (partial && table_is_pattern(l->v[i]))
			continue;

		enum lookup r = table_get(l->v[i], key, ret, why);

		if (r != LOOKUP_NONE)
			return r;
	}
	return LOOKUP_NONE;
}

const char *tables_changed(const struct tables *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (table_changed(l->v[i]))
			return table_spec(l->v[i]);
	return NULL;
}
