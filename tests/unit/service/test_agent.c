/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of service/agent.c: several requests on one connection, hashed queues, bad requests.
 */
#include "service/agent.h"

#include <fcntl.h>

#include "../queue/spool.h"
#include "base/fd.h"
#include "net/socket.h"
#include "queue/journal_files.h"
#include "service/run_priv.h"

static int the_calls;
static int the_result;

static int deliver(struct service_ctx *ctx, struct service_client *client,
	struct delivery_request *rq, struct arena *a)
{
	(void)ctx;
	(void)client;
	(void)a;
	assert_non_null(rq->msg);
	assert_int_equal(rq->n_rcpt, 1);
	the_calls++;
	return the_result;
}

static void put_request(struct stream *s, const char *id)
{
	struct recipient rcpt = { .address = STR("r@y"), .offset = -1 };
	struct delivery_request r = { .queue_name = STR("active"),
		.queue_id = str_of(id),
		.nexthop = STR("y"),
		.rcpt = &rcpt,
		.n_rcpt = 1 };
	struct buf b = BUF(BUF_SMALL);

	assert_int_equal(request_encode(&b, &r), 0);
	assert_int_equal(stream_write(s, buf_str(&b)), 0);
	assert_int_equal(stream_flush(s), 0);
	buf_done(&b);
}

static void make_file(const char *path)
{
	int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0700);

	assert_true(fd >= 0);
	fd_close(fd);
}

/* What the agent says: the status of each answer ("0", "-1"), with '+' when it goes on. */
static void expect_answers(struct stream *s, const char *want)
{
	struct arena *a = arena_new(0);
	struct buf got = BUF(200);
	struct attr_list l;
	struct request_result res;

	stream_timeout(s, 10 * USEC_PER_SEC);
	while (attr_list_read(s, ATTR_NUL, 65536, a, &l) == 0) {
		if (l.n == 1)
			buf_puts(&got, "+");
		else if (request_result_parse(&l, a, &res) == 0)
			buf_putf(&got, "%d", res.status);
	}
	assert_string_equal(buf_cstr(&got), want);
	buf_done(&got);
	arena_free(a);
}

struct setting {
	struct conf *conf;
	struct agent ag;
	struct run run;
	struct service def;
	struct service_client client;
	struct stream *peer;
};

static void open_setting(struct setting *w, const char *hashed)
{
	struct why why = { "" };
	int sv[2];

	*w = (struct setting){ .def = { .kind = SERVICE_THREADED } };
	w->conf = conf_new("/no/such/dir");
	assert_int_equal(conf_override(w->conf, STR("myhostname=h.example"), &why), 0);
	assert_int_equal(conf_override(w->conf, str_of(hashed), &why), 0);
	if (agent_open(&w->ag, w->conf, NULL, &why) < 0)
		fail_msg("%s", why.text);
	assert_null(agent_changed(&w->ag));
	w->run.def = &w->def;
	w->run.ctx.def = &w->def;
	w->run.conf.ipc_timeout = 10 * USEC_PER_SEC;
	w->run.end_fd = -1;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv), 0);
	w->client.stream = stream_new(sv[0]);
	w->peer = stream_new(sv[1]);
}

static void play(struct setting *w, const char *want)
{
	assert_int_equal(shutdown(stream_fd(w->peer), SHUT_WR), 0);
	agent_serve(&w->ag, &w->run.ctx, &w->client, deliver);
	stream_free(w->client.stream);
	expect_answers(w->peer, want);
	stream_free(w->peer);
	report_conf_free(w->ag.report);
	journal_files_free(w->ag.queue.files);
	report_params_done(&w->ag.params);
	strv_done(&w->ag.hashed);
	conf_free(w->conf);
}

static void test_requests(void **state)
{
	struct setting w;

	(void)state;
	make_file("active/ABC1");
	make_file("active/ABC2");
	the_calls = the_result = 0;
	open_setting(&w, "hash_queue_names=deferred");
	put_request(w.peer, "ABC1");
	put_request(w.peer, "ABC2");
	play(&w, "+0+0+");
	assert_int_equal(the_calls, 2);
	the_result = -1;
	open_setting(&w, "hash_queue_names=deferred");
	put_request(w.peer, "ABC1");
	play(&w, "+-1+");
	/* The process is to end: no further greeting. */
	open_setting(&w, "hash_queue_names=deferred");
	w.run.ending = true;
	put_request(w.peer, "ABC1");
	play(&w, "+-1");
}

static void test_hashed(void **state)
{
	struct setting w;

	(void)state;
	the_calls = the_result = 0;
	assert_int_equal(mkdir("active/A", 0700), 0);
	make_file("active/A/ABC3");
	open_setting(&w, "hash_queue_names=active, deferred");
	put_request(w.peer, "ABC3");
	play(&w, "+0+");
	assert_int_equal(the_calls, 1);
}

static void test_bad(void **state)
{
	struct setting w;

	(void)state;
	the_calls = 0;
	open_setting(&w, "hash_queue_names=deferred");
	put_request(w.peer, "NOSUCH");
	put_request(w.peer, "NOSUCH");
	play(&w, "+-1");
	open_setting(&w, "hash_queue_names=deferred");
	put_request(w.peer, "../evil");
	play(&w, "+-1");
	open_setting(&w, "hash_queue_names=deferred");
	play(&w, "+");
	assert_int_equal(the_calls, 0);
}

/* Stands in for report_sent() and the like: says no to the recipient "no". */
static int report_one(const struct report_conf *c, const struct report *r)
{
	assert_null(c);
	assert_true(str_eq(r->relay, STR("via")));
	assert_true(str_eq(r->dsn.status, STR("5.0.0")));
	the_calls++;
	return str_eq(r->rcpt->address, STR("no")) ? -1 : 0;
}

static void test_report_all(void **state)
{
	struct recipient rcpt[] = { { .address = STR("a"), .offset = 7 },
		{ .address = STR("done"), .offset = 0 }, { .address = STR("no"), .offset = -1 } };
	struct delivery_request rq = { .rcpt = rcpt, .n_rcpt = 3 };
	struct dsn d = { .status = STR("5.0.0") };
	struct agent ag = { 0 };

	(void)state;
	the_calls = 0;
	assert_int_equal(agent_report_all(&ag, &rq, STR("via"), &d, report_one), -1);
	assert_int_equal(the_calls, 2);
	rq.n_rcpt = 2;
	assert_int_equal(agent_report_all(&ag, &rq, STR("via"), &d, report_one), 0);
	assert_int_equal(the_calls, 3);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_report_all),
		cmocka_unit_test_setup_teardown(test_requests, spool_setup, spool_teardown),
		cmocka_unit_test_setup_teardown(test_hashed, spool_setup, spool_teardown),
		cmocka_unit_test_setup_teardown(test_bad, spool_setup, spool_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
