/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of service/intake_bounce.c against a bounce service played by a thread.
 */
#include "service/intake_bounce.h"

#include <fcntl.h>

#include "../delivery/service.h"
#include "base/fd.h"
#include "service/intake_settings.h"

static struct intake_params p; /* large */
static struct buf the_log = BUF(BUF_SMALL);

static void take_note(void *ctx, enum note_level level, const char *text)
{
	(void)ctx;
	(void)level;
	buf_putf(&the_log, "%s\n", text);
}

static const struct notes the_notes = { take_note, NULL };

static void open_params(struct conf **c)
{
	struct why why = { "" };

	*c = conf_new("/no/such/dir");
	assert_int_equal(conf_override(*c, STR("inet_interfaces=127.0.0.1"), &why), 0);
	assert_int_equal(conf_override(*c, STR("inet_protocols=ipv4"), &why), 0);
	if (intake_params_open(*c, NULL, &the_notes, &p, &why) < 0)
		fail_msg("%s", why.text);
}

/* An unfinished message with two recipients, one of them after the content. */
static void write_message(const char *path)
{
	_cleanup_buf_ struct buf b = BUF(BUF_SMALL);
	static const struct rec_size none;
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	rec_put_size(&b, &none);
	assert_int_equal(rec_put_attr(&b, "envelope_id", STR("eid")), 0);
	assert_int_equal(rec_put_attr(&b, "ret_flags", STR("2")), 0);
	assert_int_equal(rec_put(&b, REC_FROM, STR("s@x")), 0);
	assert_int_equal(rec_put_attr(&b, "notify_flags", STR("4")), 0);
	assert_int_equal(rec_put_attr(&b, "dsn_orig_rcpt", STR("rfc822;o")), 0);
	assert_int_equal(rec_put(&b, REC_ORCP, STR("o@x")), 0);
	assert_int_equal(rec_put(&b, REC_RCPT, STR("r@x")), 0);
	assert_int_equal(rec_put(&b, REC_MESG, STR_EMPTY), 0);
	assert_int_equal(rec_put(&b, REC_NORM, STR("R: text")), 0);
	assert_int_equal(rec_put(&b, REC_XTRA, STR_EMPTY), 0);
	assert_int_equal(rec_put(&b, REC_RCPT, STR("late@x")), 0);
	assert_int_equal(fd_write_all(fd, buf_str(&b)), 0);
	assert_int_equal(close(fd), 0);
}

static const struct intake_bounce the_bounce = {
	.id = "A1",
	.sender = { "s@x", 3 },
	.encoding = { "", 0 },
	.dsn = { "5.7.1", 5 },
	.reason = { "no way", 6 },
};

static void test_bounce(void **state)
{
	struct conf *c;
	struct fake *f;

	(void)state;
	open_params(&c);
	write_message("incoming/A1");
	assert_int_equal(mkdir("private", 0700), 0);
	f = fake_start("private/bounce", "delivery_status_protocol");
	assert_int_equal(intake_bounce(&p, &the_bounce), 0);
	assert_int_equal(atomic_load(&f->n), 3);
	assert_non_null(strstr(f->seen[0],
		"original_recipient=o@x;recipient=r@x;offset=18446744073709551615;"
		"dsn_orig_rcpt=rfc822;o;notify_flags=4;status=5.7.1;"));
	assert_non_null(strstr(f->seen[0], "reason=no way;"));
	assert_non_null(strstr(f->seen[1], "recipient=late@x;"));
	assert_non_null(strstr(f->seen[2], "nrequest=1;flags=1;queue_name=incoming;queue_id=A1;"));
	assert_non_null(strstr(f->seen[2], "sender=s@x;envelope_id=eid;ret_flags=2;"));
	assert_true(
		str_find(buf_str(&the_log), STR("A1: to=<r@x>, orig_to=<o@x>, relay=none")) >= 0);
	assert_true(str_find(buf_str(&the_log), STR("status=bounced (no way)")) >= 0);
	fake_stop(f);
	assert_int_equal(unlink("private/bounce"), 0);
	/* Nobody there: the message must be kept. */
	assert_true(intake_bounce(&p, &the_bounce) < 0);
	assert_int_equal(unlink("incoming/A1"), 0);
	assert_true(intake_bounce(&p, &the_bounce) < 0);
	intake_params_done(&p);
	conf_free(c);
	buf_done(&the_log);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_bounce) };

	return cmocka_run_group_tests(tests, spool_setup, spool_teardown);
}
