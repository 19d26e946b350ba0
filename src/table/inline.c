/* SPDX-License-Identifier: Apache-2.0 */
/* table/inline.c — inline:{ key=value, { key = text with blanks } }, and internal:NAME, empty. */
#include <errno.h>

#include "base/strv.h"
#include "table/pairs.h"

/* "key = value" into its parts: NULL or the documented complaint. A key ends at a blank. */
static const char *split_pair(struct str item, struct str *ret_key, struct str *ret_value)
{
	size_t end = 0;
	struct str rest;

	item = str_trim(item);
	if (item.len == 0)
		return "no key found; expected format: key = value";
	while (end < item.len && item.ptr[end] != '=' && !is_space((unsigned char)item.ptr[end]))
		end++;
	rest = str_trim(str_skip(item, end));
	if (rest.len == 0 || rest.ptr[0] != '=')
		return "missing '=' after attribute name";
	*ret_key = str_head(item, end);
	*ret_value = str_trim(str_skip(rest, 1));
	return NULL;
}

static int refuse(const struct table *t, const char *wrong, struct str where, struct why *why)
{
	_cleanup_buf_ struct buf in = BUF_LOCAL(BUF_MEDIUM);

	if (where.len > 0)
		buf_putf(&in, " in \"" STR_FMT "\"", STR_ARG(where));
	return why_set(why, -EINVAL, "%s%s: \"%s\"; need \"inline:{name=value...}\"", wrong,
		buf_cstr(&in), t->spec);
}

static int add_item(struct table *t, struct str item, struct why *why)
{
	struct str pair = item;
	struct str key, value;
	const char *wrong = item.ptr[0] == '{' ? table_strip_braces(item, &pair) : NULL;

	if (wrong != NULL)
		return refuse(t, wrong, item, why);
	wrong = split_pair(pair, &key, &value);
	if (wrong != NULL)
		return refuse(t, wrong, STR_EMPTY, why);
	/* The last of two equal keys stays, unlike in files. */
	return pairs_add(t, key, value, true, t->spec, why);
}

static int inline_open(struct table *t, struct why *why)
{
	_cleanup_strv_ struct strv items = { 0 };
	int r;

	pairs_init(t);
	r = table_split_braces(str_of(t->name), &items);
	if (r < 0)
		return refuse(t, r == -ENODATA ? "empty table" : "bad syntax", STR_EMPTY, why);
	for (size_t i = 0; i < items.n; i++) {
		r = add_item(t, str_of(items.v[i]), why);
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
