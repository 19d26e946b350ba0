/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/unit/conf/dir.h — a configuration directory for a test, and a collector of notes.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/why.h"

struct dir {
	char path[64];
};

/** Write a file in the directory; NULL text: nothing. */
static inline void dir_write(const struct dir *d, const char *name, const char *text)
{
	char file[128];
	FILE *f;

	if (text == NULL)
		return;
	snprintf(file, sizeof file, "%s/%s", d->path, name);
	f = fopen(file, "we");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

/** Make a directory with main.cf and master.cf; NULL leaves a file out. */
static inline struct dir dir_make(const char *main_cf, const char *master_cf)
{
	struct dir d = { "/tmp/postroad-conf-XXXXXX" };

	assert_non_null(mkdtemp(d.path));
	dir_write(&d, "main.cf", main_cf);
	dir_write(&d, "master.cf", master_cf);
	return d;
}

/** Remove the directory with both files. */
static inline void dir_remove(const struct dir *d)
{
	static const char *const names[] = { "main.cf", "master.cf" };
	char file[128];

	for (size_t i = 0; i < 2; i++) {
		snprintf(file, sizeof file, "%s/%s", d->path, names[i]);
		(void)unlink(file);
	}
	assert_int_equal(rmdir(d->path), 0);
}

/** A notes function that appends lines to a struct buf. */
static inline void collect(void *ctx, enum note_level level, const char *text)
{
	(void)level;
	buf_putf(ctx, "%s\n", text);
}
