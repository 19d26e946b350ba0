/* SPDX-License-Identifier: Apache-2.0 */
/* Per-message logs, written and read. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "../queue/spool.h"
#include "base/fd.h"
#include "delivery/status_log.h"

static const char *const hashed[] = { "defer", NULL };
static const struct queue_settings q = { .hashed = hashed, .hash_depth = 1 };

static int enter_dir(void **state)
{
	return spool_setup(state) == 0 && mkdir("bounce", 0700) == 0 ? 0 : -1;
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, str_of(text)), 0);
	close(fd);
}

/* The very bytes that are documented. */
static void test_bytes(void **state)
{
	struct status_entry e = {
		.rcpt = { .address = STR("a@remote.test"),
			.orig_addr = STR("A@remote.test"),
			.offset = 296,
			.dsn_orcpt = STR("rfc822;a@remote.test"),
			.dsn_notify = 6 },
		.dsn = { .status = STR("4.3.2"), .reason = STR("deferred transport") },
	};
	struct buf b = BUF(10000);

	(void)state;
	assert_int_equal(status_log_append(&q, STR("defer"), STR("ABC1"), &e, true, NULL), 0);
	assert_int_equal(fd_read_file("defer/A/ABC1", &b), 0);
	assert_string_equal(buf_cstr(&b),
		"\n<a@remote.test>: deferred transport\nrecipient=a@remote.test\noffset=296\n"
		"dsn_orig_rcpt=rfc822;a@remote.test\nnotify_flags=6\nstatus=4.3.2\naction=delayed\n"
		"reason=deferred transport\n\n");
	buf_clear(&b);
	e = (struct status_entry){
		.rcpt = { .address = STR_EMPTY, .orig_addr = STR("o p@x"), .offset = -1 },
		.dsn = { .status = STR("5.1.1"),
			.dtype = STR("smtp"),
			.dtext = STR("550 no\r\nway"),
			.mtype = STR("dns"),
			.mname = STR("mx.x"),
			.reason = STR("said \001\xc3\xa4") },
	};
	assert_int_equal(status_log_append(&q, STR("bounce"), STR("B"), &e, false, NULL), 0);
	assert_int_equal(fd_read_file("bounce/B", &b), 0);
	assert_string_equal(buf_cstr(&b),
		"\nrecipient=<>\noriginal_recipient=\"o p\"@x\nstatus=5.1.1\naction=failed\n"
		"diag_type=smtp\ndiag_text=550 no??way\nmta_type=dns\nmta_mname=mx.x\n"
		"reason=said ?\xc3\xa4\n\n");
	buf_done(&b);
	assert_int_equal(status_log_remove(&q, STR("bounce"), STR("B")), 0);
	assert_int_equal(status_log_remove(&q, STR("bounce"), STR("B")), 0);
	assert_int_equal(access("bounce/B", F_OK), -1);
}

static void test_round(void **state)
{
	struct status_entry in = {
		.rcpt = { .address = STR("a b@x.y"), .orig_addr = STR("c@d"), .offset = 17,
			.dsn_orcpt = STR("rfc822;q"), .dsn_notify = 1 },
		.dsn = { .status = STR("5.0.0"), .action = STR("expanded"), .dtype = STR("x-unix"),
			.dtext = STR("t"), .mtype = STR("dns"), .mname = STR("m"), .reason = STR("r=s") },
	}, out;
	struct status_log *l;

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(status_log_append(&q, STR("bounce"), STR("C"), &in, i & 1, NULL),
			0);
	assert_int_equal(status_log_open(&q, STR("bounce"), STR("C"), &l), 0);
	assert_int_equal(status_log_lock(l), 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(status_log_next(l, &out), 1);
		assert_true(str_eq(out.rcpt.address, in.rcpt.address));
		assert_true(str_eq(out.rcpt.orig_addr, in.rcpt.orig_addr));
		assert_int_equal(out.rcpt.offset, 17);
		assert_true(str_eq(out.rcpt.dsn_orcpt, in.rcpt.dsn_orcpt));
		assert_int_equal(out.rcpt.dsn_notify, 1);
		assert_true(str_eq(out.dsn.status, in.dsn.status));
		assert_true(str_eq(out.dsn.action, in.dsn.action));
		assert_true(str_eq(out.dsn.dtype, in.dsn.dtype));
		assert_true(str_eq(out.dsn.dtext, in.dsn.dtext));
		assert_true(str_eq(out.dsn.mtype, in.dsn.mtype));
		assert_true(str_eq(out.dsn.mname, in.dsn.mname));
		assert_true(str_eq(out.dsn.reason, in.dsn.reason));
	}
	assert_int_equal(status_log_next(l, &out), 0);
	status_log_close(l);
	assert_int_equal(status_log_open(&q, STR("bounce"), STR("none"), &l), -ENOENT);
}

