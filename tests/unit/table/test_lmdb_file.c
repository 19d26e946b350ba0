/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of table/lmdb_file.c: locks that exclude other programs.
 */
#include "table/lmdb_file.h"

#include <errno.h>
#include <fcntl.h>

#include "table_test.h"

/* Can somebody else lock the file now? */
static bool can_lock(const char *path, short type)
{
	struct flock fl = { .l_type = type, .l_whence = SEEK_SET };
	int fd = open(path, O_RDWR | O_CLOEXEC);

	assert_true(fd >= 0);

	bool ok = fcntl(fd, F_OFD_SETLK, &fl) == 0;

	(void)close(fd);
	return ok;
}

static void test_locks(void **state)
{
	struct lmdb_file f;
	struct why why = { "" };
	MDB_txn *one = NULL, *two = NULL;

	(void)state;
	assert_int_equal(lmdb_file_open(&f, "lmdb-file.lmdb", 0, 1024 * 1024, 0644, &why), 0);
	assert_true(can_lock("lmdb-file.lmdb", F_WRLCK));
	assert_int_equal(lmdb_file_begin(&f, &one, &why), 0);
	assert_int_equal(lmdb_file_begin(&f, &two, &why), 0);
	assert_false(can_lock("lmdb-file.lmdb", F_WRLCK));
	assert_true(can_lock("lmdb-file.lmdb", F_RDLCK));
	lmdb_file_end(&f, one);
	assert_false(can_lock("lmdb-file.lmdb", F_WRLCK));
	lmdb_file_end(&f, two);
	assert_true(can_lock("lmdb-file.lmdb", F_WRLCK));
	assert_int_equal(lmdb_file_lock(&f, F_WRLCK), 0);
	assert_false(can_lock("lmdb-file.lmdb", F_RDLCK));
	lmdb_file_unlock(&f);
	lmdb_file_close(&f);
	lmdb_file_close(&f);
	(void)unlink("lmdb-file.lmdb");
}

static void test_errors(void **state)
{
	struct lmdb_file f;
	struct why why = { "" };

	(void)state;
	assert_int_equal(lmdb_file_open(&f, "no-such.lmdb", MDB_RDONLY, 1024 * 1024, 0, &why),
		-ENOENT);
	assert_string_equal(why.text, "open database no-such.lmdb: No such file or directory");
	tt_file("lmdb-file.lmdb", "this is not a database, whatever its name says ............");
	assert_true(lmdb_file_open(&f, "lmdb-file.lmdb", MDB_RDONLY, 1024 * 1024, 0, &why) < 0);
	(void)unlink("lmdb-file.lmdb");
	assert_int_equal(lmdb_errno(MDB_NOTFOUND), -ENOENT);
	assert_int_equal(lmdb_errno(MDB_MAP_FULL), -ENOSPC);
	assert_int_equal(lmdb_errno(MDB_CORRUPTED), -EIO);
	assert_int_equal(lmdb_errno(EACCES), -EACCES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_locks),
		cmocka_unit_test(test_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
