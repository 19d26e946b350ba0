/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of intake/recread.c: records whole and in pieces, limits, ends.
 */
#include "intake/recread.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

/* Bytes as they come from a peer: `step` at a time. */
struct feed {
	struct str rest;
	size_t step;
};

static ssize_t feed_read(void *ctx, char *p, size_t n, usec_t deadline)
{
	struct feed *f = ctx;

	(void)deadline;
	n = MIN(n, f->step);
	n = MIN(n, f->rest.len);
	if (n > 0)
		memcpy(p, f->rest.ptr, n);
	f->rest = str_skip(f->rest, n);
	return (ssize_t)n;
}

static const struct stream_ops feed_ops = { .read = feed_read };

static void test_records(void **state)
{
	static const struct {
		struct str in;
		const char *out; /* "T:data|", then the negative result */
		int end;
	} cases[] = {
		{ { "", 0 }, "", -ENODATA },
		{ { "N\3abcM\0", 7 }, "N:abc|M:|", -ENODATA },
		{ { "N\3ab", 4 }, "", -EPIPE },
		{ { "N", 1 }, "", -EPIPE },
		{ { "N\203", 2 }, "", -EPIPE },
		{ { "\0\0", 2 }, "", -EBADMSG },
		{ { "N\200\200\200\200\1", 6 }, "", -EMSGSIZE },
		{ { "N\12aaaaaaaaaa", 12 }, "N:aaaaaaaaaa|", -ENODATA },
		{ { "N\13aaaaaaaaaaa", 13 }, "", -EMSGSIZE },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		for (size_t step = 1; step < 20; step++) {
			struct feed f = { cases[i].in, step };
			_cleanup_stream_ struct stream *s = stream_new_pair(-1, -1);
			_cleanup_buf_ struct buf slow = BUF(11);
			_cleanup_buf_ struct buf got = BUF(BUF_SMALL);
			struct str data;
			int type;

			(void)stream_push(s, &feed_ops, &f);
			while ((type = recread(s, 10, &slow, &data)) > 0)
				buf_putf(&got, "%c:" STR_FMT "|", type, STR_ARG(data));
			if (type != cases[i].end || strcmp(buf_cstr(&got), cases[i].out) != 0)
				fail_msg("case %zu step %zu: %s, %d", i, step, buf_cstr(&got),
					type);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_records) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
