/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table/build.h — writing tables (postmap, postalias, caches) and reading their source files.
 *
 * Indexed files are interchangeable with those of other programs: lmdb and hash-like keys and values
 * end in a NUL byte, cdb ones do not. A bulk build is one transaction (lmdb) or a new file that
 * replaces the old one (cdb): readers see the old table or the new one, never a part.
 */
#pragma once

#include <sys/types.h>

#include "table/table.h"

/** Called for each pair; a value other than 0 ends the walk and is returned. */
typedef int (*table_each_fn)(void *ctx, struct str key, struct str value);

/**
 * Visit all pairs of a table.
 *
 * @return 0; what fn returned; -ENOTSUP when the type cannot be walked; -EIO with why
 */
_must_use_ int table_each(const struct table *t, table_each_fn fn, void *ctx, struct why *why);
/** What to do with a key that is there already. */
enum table_dup {
	TABLE_DUP_WARN,    /* keep the old value, note it */
	TABLE_DUP_IGNORE,  /* keep the old value */
	TABLE_DUP_REPLACE, /* take the new value */
};

enum table_write_flags {
	TABLE_WRITE_BULK = 1 << 0,   /* start from nothing; what was there is replaced at commit */
	TABLE_WRITE_NOSYNC = 1 << 1, /* a cache: a crash of the machine may lose it */
	TABLE_WRITE_NUL = 1 << 2,    /* keys and values end in NUL, whatever the type's habit */
	TABLE_WRITE_NO_NUL = 1 << 3, /* they do not */
};

/** An open table that is changed. Not thread-safe. */
struct table_writer;

/**
 * Open "type:name" for writing; the file is made when absent.
 *
 * From the first change until commit other programs are locked out.
 *
 * @param spec     type and name; names without suffix
 * @param flags    enum table_flags: folding, Unicode, files as values
 * @param write    enum table_write_flags
 * @param mode     permissions of a new file
 * @param ret      free with table_writer_free()
 * @return 0; -ENOTSUP the type cannot be written, or not in this way; errno of open
 * Source: postmap(1).
 */
_must_use_ int table_writer_open(const struct table_settings *s, struct str spec, unsigned flags,
	unsigned write, mode_t mode, struct table_writer **ret, struct why *why);
/** Give up what was not committed; close. NULL is accepted. */
void table_writer_free(struct table_writer *w);
DEFINE_CLEANUP(struct table_writer *, table_writer_free);
/** "type:name" of the file that is written, after redirection. */
const char *table_writer_spec(const struct table_writer *w);
/**
 * Store a pair.
 *
 * @return 0 stored; -EEXIST the key is there and its value was kept; -EILSEQ not UTF-8; -EMSGSIZE key
 *         or value too long for the type; other errno
 */
_must_use_ int table_writer_put(struct table_writer *w, struct str key, struct str value,
	enum table_dup dup, struct why *why);
/** Remove a key: 0; -ENOENT not there; -ENOTSUP; other errno. */
_must_use_ int table_writer_del(struct table_writer *w, struct str key, struct why *why);
/** Look up in the state that includes changes not yet committed. */
_must_use_ enum lookup table_writer_get(struct table_writer *w, struct str key, struct buf *ret,
	struct why *why);
/** Visit all pairs; fn must not change the table. As table_each(). */
_must_use_ int table_writer_each(struct table_writer *w, table_each_fn fn, void *ctx,
	struct why *why);
/**
 * Make all changes since the last commit visible to others and, without TABLE_WRITE_NOSYNC, durable.
 *
 * @return 0; negative errno: nothing has changed
 */
_must_use_ int table_writer_commit(struct table_writer *w, struct why *why);

/** As table_get(), but an empty result is LOOKUP_FOUND and why holds the bare cause (postmap -q). */
_must_use_ enum lookup table_get_raw(const struct table *t, struct str key, struct buf *ret,
	struct why *why);
