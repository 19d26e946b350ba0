/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of io/stream.c over socket pairs and pipes.
 */
#include "io/stream.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"

struct pair {
	struct stream *a;
	struct stream *b;
};

static struct pair make_pair(void)
{
	int fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
	return (struct pair){ stream_new(fd[0]), stream_new(fd[1]) };
}

static void pair_done(struct pair *p)
{
	stream_free(p->a);
	stream_free(p->b);
}

static void test_lines(void **state)
{
	_cleanup_(pair_done) struct pair p = make_pair();
	_cleanup_buf_ struct buf line = BUF(BUF_SMALL);

	(void)state;
	assert_int_equal(stream_printf(p.a, "one\r\n%s", "exactly8\n0123456789\nlast"), 0);
	assert_int_equal(stream_close(p.a), 0);
	p.a = NULL;
	assert_int_equal(stream_line(p.b, 100, &line), 1);
	assert_string_equal(buf_cstr(&line), "one\r\n");
	buf_clear(&line);
	assert_int_equal(stream_line(p.b, 9, &line), 1);
	assert_string_equal(buf_cstr(&line), "exactly8\n");
	buf_clear(&line);
	assert_int_equal(stream_line(p.b, 8, &line), 0);
	assert_string_equal(buf_cstr(&line), "01234567");
	assert_int_equal(stream_line(p.b, 8, &line), 1);
	assert_string_equal(buf_cstr(&line), "0123456789\n");
	buf_clear(&line);
	assert_int_equal(stream_line(p.b, 100, &line), 0);
	assert_string_equal(buf_cstr(&line), "last");
	assert_int_equal(stream_line(p.b, 100, &line), -ENODATA);
	assert_int_equal(stream_line(p.b, 100, &line), -ENODATA);
}

static void test_until_and_limits(void **state)
{
	_cleanup_(pair_done) struct pair p = make_pair();
	_cleanup_buf_ struct buf b = BUF(4);
	char three[4] = "";

	(void)state;
	assert_int_equal(stream_write(p.a, str_from("abcd\0efghi\0xyz", 14)), 0);
	assert_int_equal(stream_flush(p.a), 0);
	assert_int_equal(stream_until(p.b, '\0', &b), 0);
	assert_string_equal(buf_cstr(&b), "abcd");
	buf_clear(&b);
	assert_int_equal(stream_until(p.b, '\0', &b), -EMSGSIZE);
	assert_int_equal(stream_error(p.b), 0);
	assert_true(str_eq(str_head(stream_buffered(p.b), 5), STR("efghi")));
	stream_skip(p.b, 6);
	assert_int_equal(stream_getc(p.b), 'x');
	assert_int_equal(stream_read(p.b, three, 2), 0);
	assert_string_equal(three, "yz");
	assert_false(stream_readable(p.b));
	assert_int_equal(stream_write(p.a, STR("zz")), 0);
	assert_int_equal(stream_close(p.a), 0);
	p.a = NULL;
	assert_true(stream_readable(p.b));
	assert_int_equal(stream_read(p.b, three, 3), -EPIPE);
	assert_int_equal(stream_getc(p.b), -ENODATA);
}

/* Both kinds of waiting: in recv(2) with a timeout, and in poll(2) with a deadline. */
static void test_time(void **state)
{
	_cleanup_(pair_done) struct pair p = make_pair();
	_cleanup_(pair_done) struct pair q = make_pair();
	usec_t start = clock_now();

	(void)state;
	stream_timeout(p.b, 30 * USEC_PER_MSEC);
	assert_int_equal(stream_getc(p.b), -ETIMEDOUT);
	assert_int_equal(stream_getc(p.b), -ETIMEDOUT);
	assert_int_equal(stream_write(p.b, STR("x")), -ETIMEDOUT);
	stream_last_word(p.b, USEC_PER_SEC);
	assert_int_equal(stream_write(p.b, STR("x")), 0);
	assert_int_equal(stream_flush(p.b), 0);
	assert_int_equal(stream_getc(p.a), 'x');
	stream_timeout(q.b, 100 * USEC_PER_SEC);
	stream_deadline(q.b, clock_deadline(30 * USEC_PER_MSEC));
	assert_int_equal(stream_getc(q.b), -ETIMEDOUT);
	assert_true(clock_now() - start >= 60 * USEC_PER_MSEC);
	assert_true(clock_now() - start < 20 * USEC_PER_SEC);
}