static const struct {
	const char *text, *want; /* "rcpt|status|action|reason|" of each entry */
} files[] = {
	{ "", "" },
	{ "\n\n", "" },
	{ "<a@b>: old style\n", "a@b|5.0.0|failed|old style|" },
	{ "<a@b>: one\n\n<c@d>: two\n\n", "a@b|5.0.0|failed|one|c@d|5.0.0|failed|two|" },
	{ "reason=x\n", "(recipient address unavailable)|5.0.0|failed|x|" },
	{ "recipient=a\nunknown=1\nnonsense\n", "a|5.0.0|failed|(description unavailable)|" },
	{ "recipient=<>\nstatus=5.1.2", "|5.1.2|failed|(description unavailable)|" },
	{ "recipient=\"a\noffset=x\n", "\"a|5.0.0|failed|(description unavailable)|" },
};

static void test_files(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		struct buf b = BUF(10000);
		struct status_entry e;
		struct status_log *l;

		write_file("bounce/D", files[i].text);
		assert_int_equal(status_log_open(&q, STR("bounce"), STR("D"), &l), 0);
		while (status_log_next(l, &e) > 0)
			buf_putf(&b, STR_FMT "|" STR_FMT "|" STR_FMT "|" STR_FMT "|",
				STR_ARG(e.rcpt.address), STR_ARG(e.dsn.status),
				STR_ARG(e.dsn.action), STR_ARG(e.dsn.reason));
		if (!str_eq(buf_str(&b), str_of(files[i].want)))
			fail_msg("%s: got %s", files[i].text, buf_cstr(&b));
		status_log_close(l);
		buf_done(&b);
	}
}

/* Lines without end, and entries without end, take bounded memory. */
static void test_bounds(void **state)
{
	struct buf b = BUF((size_t)64 << 20);
	struct status_entry e;
	struct status_log *l;

	(void)state;
	buf_putf(&b, "recipient=a\nreason=%01000000d\n", 0);
	write_file("bounce/E", buf_cstr(&b));
	assert_int_equal(status_log_open(&q, STR("bounce"), STR("E"), &l), 0);
	assert_int_equal(status_log_next(l, &e), 1);
	assert_true(e.dsn.reason.len < 110000);
	status_log_close(l);
	for (int i = 0; i < 100; i++)
		buf_putf(&b, "reason=%0100000d\n", 0);
	write_file("bounce/E", buf_cstr(&b));
	assert_int_equal(status_log_open(&q, STR("bounce"), STR("E"), &l), 0);
	assert_int_equal(status_log_next(l, &e), -EBADMSG);
	status_log_close(l);
	buf_done(&b);
}

/* A failed write leaves the log as it was. */
static void test_no_space(void **state)
{
	struct status_entry e = { .rcpt = { .address = STR("a@b") },
		.dsn = { .reason = STR("a reason of some length") } };
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	struct rlimit old, small;
	struct stat before, after;
	struct why why;

	(void)state;
	assert_int_equal(status_log_append(&q, STR("bounce"), STR("F"), &e, true, NULL), 0);
	assert_int_equal(stat("bounce/F", &before), 0);
	assert_int_equal(sigaction(SIGXFSZ, &ignore, NULL), 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small = old;
	small.rlim_cur = (rlim_t)before.st_size + 20;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_int_equal(status_log_append(&q, STR("bounce"), STR("F"), &e, true, &why), -EFBIG);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(stat("bounce/F", &after), 0);
	assert_int_equal(after.st_size, before.st_size);
	assert_non_null(strstr(why.text, "append file bounce F"));
	/* neither links nor other places are written to */
	assert_int_equal(symlink("/dev/full", "bounce/L"), 0);
	assert_true(status_log_append(&q, STR("bounce"), STR("L"), &e, true, &why) < 0);
	assert_true(status_log_append(&q, STR("bounce"), STR("../x"), &e, true, &why) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_round),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_no_space),
	};

	return cmocka_run_group_tests(tests, enter_dir, spool_teardown);
}
