/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of service/loop_threaded.c under a real master.
 */
#include "private.h"

/* Two clients a process, four in all: two processes; the fifth waits. */
static void test_limits(void **state)
{
	struct stream *s[5];
	pid_t pid[5];

	(void)state;
	write_main_cf("clients_per_process = 2\n");
	write_master_cf("t unix - - n - 4 threaded\n");
	start_master();
	for (int i = 0; i < 4; i++) {
		s[i] = connect_to("private/t");
		pid[i] = ask_pid(s[i]);
		assert_true(pid[i] > 0);
	}
	assert_string_equal(ask(s[0], "clients"), "2");
	assert_int_equal(pid[0], pid[1]);
	assert_int_equal(pid[2], pid[3]);
	assert_int_not_equal(pid[0], pid[2]);
	s[4] = connect_to("private/t");
	stream_free(s[1]);
	assert_int_equal(ask_pid(s[4]), pid[0]);
	assert_int_equal(ask_pid(s[0]), pid[0]);
	stream_free(s[0]);
	for (int i = 2; i < 5; i++)
		stream_free(s[i]);
}

/* The limit holds also when it is no multiple of what a process serves. */
static void test_odd_limit(void **state)
{
	struct stream *s[3];

	(void)state;
	write_main_cf("clients_per_process = 2\n");
	write_master_cf("t unix - - n - 3 threaded\n");
	start_master();
	for (int i = 0; i < 3; i++) {
		s[i] = connect_to("private/t");
		assert_true(ask_pid(s[i]) > 0);
	}
	assert_string_equal(ask(s[2], "clients"), "1");
	for (int i = 0; i < 3; i++)
		stream_free(s[i]);
}

/*
 * After max_use * clients connections the process drains; a new one serves meanwhile. Also the last
 * one is served, although the process is already told to go when its request comes.
 */
static void test_max_use(void **state)
{
	struct stream *hold;
	struct stream *s;
	pid_t pid;

	(void)state;
	write_main_cf("clients_per_process = 2\n");
	write_master_cf("t unix - - n - 2 threaded -o max_use=2\n");
	start_master();
	hold = connect_to("private/t");
	pid = ask_pid(hold);
	for (int i = 0; i < 3; i++) {
		s = connect_to("private/t");
		assert_int_equal(ask_pid(s), pid);
		stream_free(s);
	}
	s = connect_to("private/t");
	assert_int_not_equal(ask_pid(s), pid);
	stream_free(s);
	stream_free(hold);
	await_exit(pid);
}

/* A process serves no more clients at once than it may serve in all: here, one each. */
static void test_max_use_one(void **state)
{
	struct stream *a;
	struct stream *b;
	pid_t pid;

	(void)state;
	write_main_cf("clients_per_process = 50\n");
	write_master_cf("t unix - - n - 10 threaded -o max_use=1\n");
	start_master();
	a = connect_to("private/t");
	pid = ask_pid(a);
	b = connect_to("private/t");
	assert_int_not_equal(ask_pid(b), pid);
	stream_free(a);
	await_exit(pid);
	stream_free(b);
}

static void test_end_and_idle(void **state)
{
	struct stream *s;
	pid_t pid;

	(void)state;
	write_master_cf("t unix - - n - 10 threaded\nu unix - - n - 10 threaded -o max_idle=1\n");
	start_master();
	s = connect_to("private/t");
	pid = ask_pid(s);
	assert_string_equal(ask(s, "end"), "ok");
	assert_int_equal(stream_getc(s), -ENODATA);
	await_exit(pid);
	await_text("log", "told to end");
	stream_free(s);
	s = connect_to("private/u");
	pid = ask_pid(s);
	stream_free(s);
	await_exit(pid);
}

/* A multi server serves more clients than the process limit. */
static void test_multi(void **state)
{
	struct stream *s[20];
	pid_t pid = 0;

	(void)state;
	write_master_cf("m unix - - n - 1 multi\n");
	start_master();
	for (int i = 0; i < 20; i++) {
		s[i] = connect_to("private/m");
		if (i == 0)
			pid = ask_pid(s[i]);
		assert_int_equal(ask_pid(s[i]), pid);
	}
	reload_master(1);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(stream_getc(s[i]), -ENODATA);
		stream_free(s[i]);
	}
	await_exit(pid);
}

/* The death of the process is noticed, and not taken for a bad start after it has served. */
static void test_crash(void **state)
{
	struct stream *s;
	struct stream *t;
	pid_t pid;

	(void)state;
	write_master_cf("t unix - - n - 10 threaded\n");
	start_master();
	/*
	 * It has served a request when the second is answered; the main thread tells master before it
	 * accepts the third client.
	 */
	s = connect_to("private/t");
	pid = ask_pid(s);
	assert_int_equal(ask_pid(s), pid);
	t = connect_to("private/t");
	assert_int_equal(ask_pid(t), pid);
	stream_free(t);
	t = connect_to("private/t");
	assert_string_equal(ask(t, "crash"), "");
	stream_free(t);
	stream_free(s);
	await_text("log", "exit status 3");
	s = connect_to("private/t");
	assert_true(ask_pid(s) > 0);
	assert_int_not_equal(ask_pid(s), pid);
	stream_free(s);
	assert_false(log_has("throttling"));
}

/* Master was killed: a process that still serves somebody keeps no listener, so that the next can start. */
static void test_orphan(void **state)
{
	struct stream *s;
	pid_t pid;

	(void)state;
	write_master_cf("t unix - - n - 10 threaded\n");
	start_master();
	s = connect_to("private/t");
	pid = ask_pid(s);
	assert_int_equal(stream_write(s, STR("hang\n")), 0);
	assert_int_equal(stream_flush(s), 0);
	kill_master();
	await_refusal("private/t");
	assert_int_equal(kill(pid, SIGKILL), 0); /* it was there */
	await_exit(pid);
	stream_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_limits, private_setup, private_teardown),
		cmocka_unit_test_setup_teardown(test_odd_limit, private_setup, private_teardown),
		cmocka_unit_test_setup_teardown(test_max_use, private_setup, private_teardown),
		cmocka_unit_test_setup_teardown(test_max_use_one, private_setup, private_teardown),
		cmocka_unit_test_setup_teardown(test_end_and_idle, private_setup, private_teardown),
		cmocka_unit_test_setup_teardown(test_multi, private_setup, private_teardown),
		cmocka_unit_test_setup_teardown(test_crash, private_setup, private_teardown),
		cmocka_unit_test_setup_teardown(test_orphan, private_setup, private_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
