/* SPDX-License-Identifier: Apache-2.0 */
/* Each outcome reaches the log, the right service and the queue file; failures of services never
 * lose a recipient. */
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>

#include "base/fd.h"
#include "delivery/report.h"
#include "service.h"

#define PROTO "delivery_status_protocol"

struct world {
	struct fake *bounce, *defer, *trace, *flush, *verify;
	struct table_settings tables;
	struct notes notes;
	struct report_settings s;
	struct report_conf *c;
	char log[4096];
	struct delivery_request rq;
	struct recipient rcpt;
	struct report r;
};

static void collect(void *ctx, enum note_level level, const char *text)
{
	struct world *w = ctx;
	size_t n = strlen(w->log);

	(void)snprintf(w->log + n, sizeof(w->log) - n, "%s%s\n", level == NOTE_WARN ? "W:" : "",
		text);
}

static void open_queue_file(struct world *w)
{
	int fd = open("active/ABC", O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0700);

	assert_int_equal(fd_write_all(fd, STR("C\x01xR\x03"
					      "r@y")),
		0);
	fd_close(fd);
	queue_message_close(w->rq.msg);
	assert_int_equal(queue_message_open(NULL, STR("active"), STR("ABC"), true, &w->rq.msg,
				 NULL),
		0);
}

static int setup(void **state)
{
	struct world *w = mem_new(struct world);

	if (spool_setup(state) < 0)
		return -1;
	w->bounce = fake_start("b", PROTO);
	w->defer = fake_start("d", PROTO);
	w->trace = fake_start("t", PROTO);
	w->flush = fake_start("f", "queue_flush_protocol");
	w->verify = fake_start("v", "address_verification_prrotocol");
	w->notes = (struct notes){ collect, w };
	w->s = (struct report_settings){ .bounce_path = "b",
		.defer_path = "d",
		.trace_path = "t",
		.flush_path = "f",
		.verify_path = "v",
		.ipc_timeout = 10 * USEC_PER_SEC,
		.verify_negative_cache = true,
		.fast_flush_domains = "fast.test",
		.tables = &w->tables,
		.log = &w->notes };
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	report_conf_free(w->c);
	queue_message_close(w->rq.msg);
	fake_stop(w->bounce);
	fake_stop(w->defer);
	fake_stop(w->trace);
	fake_stop(w->flush);
	fake_stop(w->verify);
	free(w);
	return spool_teardown(state);
}

/* A fresh recipient with these flags of the request. */
static void begin(struct world *w, int flags)
{
	report_conf_free(w->c);
	assert_int_equal(report_conf_new(&w->s, &w->c, NULL), 0);
	open_queue_file(w);
	w->log[0] = '\0';
	w->rq.flags = flags;
	w->rq.queue_id = STR("ABC");
	w->rcpt = (struct recipient){ .address = STR("r@y"), .offset = 3 };
	w->r = (struct report){ .rq = &w->rq,
		.rcpt = &w->rcpt,
		.relay = STR("mx[1.2.3.4]:25"),
		.dsn = { .reason = STR("said so") } };
}

static void expect(struct world *w, const char *log, const char *bounce, const char *defer,
	const char *trace, char mark, const char *what)
{
	char byte = 0;
	int fd = open("active/ABC", O_RDONLY | O_CLOEXEC);

	if (strstr(w->log, log) == NULL)
		fail_msg("%s: log is %s, wanted %s", what, w->log, log);
	fake_expect(w->bounce, bounce, what);
	fake_expect(w->defer, defer, what);
	fake_expect(w->trace, trace, what);
	assert_int_equal(pread(fd, &byte, 1, 3), 1);
	fd_close(fd);
	if (byte != mark)
		fail_msg("%s: mark is %c", what, byte);
}

