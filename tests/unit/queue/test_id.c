/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of queue/id.c: ids that were seen on disk, and what is no id.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "queue/dir.h"

static void test_names(void **state)
{
	char longest[QUEUE_ID_MAX + 2];

	(void)state;
	memset(longest, 'a', sizeof(longest));
	assert_true(queue_id_ok(str_from(longest, 255)));
	assert_false(queue_id_ok(str_from(longest, 256)));
	assert_true(queue_id_ok(STR("a_b")));
	assert_false(queue_id_ok(STR("")));
	assert_false(queue_id_ok(STR("..")));
	assert_false(queue_id_ok(STR("a/b")));
	assert_false(queue_id_ok(STR("123.45")));
	assert_true(queue_name_ok(str_from(longest, 100)));
	assert_false(queue_name_ok(str_from(longest, 101)));
	assert_false(queue_name_ok(STR("a_b")));
	assert_false(queue_name_ok(STR("")));
}

static void test_forms(void **state)
{
	static const struct {
		const char *id;
		struct queue_id_parts p;
	} cases[] = {
		{ "6EE28A86233", { false, 0, 0x6ee28, 11035187 } },
		{ "000001", { false, 0, 0, 1 } },
		{ "4jWkxw5CcQz1c9wd", { true, 1795247684, 734470, 11035923 } },
		{ "0000000000z0", { true, 0, 0, 0 } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		_cleanup_buf_ struct buf b = BUF(BUF_SMALL);
		const struct queue_id_parts *w = &cases[i].p;
		struct queue_id_parts p = { 0 };

		if (w->is_long)
			queue_id_long(&b, w->sec, w->usec, w->inode);
		else
			queue_id_short(&b, w->usec, w->inode);
		assert_string_equal(buf_cstr(&b), cases[i].id);
		if (queue_id_parse(str_of(cases[i].id), &p) != 0 || p.is_long != w->is_long ||
			p.sec != w->sec || p.usec != w->usec || p.inode != w->inode)
			fail_msg("case %s", cases[i].id);
	}
}

static void test_not_ids(void **state)
{
	static const char *const cases[] = { "", "12345", "6EE2G1", "6EE28XYZ", "0123456789z",
		"012345678az1", "0123456789zz", "0123456789FFFFFFFFFFFFFFFF" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct queue_id_parts p;

		if (queue_id_parse(str_of(cases[i]), &p) != -EINVAL)
			fail_msg("case \"%s\"", cases[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_not_ids),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
