/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of ipc/client.c against small servers in a thread.
 */
#include "ipc/client.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "net/socket.h"

static char the_dir[64];
static char the_path[128];

/* How the server treats its clients; it replies n=<number of the connection> to every request. */
enum behaviour {
	CLOSES,       /* one request a connection, as Postfix's bounce */
	GREETS_AGAIN, /* a fresh greeting after each reply */
	PERSISTS,
	GARBAGE,
};

struct server {
	enum behaviour how;
	int listener;
	int per_conn; /* requests served before it hangs up */
	int conns;    /* connections to serve */
	pthread_t thread;
};

static void serve_one(const struct server *v, int number, int fd)
{
	_cleanup_stream_ struct stream *s = stream_new(fd);
	_cleanup_buf_ struct buf b = BUF(BUF_SMALL);

	stream_timeout(s, 10 * USEC_PER_SEC);
	check(attr_put_greeting(&b, ATTR_NUL, "test_protocol") == 0);
	for (int i = 0; i < v->per_conn; i++) {
		_cleanup_arena_ struct arena *a = arena_new(0);
		struct attr_list l;

		if (stream_write(s, buf_str(&b)) < 0 || stream_flush(s) < 0 ||
			attr_list_read(s, ATTR_NUL, 1000, a, &l) < 0)
			return;
		buf_clear(&b);
		if (v->how == GARBAGE) {
			check(buf_add(&b, str_from("n\0", 2)) == 0);
			IGNORE(stream_write(s, buf_str(&b)));
			break;
		}
		check(attr_put_int(&b, ATTR_NUL, "n", number) == 0);
		check(attr_put_end(&b, ATTR_NUL) == 0);
		if (v->how == GREETS_AGAIN)
			check(attr_put_greeting(&b, ATTR_NUL, "test_protocol") == 0);
	}
	IGNORE(stream_write(s, buf_str(&b)));
	IGNORE(stream_flush(s));
}

static void *serve(void *arg)
{
	struct server *v = arg;

	for (int i = 1; i <= v->conns; i++) {
		int fd;

		check(fd_wait(v->listener, POLLIN, clock_deadline(10 * USEC_PER_SEC)) == 0);
		fd = net_accept(v->listener, NULL);
		check(fd >= 0);
		serve_one(v, i, fd);
	}
	return NULL;
}

static void start(struct server *v)
{
	v->listener = net_listen_unix(the_path, 0600, 10, NULL);
	assert_true(v->listener >= 0);
	assert_int_equal(pthread_create(&v->thread, NULL, serve, v), 0);
}

static void stop(struct server *v)
{
	assert_int_equal(pthread_join(v->thread, NULL), 0);
	fd_close(v->listener);
}

static struct ipc_client *client(bool persistent)
{
	struct ipc_client_settings s = { .path = the_path,
		.protocol = "test_protocol",
		.enc = ATTR_NUL,
		.persistent = persistent,
		.timeout = 10 * USEC_PER_SEC,
		.idle = 60 * USEC_PER_SEC,
		.max_idle = 2 };

	return ipc_client_new(&s);
}

/* The number of the connection that served a call, or its error. */
static int call(struct ipc_client *c)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	_cleanup_buf_ struct buf b = BUF(BUF_SMALL);
	struct attr_list l;
	struct why why = { "" };
	int n = 0;
	int r;

	assert_int_equal(attr_put_str(&b, ATTR_NUL, "request", STR("x")), 0);
	assert_int_equal(attr_put_end(&b, ATTR_NUL), 0);
	r = ipc_call(c, buf_str(&b), 1000, a, &l, &why);
	if (r < 0) {
		assert_true(why.text[0] != '\0');
		return r;
	}
	assert_int_equal(attr_int(&l, "n", &n), 0);
	return n;
}

static void test_closing(void **state)
{
	struct server v = { .how = CLOSES, .per_conn = 1, .conns = 2 };
	struct ipc_client *c = client(false);

	(void)state;
	start(&v);
	assert_int_equal(call(c), 1);
	assert_int_equal(call(c), 2);
	stop(&v);
	assert_int_equal(call(c), -ECONNREFUSED);
	ipc_client_free(c);
}

static void test_reuse(void **state)
{
	static const enum behaviour hows[] = { GREETS_AGAIN, PERSISTS };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(hows); i++) {
		struct server v = { .how = hows[i], .per_conn = 3, .conns = 2 };
		struct ipc_client *c = client(hows[i] == PERSISTS);

		start(&v);
		/* The third reply of a connection is followed by its end: one silent retry. */
		assert_int_equal(call(c), 1);
		assert_int_equal(call(c), 1);
		assert_int_equal(call(c), 1);
		assert_int_equal(call(c), 2);
		assert_int_equal(call(c), 2);
		ipc_client_free(c);
		stop(&v);
	}
}

