/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table_test.h — what the tests of src/table share: settings, a collector of notes, scratch files,
 * and a row of "ask this table that key".
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "table/build.h"
#include "table/table.h"

/** Notes since tt_reset(), one a line. */
static struct buf tt_notes = { .limit = BUF_MEDIUM };

static inline void tt_collect(void *ctx, enum note_level level, const char *text)
{
	static const char *const names[] = { "debug", "info", "warn", "error" };

	(void)ctx;
	buf_putf(&tt_notes, "%s: %s\n", names[level], text);
}

static const struct notes tt_note = { .fn = tt_collect };

static const struct table_settings tt_settings = {
	.default_database_type = "lmdb",
	.hash_redirect = "lmdb",
	.btree_redirect = "lmdb",
	.lmdb_map_size = (size_t)16 * 1024 * 1024,
	.notes = &tt_note,
};

static inline void tt_reset(void)
{
	buf_clear(&tt_notes);
}

/** Fail unless the notes contain this text. */
static inline void tt_expect_note(const char *text)
{
	if (str_find(buf_str(&tt_notes), str_of(text)) < 0)
		fail_msg("no note \"%s\" in:\n%s", text, buf_cstr(&tt_notes));
}

/** Write a file in the working directory of the tests. */
static inline void tt_file(const char *path, const char *content)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(content, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

struct tt_row {
	const char *spec;
	unsigned flags;
	const char *key;
	enum lookup want;
	const char *value;
};

/** Ask and compare; prints the row that fails. */
static inline void tt_run(const struct tt_row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct tt_row *row = &rows[i];
		struct table *t = table_open(&tt_settings, str_of(row->spec), row->flags);
		struct buf value = BUF(BUF_MEDIUM);
		struct why why = { "" };
		enum lookup got = table_get(t, str_of(row->key), &value, &why);

		if (got != row->want ||
			(got == LOOKUP_FOUND && strcmp(buf_cstr(&value), row->value) != 0) ||
			(got == LOOKUP_TEMPFAIL && row->value != NULL &&
				str_find(str_of(why.text), str_of(row->value)) < 0))
			fail_msg("row %zu: %s \"%s\": got %d \"%s\" (%s), want %d \"%s\"", i,
				row->spec, row->key, got, buf_cstr(&value), why.text, row->want,
				row->value == NULL ? "" : row->value);
		buf_done(&value);
		table_unref(t);
	}
}