static void test_sent(void **state)
{
	struct world *w = *state;

	begin(w, REQUEST_SUCCESS);
	assert_int_equal(report_sent(w->c, &w->r), 0);
	expect(w, "dsn=2.0.0, status=sent (said so)", "", "", "", 'D', "sent");
	begin(w, 0);
	assert_int_equal(report_sent(w->c, &w->r), 0);
	expect(w, "status=sent", "", "", "", 'R', "no marking wanted");
	begin(w, 1);
	w->rcpt.dsn_notify = DSN_NOTIFY_SUCCESS;
	w->r.dsn.action = STR("relayed");
	assert_int_equal(report_sent(w->c, &w->r), 0);
	expect(w, "status=sent", "", "",
		"action=relayed;reason=delivery via mx[1.2.3.4]:25: said so;", 'D', "notify");
	begin(w, 1 | REQUEST_RECORD);
	w->r.relay = STR("none");
	assert_int_equal(report_sent(w->c, &w->r), 0);
	expect(w, "status=sent", "", "", "reason=said so;", 'D', "record");
	begin(w, 1 | REQUEST_REC_DLY_SENT);
	assert_int_equal(report_sent(w->c, &w->r), 0);
	expect(w, "status=sent", "", "", "recipient=r@y;", 'D', "delay cleared");
	/* A notice that cannot be recorded keeps the recipient. */
	begin(w, 1 | REQUEST_RECORD);
	w->trace->silent = true;
	assert_int_equal(report_sent(w->c, &w->r), -1);
	expect(w, "dsn=4.3.0, status=deferred (bounce or trace service failure)", "",
		"action=delayed;reason=bounce or trace service failure;", "recipient=", 'R',
		"no trace");
}

static void test_bounce(void **state)
{
	struct world *w = *state;

	begin(w, 0);
	w->r.dsn.status = STR("5.1.1");
	assert_int_equal(report_bounce(w->c, &w->r), 0);
	expect(w, "dsn=5.1.1, status=bounced (said so)", "status=5.1.1;", "", "", 'D', "bounce");
	begin(w, REQUEST_RECORD);
	assert_int_equal(report_bounce(w->c, &w->r), 0);
	expect(w, "dsn=5.0.0, status=bounced", "action=failed;", "", "action=failed;", 'D',
		"record");
	begin(w, 0);
	w->r.dsn.status = STR("4.2.1");
	assert_int_equal(report_bounce(w->c, &w->r), 0);
	expect(w, "W:bounce_append: ignoring dsn code \"4.2.1\"", "status=5.0.0;", "", "", 'D',
		"class");
	w->bounce->status = -1;
	begin(w, 0);
	assert_int_equal(report_bounce(w->c, &w->r), -1);
	expect(w, "dsn=4.3.0, status=deferred", "status=5.0.0;", "status=4.3.0;", "", 'R',
		"service fails");
	w->s.soft_bounce = true;
	begin(w, 0);
	w->r.dsn.status = STR("5.1.1");
	assert_int_equal(report_bounce(w->c, &w->r), -1);
	expect(w, "dsn=4.1.1, status=SOFTBOUNCE", "", "status=4.1.1;", "", 'R', "soft bounce");
}

static void test_defer(void **state)
{
	struct world *w = *state;

	begin(w, 1);
	assert_int_equal(report_defer(w->c, &w->r), -1);
	expect(w, "dsn=4.0.0, status=deferred (said so)", "", "action=delayed;", "", 'R', "defer");
	fake_expect(w->flush, "", "not a fast flush domain");
	begin(w, REQUEST_RECORD);
	w->rcpt.address = STR("r@FAST.test");
	assert_int_equal(report_defer(w->c, &w->r), -1);
	expect(w, "status=deferred", "", "action=delayed;", "action=delayed;", 'R', "record");
	fake_expect(w->flush, "request=add;site=FAST.test;queue_id=ABC;", "flush");
	/* The log of a delay may be lost, the recipient not. */
	w->defer->silent = true;
	begin(w, 0);
	assert_int_equal(report_defer(w->c, &w->r), -1);
	expect(w, "status=deferred", "", "action=delayed;", "", 'R', "service fails");
}

