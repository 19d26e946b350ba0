/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of service/service.c: what is refused at start, stand-alone service, chroot.
 */
#include "private.h"

#include "base/strv.h"

/* Run testd under a name with words as arguments, input on its standard input; exit status. */
static int run(const char *name, const char *words, const char *input, char *ret, size_t size)
{
	_cleanup_strv_ struct strv v = { 0 };
	char path[512];
	char etc[512];
	char err[512];
	int in[2];
	int out[2];
	int status = 0;
	size_t len = 0;
	ssize_t n;
	pid_t pid;

	(void)snprintf(path, sizeof path, "%s/libexec/%s", the_dir, name);
	path_in(etc, "etc");
	path_in(err, "err");
	strv_add(&v, str_of(path));
	strv_split(&v, str_of(words), " ");
	assert_int_equal(pipe(in), 0);
	assert_int_equal(pipe(out), 0);
	pid = fork();
	if (pid == 0) {
		int fd = open(err, O_WRONLY | O_CREAT | O_APPEND, 0644);

		(void)dup2(in[0], 0);
		(void)dup2(out[1], 1);
		(void)dup2(fd, 2);
		(void)close_range(3, ~0U, 0);
		(void)setenv("MAIL_CONFIG", etc, 1);
		(void)execv(path, v.v);
		_exit(98);
	}
	fd_close(in[0]);
	fd_close(out[1]);
	assert_int_equal(fd_write_all(in[1], str_of(input)), 0);
	fd_close(in[1]);
	while ((n = read(out[0], ret + len, size - 1 - len)) > 0)
		len += (size_t)n;
	ret[len] = '\0';
	fd_close(out[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void test_stand_alone(void **state)
{
	char out[256];

	(void)state;
	assert_int_equal(run("single", "-S -n me", "clients\nstress\n", out, sizeof out), 0);
	assert_string_equal(out, "1\nstress=\n");
	assert_int_equal(run("threaded", "-S -o stress=yes", "clients\nstress\n", out, sizeof out),
		0);
	assert_string_equal(out, "1\nstress=yes\n");
}

static void test_refusals(void **state)
{
	static const struct {
		const char *name;
		const char *words;
		const char *text;
	} cases[] = {
		{ "single", "-V -q", "invalid option: q" },
		{ "single", "-V", "no transport type specified" },
		{ "single", "-V -t fifo", "unsupported transport type: fifo" },
		{ "event", "-V -t pass", "unsupported transport type: pass" },
		{ "dgram", "-V -t unix", "unsupported transport type: unix" },
		{ "dgram", "-V -S", "invalid option: S" },
		{ "trigger", "-V -r 5 -t unix", "invalid option: r" },
		{ "solitary", "-V -t unix -n x", "service x requires a process limit of 1" },
		{ "unlimited", "-V -t unix -l", "service unlimited requires a process limit of 0" },
		{ "single", "-V -t unix -i 0", "invalid max_idle: 0 (min 1)" },
		{ "single", "-V -t unix -m 0", "invalid max_use parameter value 0 < 1" },
		{ "single", "-V -t unix -r x", "invalid retirement time: x" },
		{ "single", "-V -t unix -o x",
			"invalid \"-o x\" option value: missing '=' after attribute name" },
		{ "single", "-V -t unix -o max_use=no",
			"bad numerical configuration: max_use = no" },
		{ "single", "-V -t unix -l", "this program is started by master" },
	};
	char out[256];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int r = run(cases[i].name, cases[i].words, "", out, sizeof out);
		char *err = read_file("err");
		char *log = read_file("log");

		if (r != 1 ||
			(strstr(err, cases[i].text) == NULL && strstr(log, cases[i].text) == NULL))
			fail_msg("%s %s: %d %s", cases[i].name, cases[i].words, r, err);
		free(err);
		free(log);
	}
}

static void test_identity(void **state)
{
	struct stream *s;
	char want[32];

	(void)state;
	(void)snprintf(want, sizeof want, "%d", geteuid() == 0 ? 65534 : (int)geteuid());
	write_master_cf("s unix - y n - 5 single\nc unix - y y - 5 single\nr unix - n n - 5 "
			"single\n");
	start_master();
	s = connect_to("private/s");
	assert_string_equal(ask(s, "uid"), want);
	stream_free(s);
	if (geteuid() != 0)
		return;
	s = connect_to("private/r");
	assert_string_equal(ask(s, "uid"), "0");
	stream_free(s);
	s = connect_to("private/c");
	assert_string_equal(ask(s, "uid"), "65534");
	assert_string_equal(ask(s, "see /public"), "yes");
	assert_string_equal(ask(s, "see /etc/passwd"), "no");
	/* What is logged from the jail arrives. */
	assert_string_equal(ask(s, "log from the jail"), "ok");
	await_text("log", "from the jail");
	stream_free(s);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, private_setup, private_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = { CASE(test_stand_alone), CASE(test_refusals),
		CASE(test_identity) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
