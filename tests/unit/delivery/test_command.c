/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of delivery/command.c: commands are run for real. Changes of identity need root and are left
 * out without it.
 */
#include "delivery/command.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/num.h"

static char *the_env[] = { (char[]){ "PATH=/usr/bin:/bin" }, (char[]){ "CMD_X=y" }, NULL };

/* A shell is a command like any other; here it makes test programs short. */
static char **shell(const char *script)
{
	static char *argv[4];
	static char sh[] = "/bin/sh", option[] = "-c";
	static char text[1024];

	(void)snprintf(text, sizeof text, "%s", script);
	argv[0] = sh;
	argv[1] = option;
	argv[2] = text;
	return argv;
}

static struct command command_of(const char *script, usec_t limit)
{
	return (struct command){ .argv = shell(script),
		.env = the_env,
		.time_limit = limit,
		.caller = "test" };
}

/* Run with `input`; the result, with output in `out`. */
static struct command_result run(const char *script, struct str input, usec_t limit,
	struct buf *out)
{
	struct command c = command_of(script, limit);
	struct command_run r;
	struct command_result res;
	struct why why = { "" };

	if (command_start(&c, &r, &why) < 0)
		fail_msg("%s: %s", script, why.text);
	if (input.len > 0)
		IGNORE(command_feed(&r, input) < 0);
	command_finish(&r, &res);
	buf_put(out, buf_str(&r.output));
	command_done(&r);
	assert_int_equal(r.in, -1);
	assert_int_equal(r.out, -1);
	assert_int_equal(r.pidfd, -1);
	return res;
}

static const struct run_case {
	const char *script;
	const char *input;
	enum command_end end;
	int code;
	const char *output;
} cases[] = {
	{ "exit 0", "", COMMAND_EXITED, 0, "" },
	{ "exit 0", "never read", COMMAND_EXITED, 0, "" },
	{ "exit 75", "", COMMAND_EXITED, 75, "" },
	{ "cat; exit 3", "some text", COMMAND_EXITED, 3, "some text" },
	{ "cat >/dev/null; echo done; echo error >&2", "x", COMMAND_EXITED, 0, "done\nerror\n" },
	{ "kill -9 $$", "", COMMAND_SIGNALED, 9, "" },
	{ "echo $CMD_X$HOME; echo $PATH", "", COMMAND_EXITED, 0, "y\n/usr/bin:/bin\n" },
	{ "exec >&- 2>&-; exit 4", "", COMMAND_EXITED, 4, "" },
	{ "exec <&-; echo x; exit 5", "text", COMMAND_EXITED, 5, "x\n" },
	/* Only 0, 1 and 2; the listing opens one more. */
	{ "echo /proc/self/fd/*", "", COMMAND_EXITED, 0,
		"/proc/self/fd/0 /proc/self/fd/1 /proc/self/fd/2 /proc/self/fd/3\n" },
	/* A session and group of its own: stat says group and session. */
	{ "read a b c d e f g </proc/$$/stat; [ $e = $$ ] && [ $f = $$ ] && echo own", "",
		COMMAND_EXITED, 0, "own\n" },
};

static void test_runs(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct run_case *t = &cases[i];
		_cleanup_buf_ struct buf out = BUF(BUF_SMALL);
		struct command_result r = run(t->script, str_of(t->input), 60 * USEC_PER_SEC, &out);

		if (r.end != t->end || r.code != t->code || strcmp(buf_cstr(&out), t->output) != 0)
			fail_msg("%s: end %d code %d output %s", t->script, (int)r.end, r.code,
				buf_cstr(&out));
	}
}

static struct buf much(size_t n)
{
	struct buf b = BUF(BUF_MEDIUM * 4);

	for (size_t i = 0; i < n; i++)
		buf_putc(&b, 'x');
	return b;
}

