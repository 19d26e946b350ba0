/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of queue/scan.c: what a scan finds and what it passes over.
 */
#include <errno.h>
#include <fcntl.h>

#include "base/fd.h"
#include "base/strv.h"
#include "queue/dir.h"
#include "spool.h"

static void touch(const char *path)
{
	int fd = fd_open(path, O_CREAT | O_WRONLY, 0600);

	assert_true(fd >= 0);
	fd_close(fd);
}

static void test_scan(void **state)
{
	static const char *const dirs[] = { "deferred/A", "deferred/A/B", "deferred/LONGDIR",
		"deferred/B" };
	static const char *const files[] = { "deferred/A/A1", "deferred/A/B/AB2", "deferred/C3",
		"deferred/X", "deferred/123.45", "deferred/A/bad-name", "deferred/LONGDIR/Z9",
		"deferred/a_b" };
	static const char *const want[] = { "deferred/A/A1", "deferred/A/B/AB2", "deferred/C3",
		"deferred/X", "deferred/a_b" };
	static const char *const flat[] = { "deferred/A", "deferred/B", "deferred/LONGDIR",
		"deferred/C3", "deferred/X", "deferred/a_b" };
	_cleanup_strv_ struct strv found = { 0 };
	_cleanup_(queue_scan_closep) struct queue_scan *s = NULL;
	struct str id;
	int r;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
		assert_int_equal(mkdir(dirs[i], 0700), 0);
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		touch(files[i]);
	assert_int_equal(queue_scan_open(STR("deferred"), &s), 0);
	while ((r = queue_scan_next(s, &id)) == 1) {
		assert_true(str_ends(str_of(queue_scan_path(s)), id));
		strv_add(&found, str_of(queue_scan_path(s)));
	}
	assert_int_equal(r, 0);
	assert_int_equal(found.n, ARRAY_LEN(want));
	for (size_t i = 0; i < ARRAY_LEN(want); i++)
		if (!strv_has(&found, str_of(want[i])))
			fail_msg("%s not found", want[i]);
	assert_int_equal(queue_scan_next(s, &id), 0);
	/* A flat one: the directories themselves, nothing in them. */
	queue_scan_closep(&s);
	strv_done(&found);
	assert_int_equal(queue_scan_open(STR("deferred"), &s), 0);
	queue_scan_flat(s);
	while ((r = queue_scan_next(s, &id)) == 1)
		strv_add(&found, str_of(queue_scan_path(s)));
	assert_int_equal(r, 0);
	assert_int_equal(found.n, 6);
	for (size_t i = 0; i < ARRAY_LEN(flat); i++)
		if (!strv_has(&found, str_of(flat[i])))
			fail_msg("%s not found", flat[i]);
}

static void test_refusals(void **state)
{
	struct queue_scan *s = NULL;

	(void)state;
	assert_int_equal(queue_scan_open(STR("nowhere"), &s), -ENOENT);
	assert_int_equal(queue_scan_open(STR("../etc"), &s), -EINVAL);
	queue_scan_close(NULL);
}

static void test_remove_while_scanning(void **state)
{
	_cleanup_(queue_scan_closep) struct queue_scan *s = NULL;
	struct str id;
	unsigned n = 0;

	(void)state;
	for (int i = 0; i < 300; i++) {
		char path[64];

		(void)snprintf(path, sizeof(path), "active/F%d", i);
		touch(path);
	}
	assert_int_equal(queue_scan_open(STR("active"), &s), 0);
	while (queue_scan_next(s, &id) == 1) {
		assert_int_equal(unlink(queue_scan_path(s)), 0);
		n++;
	}
	assert_int_equal(n, 300);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_scan, spool_setup, spool_teardown),
		cmocka_unit_test_setup_teardown(test_refusals, spool_setup, spool_teardown),
		cmocka_unit_test_setup_teardown(test_remove_while_scanning, spool_setup,
			spool_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
