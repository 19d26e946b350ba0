/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of delivery/maildir.c.
 */
#include <dirent.h>
#include <errno.h>

#include "mailbox_test.h"

static struct mailbox_settings settings = { .hostname = "host/a:b" };

static void deliver(const char *path, int last, struct mailbox_result *ret)
{
	struct delivery_request rq;
	struct recipient rcpt;
	struct mailbox_identity self = mt_self();

	mt_request(&rq, &rcpt, mt_message, last);

	struct mail_copy c = { .rq = &rq, .rcpt = &rcpt, .flags = MAIL_COPY_MAILDIR };

	maildir_deliver(&settings, &self, path, &c, ret);
	queue_message_close(rq.msg);
}

/* Number of files in a directory, and the name of one. */
static int count(const char *dir, char name[256])
{
	DIR *d = opendir(dir);
	struct dirent *e;
	int n = 0;

	if (d == NULL)
		fail_msg("no directory %s", dir);
	while ((e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		(void)snprintf(name, 256, "%s", e->d_name);
		n++;
	}
	(void)closedir(d);
	return n;
}

static void test_deliver(void **state)
{
	struct mailbox_result res;
	char name[256] = "", path[300], want[300];
	struct stat st;

	(void)state;
	deliver("a/b/md/", 'X', &res);
	if (res.outcome != MAILBOX_DELIVERED)
		fail_msg("%s", res.why.text);
	assert_int_equal(count("a/b/md/new", name), 1);
	(void)snprintf(path, sizeof(path), "a/b/md/new/%s", name);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	/* SECONDS.VdevIinodeMusec.host, with '/' and ':' in octal. */
	(void)snprintf(want, sizeof(want), ".V%lxI%lxM", (unsigned long)st.st_dev,
		(unsigned long)st.st_ino);
	assert_non_null(strstr(name, want));
	assert_true(str_ends(str_of(name), STR(".host\\057a\\072b")));

	struct buf b = mt_read(path);

	assert_string_equal(buf_cstr(&b),
		"Return-Path: <s@x.test>\nX-Original-To: \"orig name\"@example.com\n"
		"Delivered-To: user@example.com\n"
		"Subject: t\n\nFrom here\nFrom long\n From joined\n>From x\nend\n");
	buf_done(&b);
	assert_int_equal(stat("a/b/md", &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_int_equal(count("a/b/md/cur", name), 0);
	assert_int_equal(count("a/b/md/tmp", name), 0);
	/* Again, without '/' at the end and without new/. */
	(void)snprintf(want, sizeof(want), "%s", path);
	assert_int_equal(unlink(want), 0);
	assert_int_equal(rmdir("a/b/md/new"), 0);
	deliver("a/b/md", 'X', &res);
	assert_int_equal(res.outcome, MAILBOX_DELIVERED);
	assert_int_equal(count("a/b/md/new", name), 1);
}

static void test_failures(void **state)
{
	struct mailbox_result res;
	char name[256] = "";

	(void)state;
	deliver("md2/", 'E', &res);
	assert_int_equal(res.outcome, MAILBOX_CORRUPT);
	settings.size_limit = 50;
	deliver("md2/", 'X', &res);
	assert_int_equal(res.outcome, MAILBOX_BOUNCED);
	assert_string_equal(res.status, "5.2.2");
	assert_string_equal(res.why.text, "error writing message: File too large");
	settings.size_limit = 0;
	assert_int_equal(count("md2/tmp", name), 0);
	assert_int_equal(count("md2/new", name), 0);
	/* A file stands where the directory should be. */
	assert_int_equal(close(open("file", O_WRONLY | O_CREAT | O_CLOEXEC, 0600)), 0);
	deliver("file/md/", 'X', &res);
	assert_int_equal(res.outcome, MAILBOX_DEFERRED);
	assert_string_equal(res.status, "4.2.0");
	assert_true(str_starts(str_of(res.why.text), STR("create maildir file file/md/tmp/")));
	assert_true(str_ends(str_of(res.why.text), STR(": Not a directory")));
}

static void test_identity(void **state)
{
	struct mailbox_identity other = { .uid = 65533, .gid = 65532, .change = true };
	struct mailbox_result res;
	struct delivery_request rq;
	struct recipient rcpt;
	struct stat st;

	(void)state;
	if (geteuid() != 0) {
		print_message("skipped: needs root\n");
		skip();
	}
	assert_int_equal(chmod(".", 0755), 0);
	assert_int_equal(mkdir("theirs", 0700), 0);
	assert_int_equal(chown("theirs", other.uid, other.gid), 0);
	mt_request(&rq, &rcpt, mt_message, 'X');

	struct mail_copy c = { .rq = &rq, .rcpt = &rcpt, .flags = MAIL_COPY_MAILDIR };

	maildir_deliver(&settings, &other, "theirs/md/", &c, &res);
	assert_int_equal(res.outcome, MAILBOX_DELIVERED);
	assert_int_equal(stat("theirs/md/new", &st), 0);
	assert_int_equal(st.st_uid, other.uid);
	assert_int_equal(st.st_gid, other.gid);
	assert_int_equal(geteuid(), 0);
	assert_int_equal(getegid(), 0);
	/* Not theirs. */
	assert_int_equal(mkdir("ours", 0700), 0);
	maildir_deliver(&settings, &other, "ours/md/", &c, &res);
	assert_int_equal(res.outcome, MAILBOX_DEFERRED);
	assert_int_equal(res.err, EACCES);
	queue_message_close(rq.msg);
}

/* The same with a name in tmp/, as where files cannot be without one. */
static void test_named(void **state)
{
	assert_int_equal(nftw("a", mt_remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
	assert_int_equal(nftw("md2", mt_remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
	assert_int_equal(unlink("file"), 0);
	settings.named = true;
	test_deliver(state);
	test_failures(state);
	settings.named = false;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_deliver),
		cmocka_unit_test(test_failures),
		cmocka_unit_test(test_named),
		cmocka_unit_test(test_identity),
	};

	return cmocka_run_group_tests(tests, mt_setup, mt_teardown);
}
