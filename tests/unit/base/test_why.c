/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of base/why.c.
 */
#include "base/why.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_text(void **state)
{
	char big[600];
	struct why why;

	(void)state;
	assert_int_equal(why_set(&why, -EINVAL, "bad %s\n", "x\x01"), -EINVAL);
	assert_string_equal(why.text, "bad x??");
	assert_int_equal(why_errno(&why, -ENOENT, "open %s", "f"), -ENOENT);
	assert_string_equal(why.text, "open f: No such file or directory");
	assert_int_equal(why_set(NULL, -EIO, "nobody listens"), -EIO);
	assert_int_equal(why_errno(NULL, -EIO, "nobody listens"), -EIO);
	memset(big, 'x', sizeof big - 1);
	big[sizeof big - 1] = '\0';
	assert_int_equal(why_set(&why, -EIO, "%s", big), -EIO);
	assert_int_equal(strlen(why.text), sizeof why.text - 1);
	assert_int_equal(why_errno(&why, -EIO, "%s", big), -EIO);
	assert_int_equal(strlen(why.text), sizeof why.text - 1);
}

struct seen {
	enum note_level level;
	char text[64];
	int n;
};

static void take(void *ctx, enum note_level level, const char *text)
{
	struct seen *s = ctx;

	s->level = level;
	s->n++;
	memcpy(s->text, text, MIN(strlen(text) + 1, sizeof s->text));
}

static void test_notes(void **state)
{
	struct seen seen = { .n = 0 };
	struct notes n = { take, &seen };
	struct notes deaf = { NULL, NULL };

	(void)state;
	note(&n, NOTE_WARN, "line %d", 5);
	assert_string_equal(seen.text, "line 5");
	assert_int_equal(seen.level, NOTE_WARN);
	note(NULL, NOTE_INFO, "x");
	note(&deaf, NOTE_INFO, "x");
	assert_int_equal(seen.n, 1);
}

static void test_own_text(void **state)
{
	struct why why;

	(void)state;
	(void)why_set(&why, -1, "inner");
	(void)why_set(&why, -1, "outer: %s", why.text);
	assert_string_equal(why.text, "outer: inner");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_notes),
		cmocka_unit_test(test_own_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
