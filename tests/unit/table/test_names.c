/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of table/names.c.
 */
#include <errno.h>
#include <fcntl.h>

#include "base/strv.h"
#include "table/table_priv.h"
#include "table_test.h"

static void test_split(void **state)
{
	static const struct {
		const char *in;
		int want;
		const char *out; /* items joined by '|' */
	} rows[] = {
		{ "{a}", 0, "a" },
		{ " { a, b  c } ", 0, "a|b|c" },
		{ "{ {a b} , t:{x y} z }", 0, "{a b}|t:{x y}|z" },
		{ "{}", -EINVAL, "" },
		{ "{ , }", -ENODATA, "" },
		{ "a", -EINVAL, "" },
		{ "{a", -EINVAL, "" },
		{ "a}", -EINVAL, "" },
		{ "{a}b", -EINVAL, "" },
		{ "{a}{b}", -EINVAL, "" },
		{ "{a{b}", -EINVAL, "" },
		{ "", -EINVAL, "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct strv v = { 0 };
		struct buf b = BUF(BUF_SMALL);
		int r = table_split_braces(str_of(rows[i].in), &v);

		for (size_t k = 0; k < v.n; k++)
			buf_putf(&b, "%s%s", k > 0 ? "|" : "", v.v[k]);
		if (r != rows[i].want || strcmp(buf_cstr(&b), rows[i].out) != 0)
			fail_msg("\"%s\": %d \"%s\"", rows[i].in, r, buf_cstr(&b));
		buf_done(&b);
		strv_done(&v);
	}
}

static void test_strip(void **state)
{
	static const struct {
		const char *in;
		const char *wrong;
		const char *out;
	} rows[] = {
		{ "{a}", NULL, "a" },
		{ "{ a {b} c }  ", NULL, "a {b} c" },
		{ "{}", NULL, "" },
		{ "a", "no '{' at start of text", NULL },
		{ "", "no '{' at start of text", NULL },
		{ "{a", "missing '}'", NULL },
		{ "{a}b", "syntax error after '}'", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct str out = STR_EMPTY;
		const char *wrong = table_strip_braces(str_of(rows[i].in), &out);

		if ((wrong == NULL) != (rows[i].wrong == NULL) ||
			(wrong != NULL && strcmp(wrong, rows[i].wrong) != 0) ||
			(wrong == NULL && !str_eq(out, str_of(rows[i].out))))
			fail_msg("\"%s\": %s \"" STR_FMT "\"", rows[i].in,
				wrong == NULL ? "ok" : wrong, STR_ARG(out));
	}
}

static void test_stamp(void **state)
{
	struct table_stamp st;
	struct timespec times[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };

	(void)state;
	tt_file("names-test", "x");

	int fd = open("names-test", O_RDWR | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(table_stamp_take(&st, fd), 0);
	assert_false(table_stamp_changed(&st));
	assert_int_equal(futimens(fd, times), 0);
	assert_true(table_stamp_changed(&st));
	assert_int_equal(table_stamp_take(&st, fd), 0);
	assert_false(table_stamp_changed(&st));
	/* A source file that is younger by more than 100 seconds. */
	tt_file("names-source", "x");
	times[0].tv_sec = times[1].tv_sec = time(NULL) - 200;
	assert_int_equal(utimensat(AT_FDCWD, "names-source", times, 0), 0);
	tt_reset();
	table_note_stale(&tt_note, fd, "DB", "names-source");
	tt_expect_note("warn: database DB is older than source file names-source\n");
	times[0].tv_sec = times[1].tv_sec = time(NULL) - 50;
	assert_int_equal(utimensat(AT_FDCWD, "names-source", times, 0), 0);
	tt_reset();
	table_note_stale(&tt_note, fd, "DB", "names-source");
	assert_int_equal(tt_notes.len, 0);
	assert_int_equal(unlink("names-test"), 0);
	assert_true(table_stamp_changed(&st));
	(void)unlink("names-source");
	(void)close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_split),
		cmocka_unit_test(test_strip),
		cmocka_unit_test(test_stamp),
	};
	int r = cmocka_run_group_tests(tests, NULL, NULL);

	buf_done(&tt_notes);
	return r;
}