static void test_errors(void **state)
{
	struct server v = { .how = GARBAGE, .per_conn = 1, .conns = 1 };
	struct ipc_client *c = client(false);
	struct ipc_client_settings s = { .path = the_path,
		.protocol = "other_protocol",
		.timeout = 10 * USEC_PER_SEC };

	(void)state;
	start(&v);
	assert_int_equal(call(c), -EPROTO);
	stop(&v);
	ipc_client_free(c);
	v.how = CLOSES;
	start(&v);
	c = ipc_client_new(&s);
	assert_int_equal(call(c), -EPROTO);
	stop(&v);
	assert_int_equal(unlink(the_path), 0);
	assert_int_equal(call(c), -ENOENT);
	ipc_client_free(c);
	ipc_client_free(NULL);
}

static void test_trigger(void **state)
{
	char got[16] = "";
	int listener;
	int fd;

	(void)state;
	assert_int_equal(ipc_trigger(the_path, STR("W"), USEC_PER_SEC), -ENOENT);
	listener = net_listen_unix(the_path, 0600, 5, NULL);
	assert_int_equal(ipc_trigger(the_path, STR("FADI"), USEC_PER_SEC), 0);
	fd = net_accept(listener, NULL);
	assert_true(fd >= 0);
	assert_int_equal(read(fd, got, sizeof got), 5);
	assert_string_equal(got, "FADI");
	fd_close(fd);
	fd_close(listener);
	assert_int_equal(ipc_trigger(the_path, STR("W"), USEC_PER_SEC), -ECONNREFUSED);
	assert_int_equal(unlink(the_path), 0);
	assert_int_equal(mkfifo(the_path, 0600), 0);
	assert_int_equal(ipc_trigger(the_path, STR("W"), USEC_PER_SEC), -ENXIO);
	fd = open(the_path, O_RDONLY | O_NONBLOCK);
	assert_int_equal(ipc_trigger(the_path, STR("IW"), USEC_PER_SEC), 0);
	assert_int_equal(read(fd, got, sizeof got), 2);
	fd_close(fd);
}

struct caller {
	struct ipc_client *client;
	int number;
	pthread_t thread;
};

static void *call_once(void *arg)
{
	struct caller *me = arg;

	me->number = call(me->client);
	return NULL;
}

/* Many at once with one turn at a time: all on one connection. */
static void test_turns(void **state)
{
	struct server v = { .how = PERSISTS, .per_conn = 8, .conns = 1 };
	struct ipc_client_settings s = { .path = the_path,
		.protocol = "test_protocol",
		.enc = ATTR_NUL,
		.persistent = true,
		.timeout = 10 * USEC_PER_SEC,
		.max_idle = 1,
		.max_busy = 1 };
	struct ipc_client *c = ipc_client_new(&s);
	struct caller callers[8];

	(void)state;
	start(&v);
	for (size_t i = 0; i < ARRAY_LEN(callers); i++) {
		callers[i].client = c;
		assert_int_equal(pthread_create(&callers[i].thread, NULL, call_once, &callers[i]),
			0);
	}
	for (size_t i = 0; i < ARRAY_LEN(callers); i++) {
		assert_int_equal(pthread_join(callers[i].thread, NULL), 0);
		assert_int_equal(callers[i].number, 1);
	}
	ipc_client_free(c);
	stop(&v);
}

/* Who waits too long for his turn is told. */
static void test_turn_timeout(void **state)
{
	struct ipc_client_settings s = { .path = the_path,
		.protocol = "test_protocol",
		.timeout = 2 * USEC_PER_SEC,
		.max_busy = 1 };
	struct ipc_client *c = ipc_client_new(&s);
	struct caller callers[3];
	int listener = net_listen_unix(the_path, 0600, 10, NULL);

	(void)state;
	assert_true(listener >= 0);
	for (size_t i = 0; i < ARRAY_LEN(callers); i++) {
		callers[i].client = c;
		assert_int_equal(pthread_create(&callers[i].thread, NULL, call_once, &callers[i]),
			0);
	}
	for (size_t i = 0; i < ARRAY_LEN(callers); i++) {
		assert_int_equal(pthread_join(callers[i].thread, NULL), 0);
		assert_int_equal(callers[i].number, -ETIMEDOUT);
	}
	ipc_client_free(c);
	fd_close(listener);
}

static int setup(void **state)
{
	(void)state;
	(void)snprintf(the_dir, sizeof the_dir, "/tmp/test-ipc-XXXXXX");
	if (mkdtemp(the_dir) == NULL)
		return -1;
	(void)snprintf(the_path, sizeof the_path, "%s/s", the_dir);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	(void)unlink(the_path);
	return rmdir(the_dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_closing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reuse, setup, teardown),
		cmocka_unit_test_setup_teardown(test_errors, setup, teardown),
		cmocka_unit_test_setup_teardown(test_turns, setup, teardown),
		cmocka_unit_test_setup_teardown(test_turn_timeout, setup, teardown),
		cmocka_unit_test_setup_teardown(test_trigger, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
