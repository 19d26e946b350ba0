/* SPDX-License-Identifier: Apache-2.0 */
/* The agent reads what a requester of either version sends, and answers. */
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>

#include "../queue/journal_rig.h"
#include "base/fd.h"
#include "delivery/request.h"
#include "net/addr.h"

struct pair {
	struct stream *agent, *peer;
	struct arena *a;
};

static struct pair open_pair(void)
{
	int sv[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv), 0);
	return (struct pair){ stream_new(sv[0]), stream_new(sv[1]), arena_new(0) };
}

static void close_pair(struct pair *p)
{
	stream_free(p->agent);
	stream_free(p->peer);
	arena_free(p->a);
}

static void make_file(const char *path)
{
	int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0700);

	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, STR("C\x01xR\x03"
					      "a@y")),
		0);
	fd_close(fd);
}

static struct recipient the_rcpt[2] = {
	{ .orig_addr = STR("o@x"), .address = STR("a@y"), .offset = 3, .dsn_notify = 2 },
	{ .address = STR("b@y"), .offset = -1 }
};

static struct delivery_request sample(void)
{
	return (struct delivery_request){
		.flags = REQUEST_SUCCESS | REQUEST_CONN_LOAD,
		.queue_name = STR("active"),
		.queue_id = STR("ABC123"),
		.data_offset = 10,
		.data_size = 20,
		.nexthop = STR("[y]:25"),
		.encoding = STR("8bit"),
		.sendopts = 3,
		.sender = STR("s@x"),
		.stats = { .incoming_arrival = { 12, 34 } },
		.log_ident = STR("ID"),
		.rewrite_context = STR("local"),
		.rcpt = the_rcpt,
		.n_rcpt = 2,
	};
}

static void send_request(struct pair *p, const struct delivery_request *r, bool old)
{
	struct buf b = BUF(BUF_SMALL);

	assert_int_equal(request_encode(&b, r), 0);
	if (old) {
		ptrdiff_t at = str_find(buf_str(&b), STR("sendopts"));

		/* Before 3.10 the attribute had another name, of the same length. */
		assert_true(at > 0);
		memcpy(b.ptr + at, "smtputf8", 8);
	}
	assert_int_equal(stream_write(p->peer, buf_str(&b)), 0);
	assert_int_equal(stream_flush(p->peer), 0);
	buf_done(&b);
}

static void test_read_and_answer(void **state)
{
	struct pair p = open_pair();
	struct delivery_request out, r = sample();
	struct request_result res;
	struct attr_list l;

	(void)state;
	make_file("active/ABC123");
	assert_int_equal(request_greet(p.agent), 0);
	assert_int_equal(attr_expect_greeting(p.peer, ATTR_NUL, "delivery_request_protocol"), 0);
	for (int old = 0; old < 2; old++) {
		send_request(&p, &r, old != 0);
		assert_int_equal(request_read(p.agent, NULL, p.a, &out, NULL), 0);
		assert_int_equal(out.flags, r.flags);
		assert_int_equal(out.sendopts, 3);
		assert_true(out.data_offset == 10 && out.data_size == 20 && out.n_rcpt == 2);
		assert_true(str_eq(out.nexthop, STR("[y]:25")) && str_eq(out.sender, STR("s@x")));
		assert_true(out.stats.incoming_arrival.tv_usec == 34);
		assert_true(str_eq(out.rcpt[0].orig_addr, STR("o@x")));
		assert_true(out.rcpt[0].offset == 3 && out.rcpt[1].offset == -1);
		assert_non_null(out.msg);
		/* The file is locked: nobody gets it for himself. */
		int fd = open("active/ABC123", O_RDWR | O_CLOEXEC);
		assert_int_equal(fd_flock(fd, LOCK_EX | LOCK_NB), -EWOULDBLOCK);
		out.hop_status.status = STR("4.4.1");
		assert_int_equal(request_answer(p.agent, &out, -1, true), 0);
		assert_int_equal(fd_flock(fd, LOCK_EX | LOCK_NB), 0);
		fd_close(fd);
		assert_int_equal(attr_list_read(p.peer, ATTR_NUL, 65536, p.a, &l), 0);
		assert_int_equal(request_result_parse(&l, p.a, &res), 0);
		assert_int_equal(res.status, -1);
		assert_true(str_eq(res.dsn.status, STR("4.4.1")));
		/* Ready for another request on the same connection. */
		assert_int_equal(attr_expect_greeting(p.peer, ATTR_NUL,
					 "delivery_request_protocol"),
			0);
	}
	stream_free(TAKE(p.peer));
	assert_int_equal(request_read(p.agent, NULL, p.a, &out, NULL), -ENODATA);
	close_pair(&p);
}

