/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table/build_priv.h — what a type provides to be written; see build.h.
 *
 * Keys arrive folded and validated, with a NUL byte behind them; values as they are to be stored,
 * likewise. Whether the NUL is stored is the type's habit unless `write` says.
 */
#pragma once

#include "table/table_priv.h"

struct writer_ops {
	const char *type;
	/** Words of "wants a NUL" when nobody says. */
	bool nul;
	/** Open the files behind w->name: 0 or negative errno. */
	int (*open)(struct table_writer *w, mode_t mode, struct why *why);
	void (*free)(struct table_writer *w);
	int (*put)(struct table_writer *w, struct str key, struct str value, bool replace,
		struct why *why);
	/** These may be NULL: the type can only be built anew. */
	int (*del)(struct table_writer *w, struct str key, struct why *why);
	enum lookup (
		*get)(struct table_writer *w, struct str key, struct buf *ret, struct why *why);
	int (*each)(struct table_writer *w, table_each_fn fn, void *ctx, struct why *why);
	int (*commit)(struct table_writer *w, struct why *why);
};

struct table_writer {
	const struct writer_ops *ops;
	struct table_settings s;
	char *spec;
	const char *name; /* path without suffix, in spec */
	unsigned flags;
	unsigned write;
	bool nul; /* store the NUL */
	void *impl;
};

extern const struct writer_ops table_lmdb_writer_ops;
extern const struct writer_ops table_cdb_writer_ops;

/** How a duplicate is called in the note: "lmdb:NAME" or "NAME". */
void table_writer_note_dup(const struct table_writer *w, struct str key);
