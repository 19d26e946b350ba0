/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The services table.
 */
#include "dir.h"

#include <errno.h>

#include "conf/master_cf.h"

static int load(const char *text, bool chroot_default, struct buf *said, struct master_cf *ret,
	struct why *why)
{
	struct dir d = dir_make(NULL, text);
	struct notes n = { collect, said };
	char path[128];
	int r;

	snprintf(path, sizeof path, "%s/master.cf", d.path);
	r = master_cf_load(path, chroot_default, &n, ret, why);
	dir_remove(&d);
	return r;
}

static void entries(void **state)
{
	_cleanup_buf_ struct buf said = BUF(BUF_SMALL);
	struct master_cf m = { 0 };
	struct why why = { "" };
	const struct master_entry *e;

	(void)state;
	assert_int_equal(load("# services\nsmtp inet n - n - - smtpd\n"
			      "pickup    unix  n       -       y       60      1       pickup\n"
			      "flush unix n - - 1000? 0 flush\n"
			      "pipe1 unix - n n - 10 pipe\n  flags=R user=x\n# c\n"
			      "  argv=/bin/x ${sender} {a b} -o { x = y z } {}\n",
				 true, &said, &m, &why),
		0);
	assert_int_equal(m.n, 4);
	e = &m.v[0];
	assert_string_equal(e->name, "smtp");
	assert_int_equal(e->type, MASTER_INET);
	assert_false(e->private);
	assert_true(e->unprivileged);
	assert_false(e->chroot || e->chroot_default);
	assert_int_equal(e->wakeup, 0);
	assert_int_equal(e->maxproc, -1);
	assert_string_equal(e->command, "smtpd");
	assert_string_equal(e->args_raw, "");
	assert_int_equal(e->line, 2);
	e = master_cf_find(&m, STR("pickup"), MASTER_UNIX);
	assert_true(e->chroot && !e->chroot_default && !e->wakeup_if_used);
	assert_int_equal(e->wakeup, 60);
	assert_int_equal(e->maxproc, 1);
	e = master_cf_find(&m, STR("flush"), MASTER_UNIX);
	assert_true(e->chroot && e->chroot_default && e->wakeup_if_used);
	assert_int_equal(e->wakeup, 1000);
	assert_int_equal(e->maxproc, 0);
	assert_null(master_cf_find(&m, STR("flush"), MASTER_INET));
	e = &m.v[3];
	assert_int_equal(e->line, 5);
	assert_true(e->private && !e->unprivileged);
	assert_int_equal(e->args.n, 8);
	assert_string_equal(e->args.v[4], "a b");
	assert_string_equal(e->args.v[6], "x = y z");
	assert_string_equal(e->args.v[7], "");
	assert_string_equal(e->fields[6], "10");
	assert_string_equal(buf_cstr(&said), "");
	master_cf_done(&m);
}

static void duplicates(void **state)
{
	_cleanup_buf_ struct buf said = BUF(BUF_SMALL);
	struct master_cf m = { 0 };

	(void)state;
	assert_int_equal(load("a unix - n n - 1 x\na inet n n n - 1 x\na unix n n n - 2 y\n", false,
				 &said, &m, NULL),
		0);
	assert_int_equal(m.n, 2);
	assert_string_equal(m.v[0].command, "y");
	assert_string_equal(buf_cstr(&said), "duplicate master.cf entry for service \"a\" "
					     "(public/a) -- using the last entry\n");
	master_cf_done(&m);
}

static void refuses(void **state)
{
	static const struct {
		const char *text;
		const char *want;
	} cases[] = {
		{ "foo\n", "line 1: missing \"transport type\" field" },
		{ "\nfoo inet n n n - 1\n", "line 2: missing \"command\" field" },
		{ "foo zzz n n n - - x\n", "line 1: bad transport type: zzz" },
		{ "foo inet x n n - - x\n", "line 1: field \"private\": bad value: \"x\"" },
		{ "foo inet y n n - - x\n", "line 1: inet service cannot be private" },
		{ "foo inet - n n - - x\n", "line 1: inet service cannot be private" },
		{ "foo unix n Y n - - x\n", "line 1: field \"unprivileged\": bad value: \"Y\"" },
		{ "foo unix n n yes - - x\n", "line 1: field \"chroot\": bad value: \"yes\"" },
		{ "foo unix n n n -1 - x\n", "line 1: field \"wakeup_time\": bad value: \"-1\"" },
		{ "foo unix n n n - x x\n", "line 1: field \"max_proc\": bad value: \"x\"" },
		{ "foo unix n n n - 99999999999 x\n",
			"line 1: field \"max_proc\": bad value: \"99999999999\"" },
		{ "foo - n n n - - x\n", "line 1: field \"transport type\" has no default value" },
		{ "foo unix n n n - - -\n", "line 1: field \"command\" has no default value" },
		{ "foo unix n n n - - x {a\n", "line 1: missing '}' in \"{a\"" },
		{ "foo unix n n n - - x {a}b\n", "line 1: syntax error after '}' in \"{a}b\"" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		_cleanup_buf_ struct buf said = BUF(BUF_SMALL);
		struct master_cf m = { 0 };
		struct why why = { "" };
		int r = load(cases[i].text, false, &said, &m, &why);

		if (r != -EINVAL || strstr(why.text, cases[i].want) == NULL || m.n != 0)
			fail_msg("%s: %d %s", cases[i].text, r, why.text);
	}
}

static void braces(void **state)
{
	static const struct {
		const char *args;
		const char *want; /* each in <> */
	} cases[] = {
		{ "", "" },
		{ "a  b\tc", "<a><b><c>" },
		{ "{a b} { c  d } {}", "<a b><c  d><>" },
		{ "-o k={l m} n", "<-o><k={l m}><n>" },
		{ "-o {k = {l m}}", "<-o><k = {l m}>" },
		{ "a} b", "<a}><b>" },
		{ "a{ b", "<a{ b>" },
		{ "${x?{a b}}", "<${x?{a b}}>" },
		{ "{{a} {b}}", "<{a} {b}>" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		_cleanup_buf_ struct buf line = BUF(BUF_SMALL);
		_cleanup_buf_ struct buf got = BUF(BUF_SMALL);
		struct master_entry e = { 0 };

		buf_putf(&line, "s unix n n n - - x %s", cases[i].args);
		assert_int_equal(master_entry_parse(buf_str(&line), false, &e, NULL), 0);
		for (size_t a = 0; a < e.args.n; a++)
			buf_putf(&got, "<%s>", e.args.v[a]);
		if (strcmp(buf_cstr(&got), cases[i].want) != 0)
			fail_msg("%s: %s", cases[i].args, buf_cstr(&got));
		master_entry_done(&e);
	}
}

static void trailing_text(void **state)
{
	_cleanup_buf_ struct buf said = BUF(BUF_SMALL);
	struct master_cf m = { 0 };

	(void)state;
	assert_int_equal(load("  lost unix n n n - - x\na unix n n n 3x 4y x\n", false, &said, &m,
				 NULL),
		0);
	assert_int_equal(m.n, 1);
	assert_int_equal(m.v[0].wakeup, 3);
	assert_int_equal(m.v[0].maxproc, 4);
	assert_non_null(strstr(buf_cstr(&said), "logical line must not start with whitespace"));
	master_cf_done(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entries),
		cmocka_unit_test(duplicates),
		cmocka_unit_test(refuses),
		cmocka_unit_test(braces),
		cmocka_unit_test(trailing_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