static void test_write_blocks(void **state)
{
	static char big[300000];
	_cleanup_(pair_done) struct pair p = make_pair();
	int r = 0;

	(void)state;
	stream_timeout(p.a, 30 * USEC_PER_MSEC);
	for (int i = 0; i < 100 && r == 0; i++)
		r = stream_write(p.a, str_from(big, sizeof big));
	assert_int_equal(r, -ETIMEDOUT);
	assert_true(stream_last_write(p.a) > 0);
}

/* 100 bytes buy a second at rate 100; without data the deadline stands. */
static void test_rate(void **state)
{
	_cleanup_(pair_done) struct pair p = make_pair();
	_cleanup_buf_ struct buf b = BUF(BUF_SMALL);

	(void)state;
	stream_timeout(p.b, 60 * USEC_PER_SEC);
	stream_deadline(p.b, clock_deadline(20 * USEC_PER_MSEC));
	stream_data_rate(p.b, 1000);
	assert_int_equal(stream_write(p.a, STR("0123456789")), 0);
	assert_int_equal(stream_flush(p.a), 0);
	assert_int_equal(stream_until(p.b, '9', &b), 0);
	assert_int_equal(stream_getc(p.b), -ETIMEDOUT);
}

static void test_peer_gone(void **state)
{
	_cleanup_(pair_done) struct pair p = make_pair();

	(void)state;
	stream_free(TAKE(p.b));
	assert_int_equal(stream_write(p.a, STR("x")), 0);
	assert_int_equal(stream_pending_out(p.a), 1);
	assert_int_equal(stream_flush(p.a), -EPIPE);
	assert_int_equal(stream_write(p.a, STR("x")), -EPIPE);
	assert_int_equal(stream_getc(p.a), -EPIPE);
}

/* Reading flushes first, so that a dialogue cannot lock up; pipes work as sockets do. */
static void test_pipes(void **state)
{
	static char big[10000];
	int fd[2];
	struct stream *s;
	char c[2];

	(void)state;
	assert_int_equal(pipe(fd), 0);
	s = stream_new_pair(fd[0], fd[1]);
	stream_timeout(s, 10 * USEC_PER_SEC);
	assert_int_equal(stream_write(s, STR("loop")), 0);
	assert_int_equal(stream_getc(s), 'l');
	assert_int_equal(stream_read(s, c, 2), 0);
	assert_int_equal(stream_write(s, str_from(big, sizeof big)), 0);
	assert_int_equal(stream_flush(s), 0);
	stream_free(s);
	assert_int_equal(close(fd[0]), 0);
	assert_int_equal(close(fd[1]), 0);
}

static ssize_t upper_read(void *ctx, char *p, size_t n, usec_t deadline)
{
	(void)deadline;
	(void)n;
	if ((*(int *)ctx)++ > 0)
		return 0;
	*p = 'T';
	return 1;
}

static ssize_t upper_write(void *ctx, const char *p, size_t n, usec_t deadline)
{
	(void)ctx;
	(void)p;
	(void)deadline;
	return n > 3 ? 3 : (ssize_t)n;
}

static int upper_close(void *ctx)
{
	*(int *)ctx = -1;
	return 0;
}

static void test_push_and_detach(void **state)
{
	static const struct stream_ops ops = { upper_read, upper_write, upper_close, NULL };
	_cleanup_(pair_done) struct pair p = make_pair();
	int count = 0;
	int fd;

	(void)state;
	assert_int_equal(stream_write(p.a, STR("plain")), 0);
	assert_int_equal(stream_flush(p.a), 0);
	assert_int_equal(stream_getc(p.b), 'p');
	assert_int_equal(stream_push(p.b, &ops, &count), 4);
	assert_int_equal(stream_getc(p.b), 'T');
	assert_int_equal(stream_getc(p.b), -ENODATA);
	assert_int_equal(stream_write(p.b, STR("12345678")), 0);
	assert_int_equal(stream_flush(p.b), 0);
	stream_free(TAKE(p.b));
	assert_int_equal(count, -1);
	fd = stream_detach(p.a);
	stream_free(TAKE(p.a));
	assert_int_equal(fd_close_checked(fd), 0);
}

