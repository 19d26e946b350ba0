/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of qmgr/envelope.c: complete files, recipients in portions, damage.
 */
#include "envelope.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"

/* A file under construction. */
struct file {
	struct buf b;
	struct rec_size size;
};

static void rec(struct file *f, int type, const char *data)
{
	assert_int_equal(rec_put(&f->b, type, str_of(data)), 0);
}

static void start(struct file *f)
{
	*f = (struct file){ .b = BUF(BUF_MEDIUM) };
	rec_put_size(&f->b, &f->size);
	rec(f, 'T', "1795247613 444323");
	rec(f, 'A', "create_time=1795247614");
}

static void content(struct file *f)
{
	rec(f, 'M', "");
	f->size.data_offset = (int64_t)f->b.len;
	rec(f, 'N', "Subject: x");
	rec(f, 'N', "");
	rec(f, 'N', "R looks like a record");
	f->size.size = f->size.cont_length = (int64_t)f->b.len - f->size.data_offset;
	rec(f, 'X', "");
}

static struct queue_message *finish(struct file *f)
{
	_cleanup_buf_ struct buf head = BUF(BUF_SMALL);
	int fd = memfd_create("queue file", MFD_CLOEXEC);

	rec_put_size(&head, &f->size);
	memcpy(f->b.ptr, head.ptr, head.len);
	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, buf_str(&f->b)), 0);
	buf_done(&f->b);
	return queue_message_of_fd(fd);
}

static void assert_str(struct str s, const char *want)
{
	if (!str_eq(s, str_of(want)))
		fail_msg("\"" STR_FMT "\", not \"%s\"", STR_ARG(s), want);
}

static void test_complete(void **state)
{
	struct file f;
	_cleanup_(queue_message_closep) struct queue_message *m = NULL;
	_cleanup_arena_ struct arena *a = arena_new(0);
	struct envelope e;
	struct rcpt_batch b;

	(void)state;
	start(&f);
	rec(&f, 'A', "envelope_id=env+123");
	rec(&f, 'A', "ret_flags=2");
	rec(&f, 'A', "rewrite_context=remote");
	rec(&f, 'A', "client_name=real");
	rec(&f, 'A', "log_client_name=shown");
	rec(&f, 'A', "client_address=192.0.2.1");
	rec(&f, 'A', "encoding=7bit");
	rec(&f, 'F', "Full Name");
	rec(&f, 'S', "s@example.test");
	rec(&f, 'A', "trace_flags=1024");
	rec(&f, 'V', "+=");
	rec(&f, 'W', "     1795250000");
	rec(&f, 'A', "notify_flags=6");
	rec(&f, 'A', "dsn_orig_rcpt=rfc822;A@remote.test");
	rec(&f, 'O', "A@remote.test");
	rec(&f, 'R', "a@remote.test");
	rec(&f, 'O', "gone");
	rec(&f, 'D', "done@remote.test");
	rec(&f, 'R', "b@remote.test");
	content(&f);
	rec(&f, 'L', "scan:[127.0.0.1]:10024");
	rec(&f, '>', "elsewhere@x");
	rec(&f, 'A', "encoding=8bit");
	rec(&f, 'O', "c0");
	rec(&f, 'R', "c@x");
	rec(&f, 'E', "");
	m = finish(&f);
	assert_int_equal(envelope_read(m, 100, a, a, &e, &b, NULL), 0);
	assert_int_equal(e.arrival.tv_sec, 1795247613);
	assert_int_equal(e.arrival.tv_usec, 444323);
	assert_int_equal(e.create_time, 1795247614);
	assert_str(e.sender, "s@example.test");
	assert_str(e.dsn_envid, "env+123");
	assert_int_equal(e.dsn_ret, 2);
	assert_str(e.rewrite_context, "remote");
	assert_str(e.client_name, "shown");
	assert_str(e.client_addr, "");
	assert_str(e.encoding, "8bit");
	assert_str(e.verp, "+=");
	assert_str(e.filter, "scan:[127.0.0.1]:10024");
	assert_str(e.redirect, "elsewhere@x");
	assert_int_equal(e.trace_flags, 1024);
	assert_int_equal(e.warn_time, 1795250000);
	assert_false(e.warn_sent);
	assert_int_equal(e.n_rcpt, 3);
	assert_int_equal(e.unread, 0);
	assert_int_equal(b.n, 3);
	assert_str(b.v[0].address, "a@remote.test");
	assert_str(b.v[0].orig_addr, "A@remote.test");
	assert_str(b.v[0].dsn_orcpt, "rfc822;A@remote.test");
	assert_int_equal(b.v[0].dsn_notify, 6);
	assert_str(b.v[1].address, "b@remote.test");
	assert_str(b.v[1].orig_addr, "");
	assert_int_equal(b.v[1].dsn_notify, 0);
	assert_str(b.v[2].orig_addr, "c0");
	assert_int_equal(queue_message_mark_done(m, b.v[2].offset), 0);
	assert_int_equal(queue_message_mark_warned(m, e.warn_offset), 0);
	assert_int_equal(queue_message_kill(m, e.trace_offset), 0);
	assert_int_equal(envelope_read(m, 100, a, a, &e, &b, NULL), 0);
	assert_int_equal(e.n_rcpt, 2);
	assert_true(e.warn_sent);
	assert_int_equal(e.trace_flags, 0);
}

