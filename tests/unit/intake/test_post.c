/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of intake/post.c against a cleanup service played by a thread.
 */
#include "intake/post.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>

#include "../queue/spool.h"
#include "intake/recread.h"
#include "ipc/attr.h"
#include "net/socket.h"

#define TIMEOUT (10 * USEC_PER_SEC)

struct server {
	int listener;
	const char *protocol;
	bool hang_up; /* after the records */
	struct buf seen;
};

static void put_list(struct stream *s, const char *n1, const char *v1, const char *n2,
	const char *v2)
{
	_cleanup_buf_ struct buf b = BUF(BUF_SMALL);

	assert_int_equal(attr_put_str(&b, ATTR_NUL, n1, str_of(v1)), 0);
	assert_int_equal(attr_put_str(&b, ATTR_NUL, n2, str_of(v2)), 0);
	assert_int_equal(attr_put_end(&b, ATTR_NUL), 0);
	assert_int_equal(stream_write(s, buf_str(&b)), 0);
	assert_int_equal(stream_flush(s), 0);
}

static void *serve(void *arg)
{
	struct server *sv = arg;
	int fd = accept(sv->listener, NULL, NULL);
	struct stream *s = stream_new(fd);
	struct arena *a = arena_new(0);
	struct buf slow = BUF(10000);
	struct attr_list l;
	struct str data;
	int flags;
	int type = 0;

	put_list(s, "protocol", sv->protocol, "queue_id", "ABC");
	if (attr_list_read(s, ATTR_NUL, 1000, a, &l) == 0 && attr_int(&l, "flags", &flags) == 0) {
		buf_putf(&sv->seen, "flags=%d\n", flags);
		while (type != REC_END && (type = recread(s, 5000, &slow, &data)) > 0)
			buf_putf(&sv->seen, "%c " STR_FMT "\n", type, STR_ARG(data));
		if (type == REC_END && !sv->hang_up)
			put_list(s, "status", "8", "reason", "5.7.1 no");
	}
	buf_done(&slow);
	arena_free(a);
	stream_free(s);
	return NULL;
}

static void start(struct server *sv, pthread_t *thread)
{
	struct why why;

	sv->seen = BUF(BUF_MEDIUM);
	sv->listener = net_listen_unix("sock", 0600, 5, &why);
	assert_true(sv->listener >= 0);
	assert_int_equal(fcntl(sv->listener, F_SETFL, 0), 0);
	assert_int_equal(pthread_create(thread, NULL, serve, sv), 0);
}

static void stop(struct server *sv, pthread_t thread)
{
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(close(sv->listener), 0);
	assert_int_equal(unlink("sock"), 0);
}

static void test_notice(void **state)
{
	struct server sv = { .protocol = "cleanup_protocol" };
	struct post *p;
	struct str reason;
	struct str rest;
	unsigned status;
	pthread_t thread;
	struct why why;

	(void)state;
	start(&sv, &thread);
	assert_int_equal(post_notice("sock", 32, TIMEOUT, STR("s@x"), STR("r@y"), 3, &p, &why), 0);
	assert_string_equal(post_id(p), "ABC");
	assert_int_equal(post_received(p, "host", "Name"), 0);
	assert_int_equal(post_line(p, STR("text")), 0);
	assert_int_equal(post_record(p, REC_XTRA, STR_EMPTY), 0);
	assert_int_equal(post_recordf(p, REC_RCPT, "%s@z", "q"), 0);
	assert_int_equal(post_record(p, REC_END, STR_EMPTY), 0);
	assert_int_equal(post_finish(p, &status, &reason, &why), 0);
	assert_int_equal(status, 8);
	assert_true(str_eq(reason, STR("5.7.1 no")));
	post_free(p);
	stop(&sv, thread);
	rest = buf_str(&sv.seen);
	assert_true(str_starts(rest, STR("flags=32\nT ")));
	rest = str_skip(rest, (size_t)str_find(rest, STR("\nA ")));
	assert_true(str_starts(rest,
		STR("\nA log_message_origin=local\nA trace_flags=3\nS s@x\nR r@y\nM \n"
		    "N Received: by host (Name)\nN \tid ABC; ")));
	assert_true(str_ends(rest, STR("\nN text\nX \nR q@z\nE \n")));
	buf_done(&sv.seen);
}

static void test_lost(void **state)
{
	struct server sv = { .protocol = "cleanup_protocol", .hang_up = true };
	struct post *p;
	struct str reason;
	unsigned status;
	pthread_t thread;
	struct why why;

	(void)state;
	start(&sv, &thread);
	assert_int_equal(post_open("sock", 0, TIMEOUT, &p, &why), 0);
	assert_int_equal(post_record(p, REC_END, STR_EMPTY), 0);
	assert_true(post_finish(p, &status, &reason, &why) < 0);
	post_free(p);
	stop(&sv, thread);
	buf_done(&sv.seen);
}

static void test_no_service(void **state)
{
	struct server sv = { .protocol = "other_protocol" };
	struct post *p;
	pthread_t thread;
	struct why why;

	(void)state;
	assert_int_equal(post_open("nothing", 0, TIMEOUT, &p, &why), -ENOENT);
	start(&sv, &thread);
	assert_int_equal(post_open("sock", 0, TIMEOUT, &p, &why), -EPROTO);
	stop(&sv, thread);
	buf_done(&sv.seen);
	post_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_notice),
		cmocka_unit_test(test_lost),
		cmocka_unit_test(test_no_service),
	};

	return cmocka_run_group_tests(tests, spool_setup, spool_teardown);
}