/* Use a stream, and leave as much behind as there can be. */
static void soil(struct pair *p, int how, int *count)
{
	static const struct stream_ops ops = { upper_read, upper_write, upper_close, NULL };
	_cleanup_buf_ struct buf line = BUF(BUF_SMALL);

	stream_timeout(p->b, USEC_PER_SEC / 100);
	stream_deadline(p->b, clock_deadline(USEC_PER_SEC / 100));
	stream_data_rate(p->b, 1);
	assert_int_equal(stream_printf(p->a, "one\ntwo\nthr"), 0);
	assert_int_equal(stream_flush(p->a), 0);
	assert_int_equal(stream_line(p->b, 100, &line), 1);
	if (how == 1)
		assert_int_equal(stream_push(p->b, &ops, count), 7);
	if (how == 2)
		fd_close(stream_detach(p->b));
	if (how == 3) {
		assert_int_equal(stream_line(p->b, 100, &line), 1);
		assert_int_equal(stream_line(p->b, 100, &line), -ETIMEDOUT);
	}
	if (how == 4) {
		stream_free(TAKE(p->a));
		assert_int_equal(stream_write(p->b, STR("lost")), 0);
	}
}

/* A connection in the memory of another: nothing of that is left but memory. */
static void test_again(void **state)
{
	(void)state;
	for (int how = 0; how < 5; how++) {
		_cleanup_(pair_done) struct pair p = make_pair();
		_cleanup_buf_ struct buf line = BUF(BUF_SMALL);
		struct stream *s = p.b;
		int count = 0;
		int fd[2];

		soil(&p, how, &count);
		IGNORE(stream_end(s) < 0);
		assert_int_equal(count, how == 1 ? -1 : 0);
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
		assert_ptr_equal(stream_again(s, fd[0]), s);
		assert_int_equal(stream_fd(s), fd[0]);
		assert_int_equal(stream_error(s), 0);
		assert_int_equal(stream_last_write(s), 0);
		assert_int_equal(stream_buffered(s).len, 0);
		assert_false(stream_readable(s));
		assert_int_equal(write(fd[1], "in\n", 3), 3);
		assert_int_equal(stream_line(s, 100, &line), 1);
		assert_string_equal(buf_cstr(&line), "in\n");
		assert_int_equal(stream_printf(s, "out"), 0);
		assert_int_equal(stream_end(s), 0);
		assert_int_equal(read(fd[1], (char[10]){ 0 }, 10), 3);
		assert_int_equal(read(fd[1], (char[10]){ 0 }, 10), 0);
		fd_close(fd[1]);
	}
	stream_free(stream_again(NULL, -1));
}

/* The last words of a peer that hung up while we were writing. */
static void test_read_on(void **state)
{
	static const char much[20000];
	_cleanup_(pair_done) struct pair p = make_pair();
	int r = 0;

	(void)state;
	assert_int_equal(stream_write(p.b, STR("552 no\r\n")), 0);
	assert_int_equal(stream_close(p.b), 0);
	p.b = NULL;
	for (int i = 0; i < 10 && r == 0; i++)
		r = stream_write(p.a, str_from(much, sizeof(much)));
	assert_true(r == -EPIPE || r == -ECONNRESET);
	assert_int_equal(stream_getc(p.a), r);
	stream_read_on(p.a);
	assert_int_equal(stream_getc(p.a), '5');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_until_and_limits),
		cmocka_unit_test(test_time),
		cmocka_unit_test(test_write_blocks),
		cmocka_unit_test(test_rate),
		cmocka_unit_test(test_peer_gone),
		cmocka_unit_test(test_pipes),
		cmocka_unit_test(test_push_and_detach),
		cmocka_unit_test(test_again),
		cmocka_unit_test(test_read_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