static void expect_refusal(struct pair *p, int want)
{
	struct delivery_request out;
	struct request_result res;
	struct attr_list l;
	struct why why = { 0 };

	assert_int_equal(request_read(p->agent, NULL, p->a, &out, &why), want);
	assert_int_equal(attr_list_read(p->peer, ATTR_NUL, 65536, p->a, &l), 0);
	assert_int_equal(request_result_parse(&l, p->a, &res), 0);
	assert_int_equal(res.status, -1);
	assert_int_equal(res.dsn.status.len, 0);
}

static void test_gone(void **state)
{
	struct pair p = open_pair();
	struct delivery_request r = sample();

	(void)state;
	send_request(&p, &r, false);
	expect_refusal(&p, -ENOENT);
	close_pair(&p);
}

static void expect_no_reports(struct pair *p, bool want)
{
	struct request_result res;
	struct attr_list l;

	assert_int_equal(attr_list_read(p->peer, ATTR_NUL, 65536, p->a, &l), 0);
	assert_int_equal(request_result_parse(&l, p->a, &res), 0);
	assert_int_equal(res.no_reports, want);
}

/* A message in the journal; when it has left that, its file. */
static void test_young(void **state)
{
	struct journal_writer *w = journal_writer_new(&rig_settings);
	struct journal_reader *jr = rig_reader(NULL);
	struct pair p = open_pair();
	struct delivery_request out, r = sample();
	struct journal_entry e;

	(void)state;
	assert_int_equal(rig_write(w, "a@y", 1000, NULL), 0);
	assert_int_equal(journal_next(jr, &e), 1);
	r.young = true;
	r.place = e.place;
	r.queue_id = str_of(e.id);
	send_request(&p, &r, false);
	assert_int_equal(request_read(p.agent, NULL, p.a, &out, NULL), 0);
	assert_true(out.young && out.place.offset == e.place.offset);
	assert_int_equal(queue_message_size(out.msg), e.place.length);
	assert_int_equal(queue_message_mark_done(out.msg, RIG_RCPT), 0);
	assert_int_equal(request_answer(p.agent, &out, 0, false), 0);
	expect_no_reports(&p, true);
	send_request(&p, &r, false);
	assert_int_equal(request_read(p.agent, NULL, p.a, &out, NULL), 0);
	out.has_reports = true;
	assert_int_equal(request_answer(p.agent, &out, 0, false), 0);
	expect_no_reports(&p, false);

	assert_int_equal(journal_settle(&rig_queues, &e, STR("active"), true, NULL), 0);
	journal_settled(jr, &e.place);
	send_request(&p, &r, false);
	assert_int_equal(request_read(p.agent, NULL, p.a, &out, NULL), 0);
	assert_true(out.msg != NULL && queue_message_mtime(out.msg) > 0);
	assert_int_equal(request_answer(p.agent, &out, 0, false), 0);

	assert_int_equal(queue_remove(&rig_queues, STR("active"), str_of(e.id)), 0);
	send_request(&p, &r, false);
	assert_int_equal(request_read(p.agent, NULL, p.a, &out, NULL), -ENOENT);
	close_pair(&p);
	journal_reader_close(jr);
	journal_writer_free(w);
}

static void test_malformed(void **state)
{
	struct pair p;
	struct delivery_request r = sample();

	(void)state;
	make_file("active/ABC123");
	/* A file outside the queue, no next hop, no recipients. */
	for (int i = 0; i < 3; i++) {
		r = sample();
		if (i == 0)
			r.queue_id = STR("../ABC123");
		else if (i == 1)
			r.nexthop = STR_EMPTY;
		else
			r.n_rcpt = 0;
		p = open_pair();
		send_request(&p, &r, false);
		expect_refusal(&p, -EBADMSG);
		close_pair(&p);
	}
	p = open_pair();
	assert_int_equal(stream_write(p.peer, STR("flags\0x\0\0")), 0);
	assert_int_equal(stream_flush(p.peer), 0);
	expect_refusal(&p, -EBADMSG);
	close_pair(&p);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_read_and_answer, spool_setup, spool_teardown),
		cmocka_unit_test_setup_teardown(test_gone, spool_setup, spool_teardown),
		cmocka_unit_test_setup_teardown(test_young, rig_setup, spool_teardown),
		cmocka_unit_test_setup_teardown(test_malformed, spool_setup, spool_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
