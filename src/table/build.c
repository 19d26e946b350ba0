/* SPDX-License-Identifier: Apache-2.0 */
/* table/build.c — the part of build.h that all types share: redirection, folding, checks. */
#include <errno.h>

#include "base/mem.h"
#include "base/text.h"
#include "table/build_priv.h"
#include "table/fold.h"
#include "table/pairs.h"

/* Nothing larger is ever stored. */
#define FIELD_MAX ((size_t)64 * 1024 * 1024)

static const struct writer_ops *find_ops(struct str type)
{
	if (str_eq(type, STR("lmdb")))
		return &table_lmdb_writer_ops;
	if (str_eq(type, STR("cdb")))
		return &table_cdb_writer_ops;
	return NULL;
}

static int unsupported(const struct table_settings *s, struct str type, struct why *why)
{
	(void)s;
	if (table_ops_find(type) != NULL)
		return why_set(why, -ENOTSUP,
			"unsupported dictionary type: " STR_FMT
			" does not support bulk-mode creation.",
			STR_ARG(type));
	return why_set(why, -ENOTSUP,
		"unsupported dictionary type: " STR_FMT ". Is the postfix-" STR_FMT
		" package installed?",
		STR_ARG(type), STR_ARG(type));
}

/* "hash" and "btree" become what the settings say. */
static struct str redirect(const struct table_settings *s, struct str type)
{
	if (str_eq(type, STR("hash")) && s->hash_redirect != NULL)
		return str_of(s->hash_redirect);
	if (str_eq(type, STR("btree")) && s->btree_redirect != NULL)
		return str_of(s->btree_redirect);
	return type;
}

int table_writer_open(const struct table_settings *s, struct str spec, unsigned flags,
	unsigned write, mode_t mode, struct table_writer **ret, struct why *why)
{
	ptrdiff_t colon = str_chr(spec, ':');
	struct str given = colon < 0 ? str_of(s->default_database_type)
				     : str_head(spec, (size_t)colon);
	struct str name = colon < 0 ? spec : str_skip(spec, (size_t)colon + 1);
	struct str type = redirect(s, given);
	const struct writer_ops *ops = find_ops(type);
	_cleanup_buf_ struct buf full = BUF_LOCAL(BUF_SMALL);

	if (ops == NULL)
		return unsupported(s, given, why);
	if (name.len == 0)
		return why_set(why, -EINVAL,
			"open dictionary: expecting \"type:name\" form instead of \"" STR_FMT "\"",
			STR_ARG(spec));
	if (buf_addf(&full, STR_FMT ":" STR_FMT, STR_ARG(type), STR_ARG(name)) < 0)
		return why_set(why, -ENAMETOOLONG, "table name is too long");
	if (!str_eq(type, given) && !s->quiet_redirect)
		note(s->notes, NOTE_WARN,
			"redirecting " STR_FMT ":" STR_FMT " to %s (no Berkeley DB)",
			STR_ARG(given), STR_ARG(name), buf_cstr(&full));

	struct table_writer *w = mem_new(struct table_writer);

	w->ops = ops;
	w->s = *s;
	w->spec = buf_take(&full);
	w->name = w->spec + type.len + 1;
	w->flags = flags;
	w->write = write;
	w->nul = (write & TABLE_WRITE_NUL) != 0 || (ops->nul && (write & TABLE_WRITE_NO_NUL) == 0);

	int r = ops->open(w, mode, why);

	if (r < 0) {
		table_writer_free(w);
		return r;
	}
	*ret = w;
	return 0;
}

void table_writer_free(struct table_writer *w)
{
	if (w == NULL)
		return;
	w->ops->free(w);
	free(w->spec);
	free(w);
}

const char *table_writer_spec(const struct table_writer *w)
{
	return w->spec;
}

void table_writer_note_dup(const struct table_writer *w, struct str key)
{
	bool with_type = w->ops == &table_lmdb_writer_ops;

	note(w->s.notes, NOTE_WARN, "%s: duplicate entry: \"" STR_FMT "\"",
		with_type ? w->spec : w->name, STR_ARG(key));
}

/* The key as it is stored, with a NUL behind. */
static int stored_key(const struct table_writer *w, struct str key, struct buf *ret,
	struct why *why)
{
	bool utf8 = (w->flags & TABLE_UTF8) != 0;
	int r;

	if (utf8 && !utf8_is_valid(key))
		return why_set(why, -EILSEQ, "%s: non-UTF-8 key", w->spec);
	r = (w->flags & TABLE_FOLD_FIX) != 0 ? table_fold(ret, key, utf8) : buf_add(ret, key);
	if (r == 0)
		r = buf_reserve(ret, 1);
	return r < 0 ? why_set(why, r, "%s: key is too long", w->spec) : 0;
}

static int stored_value(const struct table_writer *w, struct str value, struct buf *ret,
	struct why *why)
{
	int r;

	if ((w->flags & TABLE_SRC_RHS_IS_FILE) != 0)
		return table_files_base64(value, ret, why);
	if ((w->flags & TABLE_UTF8) != 0 && !utf8_is_valid(value))
		return why_set(why, -EILSEQ, "%s: non-UTF-8 value", w->spec);
	r = buf_add(ret, value);
	if (r == 0)
		r = buf_reserve(ret, 1);
	return r < 0 ? why_set(why, r, "%s: value is too long", w->spec) : 0;
}

int table_writer_put(struct table_writer *w, struct str key, struct str value, enum table_dup dup,
	struct why *why)
{
	_cleanup_buf_ struct buf k = BUF_LOCAL(FIELD_MAX);
	_cleanup_buf_ struct buf v = BUF_LOCAL(FIELD_MAX);
	int r = stored_key(w, key, &k, why);

	if (r == 0)
		r = stored_value(w, value, &v, why);
	if (r == 0)
		r = w->ops->put(w, buf_str(&k), buf_str(&v), dup == TABLE_DUP_REPLACE, why);
	if (r == -EEXIST && dup == TABLE_DUP_WARN)
		table_writer_note_dup(w, buf_str(&k));
	return r;
}

int table_writer_del(struct table_writer *w, struct str key, struct why *why)
{
	_cleanup_buf_ struct buf k = BUF_LOCAL(FIELD_MAX);

	if (w->ops->del == NULL)
		return why_set(why, -ENOTSUP, "table %s: delete operation is not supported",
			w->spec);

	int r = stored_key(w, key, &k, why);

	return r < 0 ? r : w->ops->del(w, buf_str(&k), why);
}

enum lookup table_writer_get(struct table_writer *w, struct str key, struct buf *ret,
	struct why *why)
{
	_cleanup_buf_ struct buf k = BUF_LOCAL(FIELD_MAX);

	if (w->ops->get == NULL || stored_key(w, key, &k, why) < 0) {
		(void)why_set(why, -ENOTSUP, "table %s: lookup while writing is not supported",
			w->spec);
		return LOOKUP_TEMPFAIL;
	}
	return w->ops->get(w, buf_str(&k), ret, why);
}

int table_writer_each(struct table_writer *w, table_each_fn fn, void *ctx, struct why *why)
{
	if (w->ops->each == NULL)
		return why_set(why, -ENOTSUP, "table %s: sequence operation is not supported",
			w->spec);
	return w->ops->each(w, fn, ctx, why);
}

int table_writer_commit(struct table_writer *w, struct why *why)
{
	return w->ops->commit(w, why);
}
