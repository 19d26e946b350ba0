/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table/wrap.c — debug:TYPE:NAME notes every access; proxy:TYPE:NAME opens the table in this
 * process, so that no other service need run.
 */
#include <errno.h>

#include "table/table_priv.h"

static int wrap_open(struct table *t, struct why *why)
{
	struct table *inner = NULL;
	int r = table_open_member(t, str_of(t->name), &inner, why);

	if (r < 0)
		return r;
	t->impl = inner;
	t->pattern = table_is_pattern(inner);
	return 0;
}

static int proxy_open(struct table *t, struct why *why)
{
	if (str_starts(str_of(t->name), STR("proxy:")))
		return why_set(why, -EINVAL, "%s: a proxy: table inside another is not allowed",
			t->spec);
	return wrap_open(t, why);
}

static void wrap_close(struct table *t)
{
	table_unref(t->impl);
}

static bool wrap_changed(const struct table *t)
{
	return table_changed(t->impl);
}

static int wrap_each(const struct table *t, table_each_fn fn, void *ctx, struct why *why)
{
	return table_each(t->impl, fn, ctx, why);
}

static enum lookup proxy_get(const struct table *t, struct str key, struct buf *ret,
	struct why *why)
{
	return table_get_member(t->impl, key, ret, why);
}

static enum lookup debug_get(const struct table *t, struct str key, struct buf *ret,
	struct why *why)
{
	size_t before = ret->len;
	struct why cause = { "" };
	enum lookup r = table_get_member(t->impl, key, ret, &cause);

	switch (r) {
	case LOOKUP_FOUND:
		note(t->s.notes, NOTE_INFO, "%s lookup: \"" STR_FMT "\" = \"%s\"", t->name,
			STR_ARG(key), buf_cstr(ret) + before);
		break;
	case LOOKUP_NONE:
		note(t->s.notes, NOTE_INFO, "%s lookup: \"" STR_FMT "\" = \"(not found)\"", t->name,
			STR_ARG(key));
		break;
	case LOOKUP_TEMPFAIL:
	default:
		note(t->s.notes, NOTE_INFO, "%s lookup: \"" STR_FMT "\" = \"(error: %s)\"", t->name,
			STR_ARG(key), cause.text);
		(void)why_set(why, -EIO, "%s", cause.text);
		break;
	}
	return r;
}

const struct table_ops table_proxy_ops = {
	.type = "proxy",
	.open = proxy_open,
	.close = wrap_close,
	.get = proxy_get,
	.changed = wrap_changed,
	.each = wrap_each,
};

const struct table_ops table_debug_ops = {
	.type = "debug",
	.open = wrap_open,
	.close = wrap_close,
	.get = debug_get,
	.changed = wrap_changed,
	.each = wrap_each,
};
