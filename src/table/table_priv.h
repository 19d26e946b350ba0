/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table/table_priv.h — what a table type provides and what it may use.
 *
 * A type is one constant `struct table_ops`. open() runs once, before any lookup; get() is called
 * from any number of threads with a key that is folded, validated and followed by a NUL byte.
 */
#pragma once

#include <stdatomic.h>
#include <sys/stat.h>

#include "table/build.h"
#include "table/table.h"

struct table_ops {
	const char *type;
	/** Only whole keys make sense. */
	bool pattern;
	/** 0, or negative errno with the reason that the surrogate repeats. */
	int (*open)(struct table *t, struct why *why);
	/** Free t->impl; called also after a failed open(). */
	void (*close)(struct table *t);
	/** Append to ret when found; why only for LOOKUP_TEMPFAIL. */
	enum lookup (*get)(const struct table *t, struct str key, struct buf *ret, struct why *why);
	/** Has the file changed? NULL: read once, never noticed. */
	bool (*changed)(const struct table *t);
	/** Visit all pairs; NULL: not supported. */
	int (*each)(const struct table *t, table_each_fn fn, void *ctx, struct why *why);
};

struct table {
	const struct table_ops *ops;
	char *spec;       /* "type:name" as given */
	const char *type; /* type as given (an alias such as "hash" keeps its name) */
	const char *name; /* points into spec */
	char *type_text;
	unsigned flags;
	bool pattern;            /* ops->pattern unless members decide */
	struct table_settings s; /* strings are the caller's */
	char *failed;
	void *impl;
	atomic_uint refs;
};

/** Is this name of a type known and what does it do; NULL when not. */
const struct table_ops *table_ops_find(struct str type);

extern const struct table_ops table_static_ops;
extern const struct table_ops table_inline_ops;
extern const struct table_ops table_texthash_ops;
extern const struct table_ops table_internal_ops;
extern const struct table_ops table_environ_ops;
extern const struct table_ops table_unix_ops;
extern const struct table_ops table_fail_ops;
extern const struct table_ops table_randmap_ops;
extern const struct table_ops table_pipemap_ops;
extern const struct table_ops table_unionmap_ops;
extern const struct table_ops table_proxy_ops;
extern const struct table_ops table_debug_ops;
extern const struct table_ops table_cidr_ops;
extern const struct table_ops table_regexp_ops;
extern const struct table_ops table_pcre_ops;
extern const struct table_ops table_lmdb_ops;
extern const struct table_ops table_cdb_ops;
extern const struct table_ops table_hash_ops;
extern const struct table_ops table_btree_ops;

/**
 * Open a member of a compound table: fails where table_open() would make a surrogate.
 *
 * @return 0; -EINVAL with the member's reason
 */
_must_use_ int table_open_member(const struct table *outer, struct str spec, struct table **ret,
	struct why *why);
/** Ask a member: its own folding and checks apply, and its reason arrives without decoration. */
_must_use_ enum lookup table_get_member(const struct table *t, struct str key, struct buf *ret,
	struct why *why);

/**
 * Split "{ item, {item two} }" into items; the outer braces are required.
 *
 * @return 0; -EINVAL when braces are missing or unbalanced, or when nothing is inside; -ENODATA when only
 *         blanks and commas are
 */
_must_use_ int table_split_braces(struct str name, struct strv *ret);
/** "{ text }" without braces and surrounding blanks; NULL or the documented complaint. */
const char *table_strip_braces(struct str text, struct str *ret);

/* ---- files that are watched ---- */

/** Identity of an open file, to notice that it changed. */
struct table_stamp {
	int fd; /* not owned */
	struct timespec mtime;
};

/** Remember how the file is now: 0 or negative errno. */
_must_use_ int table_stamp_take(struct table_stamp *st, int fd);
/** True when the file was modified or unlinked since. */
bool table_stamp_changed(const struct table_stamp *st);
/** Note when the indexed file `fd` (called `db`) is older than its source file. */
void table_note_stale(const struct notes *n, int fd, const char *db, const char *source);