static void test_portions(void **state)
{
	struct file f;
	_cleanup_(queue_message_closep) struct queue_message *m = NULL;
	_cleanup_arena_ struct arena *a = arena_new(0);
	struct envelope e;
	struct rcpt_batch b;
	char text[32];
	size_t seen = 0;

	(void)state;
	start(&f);
	rec(&f, 'S', "");
	for (int i = 0; i < 25; i++) {
		if (i == 13)
			content(&f);
		(void)snprintf(text, sizeof(text), "r%d", i);
		rec(&f, 'O', text);
		rec(&f, i % 10 == 3 ? 'D' : 'R', text);
	}
	rec(&f, 'E', "");
	m = finish(&f);
	assert_int_equal(envelope_read(m, 4, a, a, &e, &b, NULL), 0);
	assert_int_equal(e.n_rcpt, 22);
	for (int i = 0;;) {
		for (size_t k = 0; k < b.n; k++, i++) {
			if (i % 10 == 3)
				i++;
			(void)snprintf(text, sizeof(text), "r%d", i);
			assert_str(b.v[k].address, text);
			assert_str(b.v[k].orig_addr, text);
		}
		seen += b.n;
		assert_int_equal(e.unread, 22 - seen);
		if (e.unread == 0)
			break;
		assert_int_equal(envelope_more(m, &e, 4, a, &b, NULL), 0);
	}
	assert_int_equal(seen, 22);
}

static void test_damage(void **state)
{
	static const char *const cases[] = {
		/* each letter is a record; t: no T; see below */
		"S R M E",
		"T R M E",
		"T S R M",
		"T S N M E",
		"T S A M E",
		"T S n M E",
		"T S W M E",
		"T S R E",
		"T S M S",
		"T S M R",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct file f = { .b = BUF(BUF_MEDIUM) };
		_cleanup_(queue_message_closep) struct queue_message *m = NULL;
		_cleanup_arena_ struct arena *a = arena_new(0);
		struct envelope e;
		struct rcpt_batch b;
		struct why why;

		rec_put_size(&f.b, &f.size);
		for (const char *c = cases[i]; *c != '\0'; c++) {
			if (*c == 'M')
				content(&f);
			else if (*c == 'T')
				rec(&f, 'T', "1795247613");
			else if (*c == 'n')
				rec(&f, 'A', "notify_flags=3");
			else if (*c != ' ')
				rec(&f, *c, "x y");
		}
		m = finish(&f);
		if (envelope_read(m, 5, a, a, &e, &b, &why) != -EBADMSG)
			fail_msg("case \"%s\"", cases[i]);
	}
}

/* X5: what cannot be handed on is not taken in. */
static void test_null_byte(void **state)
{
	struct file f;
	_cleanup_(queue_message_closep) struct queue_message *m = NULL;
	_cleanup_arena_ struct arena *a = arena_new(0);
	struct envelope e;
	struct rcpt_batch b;
	struct why why;

	(void)state;
	start(&f);
	rec(&f, 'S', "s@x");
	assert_int_equal(rec_put(&f.b, 'R', STR("a\0b@x")), 0);
	content(&f);
	rec(&f, 'E', "");
	m = finish(&f);
	assert_int_equal(envelope_read(m, 5, a, a, &e, &b, &why), -EBADMSG);
	assert_non_null(strstr(why.text, "null byte"));
}

/* F6: every truncation of a good file is refused, never read beyond its end. */
static void test_truncated(void **state)
{
	struct file f;
	_cleanup_(queue_message_closep) struct queue_message *m = NULL;
	int64_t size;

	(void)state;
	start(&f);
	rec(&f, 'S', "s@x");
	rec(&f, 'R', "r@x");
	content(&f);
	rec(&f, 'E', "");
	m = finish(&f);
	size = queue_message_size(m);
	for (int64_t n = 0; n < size; n++) {
		int fd = memfd_create("cut", MFD_CLOEXEC);
		_cleanup_(queue_message_closep) struct queue_message *cut = NULL;
		_cleanup_arena_ struct arena *a = arena_new(0);
		_cleanup_buf_ struct buf bytes = BUF(BUF_MEDIUM);
		struct envelope e;
		struct rcpt_batch b;

		assert_int_equal(lseek(queue_message_fd(m), 0, SEEK_SET), 0);
		assert_int_equal(fd_read_all(queue_message_fd(m), &bytes), 0);
		assert_int_equal(fd_write_all(fd, str_head(buf_str(&bytes), (size_t)n)), 0);
		cut = queue_message_of_fd(fd);
		if (envelope_read(cut, 5, a, a, &e, &b, NULL) != -EBADMSG)
			fail_msg("cut at %lld", (long long)n);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_complete),
		cmocka_unit_test(test_portions),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_null_byte),
		cmocka_unit_test(test_truncated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
