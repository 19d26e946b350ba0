/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table/lmdb_write.c — changing PATH.lmdb: one transaction from the first change to commit, under an
 * exclusive lock of the file.
 *
 * A transaction that fills the map cannot go on: it is aborted, the map is doubled, and the changes
 * since the last commit, which are kept for that, are made again.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "table/build_priv.h"
#include "table/lmdb_file.h"

/* The map is doubled at most to this. */
#define MAP_MAX ((size_t)1 << 40)

struct op {
	struct str key;   /* as stored, NUL included where wanted */
	struct str value; /* ptr NULL: remove */
	bool replace;
};

struct lmdb_writer {
	struct lmdb_file file;
	bool is_open;
	size_t map_size;
	MDB_txn *txn;
	struct op *ops;
	size_t n_ops, cap_ops;
};

static int failure(const struct table_writer *w, int r, struct why *why)
{
	if (r == MDB_BAD_VALSIZE)
		return why_set(why, -EMSGSIZE, "error updating %s: %s", w->spec, mdb_strerror(r));
	return why_set(why, lmdb_errno(r), "error updating %s: %s", w->spec, mdb_strerror(r));
}

static int writer_open(struct table_writer *w, mode_t mode, struct why *why)
{
	struct lmdb_writer *lw = mem_new(struct lmdb_writer);
	_cleanup_buf_ struct buf path = BUF_LOCAL(BUF_SMALL);
	unsigned flags = (w->write & TABLE_WRITE_NOSYNC) != 0 ? MDB_NOSYNC : 0;

	w->impl = lw;
	if (buf_addf(&path, "%s.lmdb", w->name) < 0)
		return why_set(why, -ENAMETOOLONG, "open database: name is too long");
	lw->map_size = MAX(w->s.lmdb_map_size, (size_t)1024 * 1024);

	int r = lmdb_file_open(&lw->file, buf_cstr(&path), flags, lw->map_size, mode, why);

	lw->is_open = r == 0;
	return r;
}

static void forget_ops(struct lmdb_writer *lw)
{
	for (size_t i = 0; i < lw->n_ops; i++) {
		free((void *)(uintptr_t)lw->ops[i].key.ptr);
		free((void *)(uintptr_t)lw->ops[i].value.ptr);
	}
	lw->n_ops = 0;
}

static void abandon(struct lmdb_writer *lw)
{
	if (lw->txn != NULL) {
		mdb_txn_abort(lw->txn);
		lw->txn = NULL;
		lmdb_file_unlock(&lw->file);
	}
}

static void writer_free(struct table_writer *w)
{
	struct lmdb_writer *lw = w->impl;

	if (lw == NULL)
		return;
	abandon(lw);
	forget_ops(lw);
	free(lw->ops);
	if (lw->is_open)
		lmdb_file_close(&lw->file);
	free(lw);
}

/* Start a transaction unless one runs: 0 or LMDB's result. */
static int begin(struct table_writer *w)
{
	struct lmdb_writer *lw = w->impl;
	int r;

	if (lw->txn != NULL)
		return 0;
	r = lmdb_file_lock(&lw->file, F_WRLCK);
	if (r < 0)
		return -r;
	r = mdb_txn_begin(lw->file.env, NULL, 0, &lw->txn);
	if (r == MDB_MAP_RESIZED) {
		r = mdb_env_set_mapsize(lw->file.env, 0);
		if (r == 0)
			r = mdb_txn_begin(lw->file.env, NULL, 0, &lw->txn);
	}
	if (r == 0 && (w->write & TABLE_WRITE_BULK) != 0)
		r = mdb_drop(lw->txn, lw->file.dbi, 0);
	if (r != 0) {
		if (lw->txn != NULL)
			mdb_txn_abort(lw->txn);
		lw->txn = NULL;
		lmdb_file_unlock(&lw->file);
	}
	return r;
}

static int apply(struct lmdb_writer *lw, const struct op *op)
{
	MDB_val k = { .mv_size = op->key.len, .mv_data = (void *)(uintptr_t)op->key.ptr };
	MDB_val v = { .mv_size = op->value.len, .mv_data = (void *)(uintptr_t)op->value.ptr };

	if (op->value.ptr == NULL)
		return mdb_del(lw->txn, lw->file.dbi, &k, NULL);
	return mdb_put(lw->txn, lw->file.dbi, &k, &v, op->replace ? 0 : MDB_NOOVERWRITE);
}

/* Double the map and repeat what this transaction had done. */
static int grow(struct table_writer *w)
{
	struct lmdb_writer *lw = w->impl;
	int r = MDB_MAP_FULL;

	while (r == MDB_MAP_FULL && lw->map_size < MAP_MAX) {
		MDB_envinfo info;

		abandon(lw);
		r = mdb_env_info(lw->file.env, &info);
		if (r != 0)
			return r;
		lw->map_size = MAX(lw->map_size, info.me_mapsize) * 2;
		r = mdb_env_set_mapsize(lw->file.env, lw->map_size);
		if (r == 0)
			r = begin(w);
		for (size_t i = 0; r == 0 && i < lw->n_ops; i++)
			r = apply(lw, &lw->ops[i]);
	}
	return r;
}

