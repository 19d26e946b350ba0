/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table/table.h — lookup tables: one interface, one file a type.
 *
 * A table is opened once, is immutable afterwards and may be asked from any number of threads. A
 * table that cannot be opened is opened all the same: each lookup then is LOOKUP_TEMPFAIL with the
 * reason (documented behaviour; a daemon does not exit for it). Lookup failure is never "not found".
 */
#pragma once

#include "base/buf.h"
#include "base/clock.h"
#include "base/strv.h"
#include "base/why.h"

/** The outcome of a lookup; callers must deal with all three. */
enum lookup {
	LOOKUP_FOUND,
	LOOKUP_NONE,
	LOOKUP_TEMPFAIL,
};

/** What the user of a table wants. Names as in the documentation of dictionary flags. */
enum table_flags {
	TABLE_FOLD_FIX = 1 << 0,  /* fold keys of fixed-string tables to lower case */
	TABLE_FOLD_MUL = 1 << 1,  /* fold keys of pattern tables */
	TABLE_NO_REGSUB = 1 << 2, /* refuse $n substitution */
	TABLE_NO_PROXY = 1 << 3,  /* bypass proxy: */
	TABLE_NO_UNAUTH = 1 << 4, /* refuse tables without authentication (tcp, socketmap, ...) */
	TABLE_UTF8 = 1 << 5,      /* Unicode folding and validation (smtputf8_enable) */
	TABLE_SRC_RHS_IS_FILE = 1 << 6,
	TABLE_PARANOID = TABLE_NO_REGSUB | TABLE_NO_PROXY | TABLE_NO_UNAUTH,
};

/** What opening tables needs to know of the configuration; strings live as long as the tables. */
struct table_settings {
	const char *default_database_type; /* for names without "type:" where that is documented */
	const char *queue_directory;
	const char *proxy_path;     /* socket of proxymap; NULL: proxy: opens the table directly */
	const char *hash_redirect;  /* type that serves hash: ("lmdb", "cdb"); NULL: none */
	const char *btree_redirect; /* type that serves btree: */
	bool quiet_redirect;        /* do not note each redirection */
	size_t lmdb_map_size;
	const struct notes *notes; /* bad rules, duplicate keys, older than source */
};

struct table;

/**
 * Open "type:name".
 *
 * @param spec    "lmdb:/etc/postfix/virtual", "inline:{a=b}", ...
 * @param flags   enum table_flags
 * @return a table, always; it holds one reference. See table_failed().
 */
_alloc_ struct table *table_open(const struct table_settings *s, struct str spec, unsigned flags);
/** Another holder of the same table. */
struct table *table_ref(struct table *t);
/** Drop a reference; the last one closes. NULL is accepted. */
void table_unref(struct table *t);
/** NULL, or why the table could not be opened. */
const char *table_failed(const struct table *t);
/** "type:name". */
const char *table_spec(const struct table *t);
/** Whole keys only (regexp, pcre, cidr, fail, randmap, ...): no partial keys are asked. */
bool table_is_pattern(const struct table *t);
/** The file behind the table has changed since it was opened. */
bool table_changed(const struct table *t);

/**
 * Look up one key.
 *
 * An empty result counts as a configuration error (LOOKUP_TEMPFAIL) as documented.
 * @param ret    value, appended; unchanged unless found
 * @param why    reason of LOOKUP_TEMPFAIL: "type:name lookup error for "key"" and the cause
 * Blocks: on disk or a backend, bounded by the type's own limit.
 */
_must_use_ enum lookup table_get(const struct table *t, struct str key, struct buf *ret,
	struct why *why);

/** A list of tables from one parameter, asked in order ("type:name, type:name"). */
struct tables {
	struct table **v;
	size_t n;
	const char *title; /* parameter name for messages */
};

/**
 * Open a list separated by commas and white space; { } protect blanks.
 *
 * @return 0; -EINVAL when the list itself is malformed; tables that do not open are surrogates
 */
_must_use_ int tables_open(const struct table_settings *s, const char *title, struct str list,
	unsigned flags, struct tables *ret, struct why *why);
/** Close all. */
void tables_done(struct tables *l);
/** Ask each in turn with one key; pattern tables are skipped when `partial`. First answer wins. */
_must_use_ enum lookup tables_get(const struct tables *l, struct str key, bool partial,
	struct buf *ret, struct why *why);
/** Name of the first table whose file has changed, or NULL. */
const char *tables_changed(const struct tables *l);

/** All types this build knows, as a sorted NULL-terminated array. */
const char *const *table_types(void);

/* ---- building indexed files (postmap, postalias) and other types: see table/build.h ---- */
