/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_table.c — sources of lookup tables: the first line of the input names the key, the second the
 * type, the rest is the text of the table (threats P11, R5).
 */
#include <stdio.h>
#include <unistd.h>

#include "base/fd.h"
#include "table/match.h"
#include "table/table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const types[] = { "texthash", "cidr", "regexp", "pcre" };

static const struct table_settings settings = { .default_database_type = "lmdb",
	.queue_directory = "/nonexistent" };

static void ask(struct str spec, struct str key, unsigned flags)
{
	_cleanup_buf_ struct buf value = BUF(BUF_MEDIUM);
	struct why why;
	struct table *t = table_open(&settings, spec, flags);
	enum lookup r = table_get(t, key, &value, &why);

	check(r == LOOKUP_FOUND || value.len == 0);
	check(r != LOOKUP_FOUND || value.len > 0);
	table_unref(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = str_from((const char *)data, size);
	struct str key, type;
	ptrdiff_t nl = str_chr(in, '\n');
	char path[] = "/tmp/postroad-fuzz.XXXXXX";
	char spec[128];
	_cleanup_buf_ struct buf list = BUF(BUF_MEDIUM);
	int fd;

	if (nl < 1)
		return 0;
	key = str_head(in, (size_t)nl);
	in = str_skip(in, (size_t)nl + 1);
	type = str_head(in, 1);
	in = str_skip(in, 2);
	fd = mkstemp(path);
	check(fd >= 0 && fd_write_all(fd, in) == 0);
	fd_close(fd);
	snprintf(spec, sizeof(spec), "%s:%s",
		types[type.len > 0 ? (unsigned char)type.ptr[0] % 4 : 0], path);
	ask(str_of(spec), key, TABLE_FOLD_FIX | TABLE_UTF8);
	ask(str_of(spec), key, TABLE_FOLD_MUL | TABLE_PARANOID);
	(void)unlink(path);
	if (memchr(in.ptr, '/', in.len) == NULL) { /* never a name of a file on this machine */
		struct why why;
		struct match_list *m = match_new(&settings, "fuzz", MATCH_NAMADR, true, in);

		(void)!match_client(m, key, STR("192.0.2.1"), &why);
		match_free(m);
	}
	return 0;
}