/* The change is made: remember it for grow(). Takes key and value. */
static void remember(struct lmdb_writer *lw, struct op op)
{
	if (lw->n_ops == lw->cap_ops) {
		lw->cap_ops = MAX((size_t)64, lw->cap_ops * 2);
		lw->ops = mem_resize(lw->ops, lw->cap_ops, sizeof(*lw->ops));
	}
	lw->ops[lw->n_ops++] = (struct op){
		.key = str_from(str_dup(op.key), op.key.len),
		.value = op.value.ptr == NULL ? (struct str){ NULL, 0 }
					      : str_from(str_dup(op.value), op.value.len),
		.replace = op.replace,
	};
}

/* One change in the transaction: 0 or LMDB's result. */
static int change(struct table_writer *w, const struct op *op)
{
	struct lmdb_writer *lw = w->impl;
	int r = begin(w);

	if (r == 0)
		r = apply(lw, op);
	if (r == MDB_MAP_FULL) {
		r = grow(w);
		if (r == 0)
			r = change(w, op);
		return r;
	}
	if (r == 0)
		remember(lw, *op);
	return r;
}

static int writer_put(struct table_writer *w, struct str key, struct str value, bool replace,
	struct why *why)
{
	struct op op = { .key = key, .value = value, .replace = replace };

	if (w->nul) {
		op.key.len++;
		op.value.len++;
	}

	int r = change(w, &op);

	if (r == MDB_KEYEXIST)
		return -EEXIST;
	return r == 0 ? 0 : failure(w, r, why);
}

static int writer_del(struct table_writer *w, struct str key, struct why *why)
{
	struct op op = { .key = str_from(key.ptr, key.len + 1), .value = { NULL, 0 } };
	int r = change(w, &op);

	/* Files of other programs may hold the key without NUL. */
	if (r == MDB_NOTFOUND && key.len > 0) {
		op.key.len--;
		r = change(w, &op);
	}
	if (r == MDB_NOTFOUND || r == MDB_BAD_VALSIZE)
		return why_set(why, -ENOENT, "%s: no such key", w->spec);
	return r == 0 ? 0 : failure(w, r, why);
}

static struct str text_of(const MDB_val *v)
{
	const char *nul = memchr(v->mv_data, '\0', v->mv_size);

	return str_from(v->mv_data,
		nul == NULL ? v->mv_size : (size_t)(nul - (const char *)v->mv_data));
}

static enum lookup writer_get(struct table_writer *w, struct str key, struct buf *ret,
	struct why *why)
{
	struct lmdb_writer *lw = w->impl;
	MDB_txn *txn = lw->txn;
	int r = 0;

	if (txn == NULL && lmdb_file_begin(&lw->file, &txn, why) < 0)
		return LOOKUP_TEMPFAIL;

	MDB_val k = { .mv_size = key.len + 1, .mv_data = (void *)(uintptr_t)key.ptr }, v;

	r = mdb_get(txn, lw->file.dbi, &k, &v);
	if (r == MDB_NOTFOUND && key.len > 0) {
		k.mv_size = key.len;
		r = mdb_get(txn, lw->file.dbi, &k, &v);
	}
	if (r == 0 && buf_add(ret, text_of(&v)) < 0)
		r = ENOSPC;
	if (txn != lw->txn)
		lmdb_file_end(&lw->file, txn);
	if (r == 0)
		return LOOKUP_FOUND;
	if (r == MDB_NOTFOUND || r == MDB_BAD_VALSIZE)
		return LOOKUP_NONE;
	(void)why_set(why, -EIO, "%s: %s", w->spec, mdb_strerror(r));
	return LOOKUP_TEMPFAIL;
}

static int writer_each(struct table_writer *w, table_each_fn fn, void *ctx, struct why *why)
{
	struct lmdb_writer *lw = w->impl;
	MDB_txn *txn = lw->txn;
	MDB_cursor *cursor = NULL;
	MDB_val k, v;
	int stop = txn == NULL ? lmdb_file_begin(&lw->file, &txn, why) : 0;

	if (stop < 0)
		return stop;

	int r = mdb_cursor_open(txn, lw->file.dbi, &cursor);

	for (MDB_cursor_op op = MDB_FIRST; r == 0 && stop == 0; op = MDB_NEXT) {
		r = mdb_cursor_get(cursor, &k, &v, op);
		if (r == 0)
			stop = fn(ctx, text_of(&k), text_of(&v));
	}
	if (cursor != NULL)
		mdb_cursor_close(cursor);
	if (txn != lw->txn)
		lmdb_file_end(&lw->file, txn);
	return r != 0 && r != MDB_NOTFOUND ? failure(w, r, why) : stop;
}

static int writer_commit(struct table_writer *w, struct why *why)
{
	struct lmdb_writer *lw = w->impl;
	/* An empty source still replaces what was there. */
	int r = begin(w);

	if (r == 0) {
		r = mdb_txn_commit(lw->txn);
		lw->txn = NULL;
		lmdb_file_unlock(&lw->file);
		/* Commit itself may need room: make it and do everything once more. */
		if (r == MDB_MAP_FULL) {
			r = grow(w);
			if (r == 0)
				return writer_commit(w, why);
		}
	}
	forget_ops(lw);
	return r == 0 ? 0 : failure(w, r, why);
}

const struct writer_ops table_lmdb_writer_ops = {
	.type = "lmdb",
	.nul = true,
	.open = writer_open,
	.free = writer_free,
	.put = writer_put,
	.del = writer_del,
	.get = writer_get,
	.each = writer_each,
	.commit = writer_commit,
};
