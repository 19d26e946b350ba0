/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table_tool_test.h — run the common part of postmap and postalias in a child, with its output.
 */
#pragma once

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "service/table_tool.h"

#define TT_MAX_ARGS 12

/* "key value" lines, as postmap has them. */
static inline bool tt_line(const struct table_tool *t, struct str line, const char *where,
	struct buf *key, struct buf *value)
{
	struct str k, v;

	if (!textline_parse(line, (t->flags & TABLE_UTF8) != 0, where, false, t->settings.notes, &k,
		    &v))
		return false;
	buf_put(key, k);
	buf_put(value, v);
	return true;
}

static const struct table_tool_kind tt_kind = {
	.name = "tool",
	.usage = "usage: tool",
	.letters = "Nc:d:fFijnopq:rsuvw",
	.middle = "=",
	.line = tt_line,
};

static inline void tt_write(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

/** A configuration in tt-conf/. */
static inline int tt_setup(void **state)
{
	(void)state;
	(void)mkdir("tt-conf", 0755);
	tt_write("tt-conf/main.cf", "compatibility_level = 3.6\n");
	return 0;
}

/**
 * Run with arguments (a NULL-terminated list, without "-c") and standard input; checks the status.
 *
 * @param out   expected standard output, NULL: any
 * @param err   expected in standard error, NULL: any
 */
static inline void tt_run(const char *const *args, const char *input, int status, const char *out,
	const char *err)
{
	char program[] = "tool", option[] = "-c", dir[] = "tt-conf";
	char *argv[TT_MAX_ARGS + 4] = { program, option, dir };
	int argc = 3, st = 0;
	struct buf got = BUF(BUF_MEDIUM), said = BUF(BUF_MEDIUM);

	for (; *args != NULL && argc < TT_MAX_ARGS + 3; args++)
		argv[argc++] = str_dup(str_of(*args));
	tt_write("tt-in", input);

	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		int in = open("tt-in", O_RDONLY | O_CLOEXEC);
		int o = open("tt-out", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		int e = open("tt-err", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

		if (dup2(in, 0) < 0 || dup2(o, 1) < 0 || dup2(e, 2) < 0)
			_exit(99);
		_exit(table_tool_main(&tt_kind, argc, argv));
	}
	assert_int_equal(waitpid(pid, &st, 0), pid);
	assert_int_equal(fd_read_file("tt-out", &got), 0);
	assert_int_equal(fd_read_file("tt-err", &said), 0);
	if (!WIFEXITED(st) || WEXITSTATUS(st) != status ||
		(out != NULL && strcmp(buf_cstr(&got), out) != 0) ||
		(err != NULL && strstr(buf_cstr(&said), err) == NULL))
		fail_msg("%s %s: status %#x, output:\n%s\nerrors:\n%s", argv[3],
			argc > 4 ? argv[4] : "", st, buf_cstr(&got), buf_cstr(&said));
	for (int i = 3; i < argc; i++)
		free(argv[i]);
	buf_done(&got);
	buf_done(&said);
}

#define TT_RUN(input, status, out, err, ...) \
	tt_run((const char *const[]){ __VA_ARGS__, NULL }, input, status, out, err)
