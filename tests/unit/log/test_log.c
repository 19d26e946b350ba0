/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of log/log.c: shapes, severities, cutting, fatal ends.
 */
#include "log/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/fd.h"

static char the_path[64];

static int setup(void **state)
{
	int fd;

	(void)state;
	(void)snprintf(the_path, sizeof the_path, "/tmp/test-log-XXXXXX");
	fd = mkstemp(the_path);
	if (fd < 0)
		return -1;
	fd_close(fd);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	log_done();
	log_set_verbose(0);
	return unlink(the_path);
}

static void start(void)
{
	struct log_settings s = { .tag = "postfix/test",
		.hostname = "host.example.com",
		.file = the_path,
		.no_syslog = true };

	log_init(&s);
}

/* The log without time stamps, with the process id replaced by N. */
static char *content(void)
{
	_cleanup_buf_ struct buf b = BUF(BUF_MEDIUM);
	struct buf out = BUF(BUF_MEDIUM);
	char pid[32];
	struct str rest;
	struct str line;

	assert_int_equal(fd_read_file(the_path, &b), 0);
	(void)snprintf(pid, sizeof pid, "[%d]", (int)getpid());
	rest = buf_str(&b);
	while (str_word(&rest, "\n", &line)) {
		ptrdiff_t at = str_find(line, str_of(pid));

		assert_true(line.len > 16 && line.ptr[3] == ' ' && line.ptr[9] == ':');
		line = str_skip(line, 16);
		at = str_find(line, str_of(pid));
		if (at > 0) {
			buf_put(&out, str_head(line, (size_t)at));
			buf_puts(&out, "[N]");
			line = str_skip(line, (size_t)at + strlen(pid));
		}
		buf_put(&out, line);
		buf_putc(&out, '\n');
	}
	return buf_take(&out);
}

static void test_shapes(void **state)
{
	_cleanup_free_ char *text = NULL;

	(void)state;
	start();
	log_info("plain %d", 5);
	log_warn("w");
	log_error("e");
	log_debug("not seen");
	log_set_verbose(1);
	log_debug("seen");
	log_msg(LOG_SEV_FATAL, "f");
	log_info("ctrl\r\n\x01\x7f bad\xff good\xc3\xa4");
	note(&log_notes, NOTE_WARN, "note %s", "text");
	text = content();
	assert_string_equal(text, "host postfix/test[N]: plain 5\n"
				  "host postfix/test[N]: warning: w\n"
				  "host postfix/test[N]: error: e\n"
				  "host postfix/test[N]: seen\n"
				  "host postfix/test[N]: fatal: f\n"
				  "host postfix/test[N]: ctrl???? bad? good\xc3\xa4\n"
				  "host postfix/test[N]: warning: note text\n");
	assert_int_equal(log_dropped(), 0);
}

/* Whoever chooses the tag cannot begin another line, nor fill this one. */
static void test_tag(void **state)
{
	static const struct {
		char first;
		size_t n;
		const char *want;
	} cases[] = {
		{ 'x', 1, "host x[N]: text\n" },
		{ '\n', 3, "host ?xx[N]: text\n" },
		{ '\x1b', 2, "host ?x[N]: text\n" },
		{ 'x', 200, NULL },
		{ 'x', 201, NULL },
		{ 'x', 100000, NULL },
	};
	char *tag = calloc(1, 100001);

	(void)state;
	assert_non_null(tag);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		_cleanup_free_ char *text = NULL;
		const struct log_settings s = { .tag = tag,
			.hostname = "host",
			.file = the_path,
			.no_syslog = true };

		memset(tag, 'x', cases[i].n);
		tag[cases[i].n] = '\0';
		tag[0] = cases[i].first;
		assert_int_equal(truncate(the_path, 0), 0);
		log_init(&s);
		log_info("text");
		text = content();
		if (cases[i].want != NULL)
			assert_string_equal(text, cases[i].want);
		else
			assert_int_equal(strlen(text), strlen("host [N]: text\n") + 200);
	}
	free(tag);
}

/* 2,000 bytes stay, a character that crosses the limit goes. */
static void test_cut(void **state)
{
	static const char start_text[] = "host postfix/test[N]: ";
	char line[2100];
	char *text;

	(void)state;
	for (size_t n = 1998; n <= 2002; n++) {
		size_t want = n <= 1998 ? n + 2 : (n < 2000 ? n : 2000);

		assert_int_equal(truncate(the_path, 0), 0);
		memset(line, 'x', n);
		memcpy(line + n, "\xc3\xa4", 3);
		start();
		log_info("%s", line);
		text = content();
		if (strlen(text) != sizeof start_text - 1 + want + 1)
			fail_msg("length %zu: %zu", n, strlen(text) - sizeof start_text);
		free(text);
	}
}

static void hook(void)
{
	(void)!truncate(the_path, 0);
	log_info("hook");
}

/* Run fn in a child; its exit status. */
static int status_of(void (*fn)(void))
{
	pid_t pid = fork();
	int status = 0;

	if (pid == 0) {
		start();
		fn();
		_exit(99);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void die_hard(void)
{
	log_on_fatal(hook);
	log_fatal_status(75);
	log_fatal("the end");
}

static void err_often(void)
{
	for (int i = 1; i < 13; i++)
		log_error("e%d", i);
	log_fatal_status(7);
	log_error("e13");
}

static void err_seldom(void)
{
	for (int i = 1; i < 13; i++)
		log_error("e%d", i);
}

static void test_ends(void **state)
{
	_cleanup_buf_ struct buf b = BUF(BUF_MEDIUM);

	(void)state;
	assert_int_equal(status_of(die_hard), 75);
	assert_int_equal(fd_read_file(the_path, &b), 0);
	assert_true(str_ends(buf_str(&b), STR(": hook\n")));
	assert_int_equal(status_of(err_seldom), 99);
	assert_int_equal(status_of(err_often), 7);
	buf_clear(&b);
	assert_int_equal(fd_read_file(the_path, &b), 0);
	assert_true(str_ends(buf_str(&b), STR("fatal: too many errors - program terminated\n")));
}

static void test_stderr(void **state)
{
	struct log_settings s = { .tag = "postfix/postdrop", .to_stderr = true, .no_syslog = true };
	char got[64] = "";
	int fd[2];
	int old;

	(void)state;
	assert_int_equal(pipe(fd), 0);
	old = dup(2);
	assert_int_equal(dup2(fd[1], 2), 2);
	log_init(&s);
	log_warn("oops");
	assert_int_equal(dup2(old, 2), 2);
	assert_true(read(fd[0], got, sizeof got - 1) > 0);
	assert_string_equal(got, "postdrop: warning: oops\n");
	assert_int_equal(log_dropped(), 1);
	fd_close(fd[0]);
	fd_close(fd[1]);
	fd_close(old);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_shapes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_tag, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cut, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ends, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stderr, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