/* More than pipes hold, in both directions; output is bounded and does not hold up the input. */
static void test_large(void **state)
{
	static const struct {
		const char *script;
		int code;
		size_t output;
	} t[] = {
		{ "head -c 4095 /dev/zero; exit 7", 7, 4095 },
		{ "head -c 4096 /dev/zero; exit 7", 7, 4096 },
		{ "head -c 4097 /dev/zero 2>/dev/null; exit 7", 7, 4096 },
		{ "cat 2>/dev/null; exit 7", 7, 4096 },
		{ "yes 2>/dev/null; cat >/dev/null; exit 7", 7, 4096 },
		{ "exec <&-; exit 7", 7, 0 },
		{ "head -c 10; exit 7", 7, 10 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		_cleanup_buf_ struct buf in = much(1000 * 1000);
		_cleanup_buf_ struct buf out = BUF(BUF_SMALL);
		struct command_result r = run(t[i].script, buf_str(&in), 60 * USEC_PER_SEC, &out);

		if (r.end != COMMAND_EXITED || r.code != t[i].code || out.len != t[i].output)
			fail_msg("%s: end %d code %d output %zu", t[i].script, (int)r.end, r.code,
				out.len);
	}
}

/* F12: whatever hangs is ended, with all its children, and what it hung on is known. */
static void test_time_limit(void **state)
{
	static const struct {
		const char *script;
		enum command_phase phase;
	} t[] = {
		{ "sleep 100", COMMAND_WRITE },
		{ "cat >/dev/null; sleep 100", COMMAND_READ },
		{ "exec >&- 2>&-; cat >/dev/null; exec sleep 100", COMMAND_WAIT },
		{ "cat >/dev/null; trap '' TERM INT HUP; sleep 100", COMMAND_READ },
		/* Output by drops does not extend the limit. */
		{ "cat >/dev/null; while :; do echo x; sleep 0.02; done", COMMAND_READ },
		/* Nor does a command that is gone, when its child keeps the output. */
		{ "cat >/dev/null; sleep 100 & exit 0", COMMAND_READ },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		_cleanup_buf_ struct buf in = much(200 * 1000);
		_cleanup_buf_ struct buf out = BUF(BUF_SMALL);
		struct command_result r = run(t[i].script, buf_str(&in), USEC_PER_SEC / 4, &out);

		if (r.end != COMMAND_TIMEOUT || r.phase != t[i].phase)
			fail_msg("%s: end %d phase %d", t[i].script, (int)r.end, (int)r.phase);
	}
}

/* Input that moves extends the limit. */
static void test_slow_reader(void **state)
{
	_cleanup_buf_ struct buf in = much(300 * 1000);
	_cleanup_buf_ struct buf out = BUF(BUF_SMALL);
	struct command_result r;

	(void)state;
	r = run("for i in 1 2 3 4 5; do sleep 0.2; head -c 60000 >/dev/null; done; exit 9",
		buf_str(&in), USEC_PER_SEC * 8 / 10, &out);
	assert_int_equal(r.end, COMMAND_EXITED);
	assert_int_equal(r.code, 9);
}

/* The child of a child that ignores everything dies with the group. */
static void test_group(void **state)
{
	struct command c = command_of("trap '' TERM; sleep 100 & echo $!; sleep 100",
		USEC_PER_SEC / 4);
	struct command_run r;
	struct command_result res;
	struct why why = { "" };
	uint64_t grandchild;

	(void)state;
	assert_int_equal(command_start(&c, &r, &why), 0);
	command_finish(&r, &res);
	assert_int_equal(res.end, COMMAND_TIMEOUT);
	assert_int_equal(num_u64(str_trim(buf_str(&r.output)), INT32_MAX, &grandchild), 0);
	assert_true(grandchild > 1);
	/* Whoever adopts it reaps it at its leisure. */
	for (int i = 0; kill((pid_t)grandchild, 0) == 0 && i < 500; i++) {
		_cleanup_buf_ struct buf b = BUF(BUF_SMALL);
		char path[64];

		(void)snprintf(path, sizeof path, "/proc/%d/stat", (int)grandchild);
		if (fd_read_file(path, &b) < 0 || str_find(buf_str(&b), STR(") Z ")) >= 0)
			break;
		assert_true(i < 499);
		(void)usleep(10000);
	}
	command_done(&r);
}

/* A child that closed its output may go on when the command is done. */
static void test_background(void **state)
{
	_cleanup_buf_ struct buf out = BUF(BUF_SMALL);
	struct command_result r;

	(void)state;
	r = run("sleep 0.1 >/dev/null 2>&1 & exit 0", STR_EMPTY, 60 * USEC_PER_SEC, &out);
	assert_int_equal(r.end, COMMAND_EXITED);
}

static void fails(struct command *c, const char *text)
{
	struct command_run r;
	struct why why = { "" };
	int e = command_start(c, &r, &why);

	if (e != -ENOEXEC || strcmp(why.text, text) != 0)
		fail_msg("%d %s, want %s", e, why.text, text);
}

static void test_cannot_run(void **state)
{
	struct command c = command_of("exit 0", 60 * USEC_PER_SEC);
	char *argv[] = { (char[]){ "/nonexistent" }, NULL };
	char text[128];

	(void)state;
	c.directory = "/nonexistent";
	(void)snprintf(text, sizeof text,
		"cannot change directory to \"/nonexistent\" for uid=%u gid=%u: No such file or "
		"directory",
		geteuid(), getegid());
	fails(&c, text);
	c.directory = "/";
	c.argv = argv;
	fails(&c, "test: execvp /nonexistent: No such file or directory");
	argv[0] = (char[]){ "/etc/passwd" };
	fails(&c, "test: execvp /etc/passwd: Permission denied");
	argv[0] = (char[]){ "" };
	fails(&c, "test: execvp : No such file or directory");
	if (geteuid() != 0) {
		c.chroot = "/";
		fails(&c, "chroot(/): Operation not permitted");
		c.chroot = NULL;
		c.id = (struct command_identity){ .uid = geteuid() + 1, .gid = 1, .change = true };
		(void)snprintf(text, sizeof text,
			"cannot become uid=%u gid=1: Operation not permitted", geteuid() + 1);
		fails(&c, text);
		return;
	}
	c.chroot = "/nonexistent";
	fails(&c, "chroot(/nonexistent): No such file or directory");
}

/* Root: every id is the other's, no group of ours is left, directory and root are as told. */
static void test_identity(void **state)
{
	struct command c = command_of("id -ru; id -u; id -rg; id -g; id -G; pwd; "
				      "sed -n 's/^Cap[PE].*:.//p' /proc/self/status",
		60 * USEC_PER_SEC);
	struct command_run r;
	struct command_result res;
	struct why why = { "" };

	(void)state;
	if (geteuid() != 0)
		skip();
	c.id = (struct command_identity){ .uid = 12345, .gid = 23456, .change = true };
	c.directory = "/usr";
	if (command_start(&c, &r, &why) < 0)
		fail_msg("%s", why.text);
	command_finish(&r, &res);
	assert_int_equal(res.end, COMMAND_EXITED);
	assert_string_equal(buf_cstr(&r.output), "12345\n12345\n23456\n23456\n23456\n/usr\n"
						 "0000000000000000\n0000000000000000\n");
	command_done(&r);
	/* The parent is what it was. */
	assert_int_equal(geteuid(), 0);
	c.chroot = "/usr";
	c.directory = NULL;
	c.argv = (char *[]){ (char[]){ "/bin/nothing" }, NULL };
	fails(&c, "test: execvp /bin/nothing: No such file or directory");
}

/* Descriptors of the caller's, even such as stand in the way of 0 to 2. */
static void test_start_on(void **state)
{
	struct command c = command_of("cat; echo e >&2; exit 6", 60 * USEC_PER_SEC);
	struct command_run r;
	struct command_result res;
	struct why why = { "" };
	char got[32] = "";
	int s[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s), 0);
	assert_int_equal(command_start_on(&c, (const int[3]){ s[1], s[1], s[1] }, &r, &why), 0);
	fd_close(s[1]);
	assert_int_equal(write(s[0], "ping", 4), 4);
	assert_int_equal(shutdown(s[0], SHUT_WR), 0);
	command_finish(&r, &res);
	assert_int_equal(res.end, COMMAND_EXITED);
	assert_int_equal(res.code, 6);
	assert_int_equal(recv(s[0], got, sizeof got - 1, MSG_WAITALL), 6);
	assert_string_equal(got, "pinge\n");
	fd_close(s[0]);
	command_done(&r);
}

static void test_kill(void **state)
{
	struct command c = command_of("sleep 100", 60 * USEC_PER_SEC);
	struct command_run r;
	struct why why = { "" };

	(void)state;
	assert_int_equal(command_start(&c, &r, &why), 0);
	command_kill(&r);
	command_done(&r);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_runs),
		cmocka_unit_test(test_large),
		cmocka_unit_test(test_time_limit),
		cmocka_unit_test(test_slow_reader),
		cmocka_unit_test(test_group),
		cmocka_unit_test(test_background),
		cmocka_unit_test(test_cannot_run),
		cmocka_unit_test(test_identity),
		cmocka_unit_test(test_start_on),
		cmocka_unit_test(test_kill),
	};

	(void)sigaction(SIGPIPE, &(struct sigaction){ .sa_handler = SIG_IGN }, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
