/* SPDX-License-Identifier: Apache-2.0 */
/* table/inline.c — inline:{ key=value, { key = text with blanks } }, and internal:NAME, empty. */
#include <errno.h>

#include "base/strv.h"
#include "table/pairs.h"

/* "key = value" into its parts: NULL or the documented complaint. */
static const char *split_pair(struct str item, struct str *ret_key, struct str *ret_value)
{
	if (item.ptr[0] == '{') {
		const char *wrong = table_strip_braces(item, &item);

		if (wrong != NULL)
			return wrong;
	}

	ptrdiff_t eq = str_chr(item, '=');

	if (eq < 0)
		return "missing '=' after attribute name";
	*ret_key = str_trim(str_head(item, (size_t)eq));
	*ret_value = str_trim(str_skip(item, (size_t)eq + 1));
	return NULL;
}

static int inline_open(struct table *t, struct why *why)
{
	_cleanup_strv_ struct strv items = { 0 };

	pairs_init(t);
	if (table_split_braces(str_of(t->name), &items) < 0)
		return why_set(why, -EINVAL, "bad syntax: \"%s\"; need \"inline:{name=value...}\"",
			t->spec);
	for (size_t i = 0; i < items.n; i++) {
		struct str key, value;
		const char *wrong = split_pair(str_of(items.v[i]), &key, &value);

		if (wrong != NULL)
			return why_set(why, -EINVAL, "%s: \"%s\"; need \"inline:{name=value...}\"",
				wrong, t->spec);

		/* The last of two equal keys stays, unlike in files. */
		int r = pairs_add(t, key, value, true, t->spec, why);

		if (r < 0)
			return r;
	}
	return 0;
}

const struct table_ops table_inline_ops = {
	.type = "inline",
	.open = inline_open,
	.close = pairs_close,
	.get = pairs_get,
	.each = pairs_each,
};

static int internal_open(struct table *t, _unused_ struct why *why)
{
	pairs_init(t);
	return 0;
}

const struct table_ops table_internal_ops = {
	.type = "internal",
	.open = internal_open,
	.close = pairs_close,
	.get = pairs_get,
	.each = pairs_each,
};