static void test_probes(void **state)
{
	struct world *w = *state;

	begin(w, 1 | REQUEST_MTA_VRFY);
	w->rcpt.orig_addr = STR("o@x");
	assert_int_equal(report_sent(w->c, &w->r), 0);
	expect(w, "status=deliverable (said so)", "", "", "", 'D', "verify ok");
	fake_expect(w->verify, "request=update;address=o@x;recipient_status=0;reason=said so;",
		"verify ok");
	begin(w, REQUEST_MTA_VRFY);
	assert_int_equal(report_bounce(w->c, &w->r), 0);
	expect(w, "status=undeliverable (", "", "", "", 'D', "verify bounce");
	fake_expect(w->verify, "address=r@y;recipient_status=2;", "verify bounce");
	begin(w, REQUEST_MTA_VRFY);
	assert_int_equal(report_defer(w->c, &w->r), 0);
	expect(w, "status=undeliverable (", "", "", "", 'D', "verify defer");
	fake_expect(w->verify, "recipient_status=1;", "verify defer");
	begin(w, REQUEST_USR_VRFY);
	assert_int_equal(report_defer(w->c, &w->r), 0);
	expect(w, "status=undeliverable (", "", "", "action=undeliverable;", 'D', "user");
	w->s.verify_negative_cache = false;
	begin(w, REQUEST_MTA_VRFY);
	assert_int_equal(report_bounce(w->c, &w->r), 0);
	expect(w, "status=undeliverable-but-not-cached (", "", "", "", 'D', "not cached");
	fake_expect(w->verify, "", "not cached");
	w->verify->status = -1;
	begin(w, 1 | REQUEST_MTA_VRFY);
	assert_int_equal(report_sent(w->c, &w->r), -1);
	expect(w, "W:ABC: address verification update", "", "", "", 'R', "verify fails");
}

static void test_filter(void **state)
{
	struct world *w = *state;

	w->s.delivery_status_filter = "regexp:{{/^5\\.0\\.0 said so$/ 4.7.7 later}, "
				      "{/^4\\.0\\.0 said so$/ 5.8.8 never}, "
				      "{/^2\\.0\\.0 said so$/ 2.5.5 fine}, "
				      "{/^5\\.1\\.1 said so$/ 2.0.0 ok}, "
				      "{/^5\\.1\\.2 said so$/ what}}";
	begin(w, 0);
	assert_int_equal(report_bounce(w->c, &w->r), -1);
	expect(w, "dsn=4.7.7, status=deferred (later)", "", "status=4.7.7;", "", 'R', "soften");
	begin(w, 0);
	assert_int_equal(report_defer(w->c, &w->r), 0);
	expect(w, "dsn=5.8.8, status=bounced (never)", "status=5.8.8;", "", "", 'D', "harden");
	begin(w, 0);
	assert_int_equal(report_sent(w->c, &w->r), 0);
	expect(w, "dsn=2.5.5, status=sent (fine)", "", "", "", 'R', "text");
	/* Neither into success nor into nonsense. */
	begin(w, 0);
	w->r.dsn.status = STR("5.1.1");
	assert_int_equal(report_bounce(w->c, &w->r), 0);
	expect(w, "dsn=5.1.1, status=bounced (said so)", "status=5.1.1;", "", "", 'D', "success");
	begin(w, 0);
	w->r.dsn.status = STR("5.1.2");
	assert_int_equal(report_bounce(w->c, &w->r), 0);
	expect(w, "W:delivery status filter: bad result \"what\"", "status=5.1.2;", "", "", 'D',
		"nonsense");
}

static void test_mark(void **state)
{
	struct world *w = *state;

	begin(w, REQUEST_SUCCESS);
	report_mark(w->c, &w->r);
	expect(w, "", "", "", "", 'D', "mark");
	begin(w, REQUEST_SUCCESS);
	w->rcpt.offset = -1;
	report_mark(w->c, &w->r);
	expect(w, "", "", "", "", 'R', "no record");
	assert_null(report_conf_changed(w->c));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_sent, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bounce, setup, teardown),
		cmocka_unit_test_setup_teardown(test_defer, setup, teardown),
		cmocka_unit_test_setup_teardown(test_probes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_filter, setup, teardown),
		cmocka_unit_test_setup_teardown(test_mark, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
