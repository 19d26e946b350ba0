/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of service/loop_single.c under a real master.
 */
#include "private.h"

static void test_one_client_a_process(void **state)
{
	struct stream *a;
	struct stream *b;
	struct stream *c;
	pid_t first;

	(void)state;
	write_master_cf("s unix - - n - 2 single\n");
	start_master();
	a = connect_to("private/s");
	first = ask_pid(a);
	b = connect_to("private/s");
	assert_true(first > 0 && ask_pid(b) > 0);
	assert_int_not_equal(ask_pid(b), first);
	assert_string_equal(ask(a, "env TEST_WORDS"), "a b");
	assert_string_equal(ask(a, "env HOME"), "(none)");
	assert_string_equal(ask(a, "clients"), "1");
	/* The limit is reached: the third waits until one goes. */
	c = connect_to("private/s");
	stream_free(a);
	assert_int_equal(ask_pid(c), first);
	stream_free(b);
	stream_free(c);
}

static void test_max_use(void **state)
{
	struct stream *a;
	pid_t pid;

	(void)state;
	write_master_cf("s unix - - n - 1 single -o max_use=2\n");
	start_master();
	a = connect_to("private/s");
	pid = ask_pid(a);
	stream_free(a);
	a = connect_to("private/s");
	assert_int_equal(ask_pid(a), pid);
	stream_free(a);
	a = connect_to("private/s");
	assert_int_not_equal(ask_pid(a), pid);
	stream_free(a);
	await_exit(pid);
}

static void test_max_idle(void **state)
{
	struct stream *a;
	pid_t pid;

	(void)state;
	write_master_cf("s unix - - n - 1 single -o max_idle=1\n");
	start_master();
	a = connect_to("private/s");
	pid = ask_pid(a);
	stream_free(a);
	await_exit(pid);
	await_text("log", "exit s");
}

static void test_table_change(void **state)
{
	struct stream *a;
	pid_t pid;

	(void)state;
	write_master_cf("s unix - - n - 1 single\n");
	start_master();
	a = connect_to("private/s");
	pid = ask_pid(a);
	stream_free(a);
	write_file("spool/table-changed", "");
	a = connect_to("private/s");
	await_text("log", "table test:table has changed -- restarting");
	{
		char path[512];

		path_in(path, "spool/table-changed");
		assert_int_equal(unlink(path), 0);
	}
	assert_int_not_equal(ask_pid(a), pid);
	stream_free(a);
}

/* At a reload idle processes go, and those that wait for a next request too. */
static void test_reload(void **state)
{
	struct stream *a;
	struct stream *b;
	pid_t pid;

	(void)state;
	write_master_cf("s unix - - n - 2 single\n");
	start_master();
	a = connect_to("private/s");
	pid = ask_pid(a);
	reload_master(1);
	assert_int_equal(stream_getc(a), -ENODATA);
	await_exit(pid);
	stream_free(a);
	b = connect_to("private/s");
	assert_int_not_equal(ask_pid(b), pid);
	stream_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_one_client_a_process, private_setup,
			private_teardown),
		cmocka_unit_test_setup_teardown(test_max_use, private_setup, private_teardown),
		cmocka_unit_test_setup_teardown(test_max_idle, private_setup, private_teardown),
		cmocka_unit_test_setup_teardown(test_table_change, private_setup, private_teardown),
		cmocka_unit_test_setup_teardown(test_reload, private_setup, private_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
