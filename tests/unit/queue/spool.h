/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A queue directory of its own for a test: made before, entered, removed after.
 */
#pragma once

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char spool_dir[64];

static inline int spool_remove_one(const char *path, const struct stat *st, int flag,
	struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static inline int spool_setup(void **state)
{
	static const char *const dirs[] = { "maildrop", "incoming", "active", "deferred", "hold",
		"corrupt", "defer", "journal" };

	(void)state;
	(void)snprintf(spool_dir, sizeof(spool_dir), "/tmp/queue_test.XXXXXX");
	if (mkdtemp(spool_dir) == NULL || chdir(spool_dir) < 0)
		return -1;
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		if (mkdir(dirs[i], 0700) < 0)
			return -1;
	return 0;
}

static inline int spool_teardown(void **state)
{
	(void)state;
	return chdir("/") < 0 ? -1 : nftw(spool_dir, spool_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
