/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table/redirect.c — hash:PATH and btree:PATH without Berkeley DB: PATH.lmdb or PATH.cdb, as the
 * settings say. Each table that is served this way is noted.
 */
#include <errno.h>
#include <unistd.h>

#include "table/table_priv.h"

static const char *target_of(const struct table *t)
{
	return str_eq(str_of(t->ops->type), STR("btree")) ? t->s.btree_redirect
							  : t->s.hash_redirect;
}

static int redirect_open(struct table *t, struct why *why)
{
	const char *target = target_of(t);
	_cleanup_buf_ struct buf spec = BUF_LOCAL(BUF_SMALL);
	_cleanup_buf_ struct buf old = BUF_LOCAL(BUF_SMALL);
	struct table *inner = NULL;
	struct why cause = { "" };

	if (target == NULL)
		return why_set(why, -ENOTSUP,
			"unsupported dictionary type: %s (no Berkeley DB in this build; see"
			" default_database_type)",
			t->type);
	if (buf_addf(&spec, "%s:%s", target, t->name) < 0 || buf_addf(&old, "%s.db", t->name) < 0)
		return why_set(why, -ENAMETOOLONG, "open database: name is too long");

	int r = table_open_member(t, buf_str(&spec), &inner, &cause);

	if (r == 0) {
		t->impl = inner;
		if (!t->s.quiet_redirect)
			note(t->s.notes, NOTE_WARN, "redirecting %s to %s (no Berkeley DB)",
				t->spec, buf_cstr(&spec));
		return 0;
	}
	if (r == -ENOENT && access(buf_cstr(&old), F_OK) == 0)
		return why_set(why, r,
			"%s; Berkeley DB file %s is not readable here: run \"postmap %s\" (or"
			" \"postalias %s\" for an alias file) to make the new file",
			cause.text, buf_cstr(&old), buf_cstr(&spec), buf_cstr(&spec));
	return why_set(why, r, "%s", cause.text);
}

static void redirect_close(struct table *t)
{
	table_unref(t->impl);
}

static enum lookup redirect_get(const struct table *t, struct str key, struct buf *ret,
	struct why *why)
{
	return table_get_member(t->impl, key, ret, why);
}

static bool redirect_changed(const struct table *t)
{
	return table_changed(t->impl);
}

static int redirect_each(const struct table *t, table_each_fn fn, void *ctx, struct why *why)
{
	return table_each(t->impl, fn, ctx, why);
}

const struct table_ops table_hash_ops = {
	.type = "hash",
	.open = redirect_open,
	.close = redirect_close,
	.get = redirect_get,
	.changed = redirect_changed,
	.each = redirect_each,
};

const struct table_ops table_btree_ops = {
	.type = "btree",
	.open = redirect_open,
	.close = redirect_close,
	.get = redirect_get,
	.changed = redirect_changed,
	.each = redirect_each,
};
