/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table/cdb.c — cdb:PATH: lookups in PATH.cdb, a file that is never changed, only replaced.
 *
 * postmap writes neither keys nor values with a NUL byte; others do: both forms are tried until one
 * is found. The library keeps the place of what it found in its handle, so each lookup takes a copy.
 */
#include <cdb.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>

#include "base/fd.h"
#include "base/mem.h"
#include "table/table_priv.h"

enum key_form {
	FORM_UNKNOWN,
	FORM_NUL,
	FORM_PLAIN,
};

struct cdb_table {
	struct cdb cdb;
	bool is_open;
	struct table_stamp stamp;
	atomic_int form; /* enum key_form */
};

/* Open what the name says now, also when it is replaced between open and stat. */
static int cdb_table_open(struct table *t, struct why *why)
{
	struct cdb_table *ct = mem_new(struct cdb_table);
	_cleanup_buf_ struct buf path = BUF_LOCAL(BUF_SMALL);

	t->impl = ct;
	if (buf_addf(&path, "%s.cdb", t->name) < 0)
		return why_set(why, -ENAMETOOLONG, "open database: name is too long");

	int fd = open(buf_cstr(&path), O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return why_errno(why, -errno, "open database %s", buf_cstr(&path));
	if (cdb_init(&ct->cdb, fd) < 0) {
		int r = errno == 0 ? -EIO : -errno;

		fd_close(fd);
		return why_errno(why, r, "open database %s", buf_cstr(&path));
	}
	ct->is_open = true;
	table_note_stale(t->s.notes, fd, buf_cstr(&path), t->name);
	return table_stamp_take(&ct->stamp, fd);
}

static void cdb_table_close(struct table *t)
{
	struct cdb_table *ct = t->impl;

	if (ct != NULL && ct->is_open) {
		int fd = cdb_fileno(&ct->cdb);

		cdb_free(&ct->cdb);
		fd_close(fd);
	}
	free(ct);
}

static bool cdb_changed(const struct table *t)
{
	const struct cdb_table *ct = t->impl;

	return table_stamp_changed(&ct->stamp);
}

/* Append the value that `c` stands on, up to the first NUL byte. */
static int add_value(const struct cdb *c, struct buf *ret)
{
	const char *p = cdb_getdata(c);

	if (p == NULL)
		return -EIO;

	const char *nul = memchr(p, '\0', cdb_datalen(c));

	return buf_add(ret, str_from(p, nul == NULL ? cdb_datalen(c) : (size_t)(nul - p)));
}

static int find_any(struct cdb_table *ct, struct cdb *c, struct str key)
{
	int form = atomic_load_explicit(&ct->form, memory_order_relaxed);
	int r = 0;

	if (form != FORM_PLAIN) {
		r = cdb_find(c, key.ptr, (unsigned)key.len + 1);
		if (r > 0)
			atomic_store_explicit(&ct->form, FORM_NUL, memory_order_relaxed);
	}
	if (r == 0 && form != FORM_NUL) {
		r = cdb_find(c, key.ptr, (unsigned)key.len);
		if (r > 0)
			atomic_store_explicit(&ct->form, FORM_PLAIN, memory_order_relaxed);
	}
	return r;
}

static enum lookup cdb_table_get(const struct table *t, struct str key, struct buf *ret,
	struct why *why)
{
	struct cdb_table *ct = t->impl;
	struct cdb c = ct->cdb;

	if (key.len >= UINT_MAX)
		return LOOKUP_NONE;

	int r = find_any(ct, &c, key);

	if (r == 0)
		return LOOKUP_NONE;
	if (r > 0)
		r = add_value(&c, ret);
	else
		r = errno == 0 ? -EIO : -errno;
	if (r == 0)
		return LOOKUP_FOUND;
	(void)why_errno(why, r, "read database");
	return LOOKUP_TEMPFAIL;
}

static int cdb_each(const struct table *t, table_each_fn fn, void *ctx, struct why *why)
{
	struct cdb_table *ct = t->impl;
	struct cdb c = ct->cdb;
	unsigned pos;
	int r;

	cdb_seqinit(&pos, &c);
	while ((r = cdb_seqnext(&pos, &c)) > 0) {
		_cleanup_buf_ struct buf value = BUF_LOCAL(SIZE_MAX / 2);
		const char *k = cdb_getkey(&c);

		if (k == NULL || add_value(&c, &value) < 0)
			return why_set(why, -EIO, "read database");

		size_t len = cdb_keylen(&c);
		int stop = fn(ctx, str_from(k, len > 0 && k[len - 1] == '\0' ? len - 1 : len),
			buf_str(&value));

		if (stop != 0)
			return stop;
	}
	return r < 0 ? why_errno(why, errno == 0 ? -EIO : -errno, "read database") : 0;
}

const struct table_ops table_cdb_ops = {
	.type = "cdb",
	.open = cdb_table_open,
	.close = cdb_table_close,
	.get = cdb_table_get,
	.changed = cdb_changed,
	.each = cdb_each,
};
