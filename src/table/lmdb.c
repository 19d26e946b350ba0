/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table/lmdb.c — lmdb:PATH: lookups in PATH.lmdb.
 *
 * Keys and values end in a NUL byte in files that postmap made and in none that others made: both
 * are tried until one is found, then that form is used.
 */
#include <errno.h>

#include "base/mem.h"
#include "table/lmdb_file.h"
#include "table/table_priv.h"

enum key_form {
	FORM_UNKNOWN,
	FORM_NUL,
	FORM_PLAIN,
};

struct lmdb_table {
	struct lmdb_file file;
	struct table_stamp stamp;
	atomic_int form; /* enum key_form */
	size_t max_key;
};

static int lmdb_open(struct table *t, struct why *why)
{
	struct lmdb_table *lt = mem_new(struct lmdb_table);
	_cleanup_buf_ struct buf path = BUF_LOCAL(BUF_SMALL);

	t->impl = lt;
	if (buf_addf(&path, "%s.lmdb", t->name) < 0)
		return why_set(why, -ENAMETOOLONG, "open database: name is too long");

	int r = lmdb_file_open(&lt->file, buf_cstr(&path), MDB_RDONLY, t->s.lmdb_map_size, 0644,
		why);

	if (r < 0)
		return r;
	lt->max_key = (size_t)mdb_env_get_maxkeysize(lt->file.env);
	table_note_stale(t->s.notes, lt->file.fd, buf_cstr(&path), t->name);
	return table_stamp_take(&lt->stamp, lt->file.fd);
}

static void lmdb_close(struct table *t)
{
	struct lmdb_table *lt = t->impl;

	if (lt != NULL)
		lmdb_file_close(&lt->file);
	free(lt);
}

static bool lmdb_changed(const struct table *t)
{
	const struct lmdb_table *lt = t->impl;

	return table_stamp_changed(&lt->stamp);
}

/* Values end at the first NUL byte, wherever it is. */
static struct str value_of(const MDB_val *v)
{
	const char *nul = memchr(v->mv_data, '\0', v->mv_size);

	return str_from(v->mv_data,
		nul == NULL ? v->mv_size : (size_t)(nul - (const char *)v->mv_data));
}

/* One form of the key: MDB_SUCCESS, MDB_NOTFOUND or another result. */
static int find(struct lmdb_table *lt, MDB_txn *txn, struct str key, enum key_form form,
	MDB_val *ret)
{
	/* The caller guarantees a NUL behind the key. */
	MDB_val k = { .mv_size = key.len + (form == FORM_NUL ? 1 : 0),
		.mv_data = (void *)(uintptr_t)key.ptr };

	/* Keys that cannot be stored are not there. */
	if (k.mv_size == 0 || k.mv_size > lt->max_key)
		return MDB_NOTFOUND;
	return mdb_get(txn, lt->file.dbi, &k, ret);
}

static int find_any(struct lmdb_table *lt, MDB_txn *txn, struct str key, MDB_val *ret)
{
	int form = atomic_load_explicit(&lt->form, memory_order_relaxed);
	int r = MDB_NOTFOUND;

	if (form != FORM_PLAIN) {
		r = find(lt, txn, key, FORM_NUL, ret);
		if (r == 0)
			atomic_store_explicit(&lt->form, FORM_NUL, memory_order_relaxed);
	}
	if (r == MDB_NOTFOUND && form != FORM_NUL) {
		r = find(lt, txn, key, FORM_PLAIN, ret);
		if (r == 0)
			atomic_store_explicit(&lt->form, FORM_PLAIN, memory_order_relaxed);
	}
	return r;
}

static enum lookup lmdb_get(const struct table *t, struct str key, struct buf *ret, struct why *why)
{
	struct lmdb_table *lt = t->impl;
	MDB_txn *txn = NULL;
	MDB_val v;

	if (lmdb_file_begin(&lt->file, &txn, why) < 0)
		return LOOKUP_TEMPFAIL;

	int r = find_any(lt, txn, key, &v);
	int added = r == 0 ? buf_add(ret, value_of(&v)) : 0;

	lmdb_file_end(&lt->file, txn);
	if (r == MDB_NOTFOUND)
		return LOOKUP_NONE;
	if (r == 0 && added == 0)
		return LOOKUP_FOUND;
	(void)why_set(why, -EIO, "%s", r == 0 ? "value is too long" : mdb_strerror(r));
	return LOOKUP_TEMPFAIL;
}

static int lmdb_each(const struct table *t, table_each_fn fn, void *ctx, struct why *why)
{
	struct lmdb_table *lt = t->impl;
	MDB_txn *txn = NULL;
	MDB_cursor *cursor = NULL;
	MDB_val k, v;
	int stop = lmdb_file_begin(&lt->file, &txn, why);

	if (stop < 0)
		return stop;

	int r = mdb_cursor_open(txn, lt->file.dbi, &cursor);

	for (MDB_cursor_op op = MDB_FIRST; r == 0 && stop == 0; op = MDB_NEXT) {
		r = mdb_cursor_get(cursor, &k, &v, op);
		if (r == 0)
			stop = fn(ctx, value_of(&k), value_of(&v));
	}
	if (cursor != NULL)
		mdb_cursor_close(cursor);
	lmdb_file_end(&lt->file, txn);
	if (r != 0 && r != MDB_NOTFOUND)
		return why_set(why, lmdb_errno(r), "read database: %s", mdb_strerror(r));
	return stop;
}

const struct table_ops table_lmdb_ops = {
	.type = "lmdb",
	.open = lmdb_open,
	.close = lmdb_close,
	.get = lmdb_get,
	.changed = lmdb_changed,
	.each = lmdb_each,
};
