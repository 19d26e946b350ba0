/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of queue/reader.c: order of records, pointers, loops, damage, records beyond the window.
 */
#include <errno.h>
#include <fcntl.h>

#include "base/fd.h"
#include "queue/message.h"
#include "spool.h"

static struct queue_message *message_of(struct str bytes)
{
	int fd = fd_open("active/ABC", O_CREAT | O_TRUNC | O_RDWR, 0700);

	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, bytes), 0);
	return queue_message_of_fd(fd);
}

/* Types of all records in order, then '.' for the end or '!' for damage. */
static void types_of(struct queue_message *m, bool raw, size_t max, char *ret, size_t size)
{
	struct queue_reader r;
	struct str data;
	size_t n = 0;
	int type;

	queue_reader_init(&r, m, 0, raw);
	r.max = max;
	while ((type = queue_reader_next(&r, &data)) > 0 && n < size - 2)
		ret[n++] = (char)type;
	ret[n++] = type == 0 ? '.' : '!';
	ret[n] = '\0';
	queue_reader_done(&r);
}

static void test_order(void **state)
{
	static const struct {
		struct str in;
		size_t max;
		const char *raw;
		const char *cooked;
	} cases[] = {
		{ { "", 0 }, 0, ".", "." },
		{ { "T\x01xE\x00", 5 }, 0, "TE.", "TE." },
		/* what follows E is not read */
		{ { "T\x01xE\x00N\x01y", 8 }, 0, "TEN.", "TE." },
		/* padding and pointers: p at 0 leads to S at 6 over two bytes of garbage */
		{ { "p\x02 6?!S\x00w\x02  E\x00", 14 }, 0, "p!", "SE." },
		/* a zero pointer does nothing */
		{ { "p\x01"
		    "0S\x00",
			  5 },
			0, "pS.", "S." },
		{ { "p\x01xS\x00", 5 }, 0, "pS.", "!" },
		{ { "p\x02"
		    "99S\x00",
			  6 },
			0, "pS.", "!" },
		/* a pointer to the end of the file */
		{ { "p\x01"
		    "5S\x00",
			  5 },
			0, "pS.", "." },
		{ { "T\x05x", 3 }, 0, "!", "!" },
		{ { "T", 1 }, 0, "!", "!" },
		{ { "T\x80", 2 }, 0, "!", "!" },
		{ { "\0\x00", 2 }, 0, "!", "!" },
		{ { "T\xff\xff\xff\xff\x01", 6 }, 0, "!", "!" },
		{ { "T\xff\xff\xff\x7f", 5 }, 0, "!", "!" },
		{ { "T\x03xyzE\x00", 7 }, 3, "TE.", "TE." },
		{ { "T\x03xyzE\x00", 7 }, 2, "!", "!" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		_cleanup_(queue_message_closep) struct queue_message *m = message_of(cases[i].in);
		char raw[64];
		char cooked[64];

		types_of(m, true, cases[i].max, raw, sizeof(raw));
		types_of(m, false, cases[i].max, cooked, sizeof(cooked));
		if (strcmp(raw, cases[i].raw) != 0 || strcmp(cooked, cases[i].cooked) != 0)
			fail_msg("case %zu: raw %s cooked %s", i, raw, cooked);
	}
}

/* F6, P10: a pointer to itself ends with an error, after the documented number of jumps. */
static void test_loop(void **state)
{
	_cleanup_(queue_message_closep) struct queue_message *m = message_of(str_from("S\x01xp\x01"
										      "3",
		6));
	struct queue_reader r;
	struct str data;

	(void)state;
	queue_reader_init(&r, m, 0, false);
	assert_int_equal(queue_reader_next(&r, &data), 'S');
	assert_int_equal(queue_reader_next(&r, &data), -EBADMSG);
	assert_int_equal(r.back_jumps, QUEUE_MAX_BACK_JUMPS + 1);
	queue_reader_done(&r);
}

static void test_offsets(void **state)
{
	_cleanup_(queue_message_closep) struct queue_message *m = message_of(
		str_from("T\x01xp\x02 9???R\x01yE\x00", 15));
	struct queue_reader r;
	struct str data;

	(void)state;
	/* p at 3 leads to 9, the last '?', so its length byte is 'R': damage */
	queue_reader_init(&r, m, 0, false);
	assert_int_equal(queue_reader_next(&r, &data), 'T');
	assert_int_equal(r.rec_offset, 0);
	assert_int_equal(queue_reader_next(&r, &data), -EBADMSG);
	queue_reader_seek(&r, 10);
	assert_int_equal(queue_reader_next(&r, &data), 'R');
	assert_int_equal(r.rec_offset, 10);
	assert_int_equal(r.offset, 13);
	assert_true(str_eq(data, STR("y")));
	assert_int_equal(queue_reader_next(&r, &data), 'E');
	assert_int_equal(queue_reader_next(&r, &data), 0);
	queue_reader_seek(&r, 0);
	assert_int_equal(queue_reader_next(&r, &data), 'T');
	queue_reader_done(&r);
}

/* Records around and over the size of the window come out whole. */
static void test_large(void **state)
{
	static const size_t sizes[] = { 65530, 10, 65536, 1, 65537, 300000, 0, 5 };
	_cleanup_buf_ struct buf b = BUF(BUF_MEDIUM);
	_cleanup_buf_ struct buf text = BUF(BUF_MEDIUM);
	_cleanup_(queue_message_closep) struct queue_message *m = NULL;
	struct queue_reader r;
	struct str data;

	(void)state;
	while (text.len < 300000)
		buf_putf(&text, "%zu ", text.len);
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
		assert_int_equal(rec_put(&b, 'N', str_head(buf_str(&text), sizes[i])), 0);
	m = message_of(buf_str(&b));
	queue_reader_init(&r, m, 0, false);
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		int type = queue_reader_next(&r, &data);

		if (type != 'N' || !str_eq(data, str_head(buf_str(&text), sizes[i])))
			fail_msg("record %zu: type %d, %zu bytes", i, type, data.len);
	}
	assert_int_equal(queue_reader_next(&r, &data), 0);
	queue_reader_done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_order, spool_setup, spool_teardown),
		cmocka_unit_test_setup_teardown(test_loop, spool_setup, spool_teardown),
		cmocka_unit_test_setup_teardown(test_offsets, spool_setup, spool_teardown),
		cmocka_unit_test_setup_teardown(test_large, spool_setup, spool_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
