/* SPDX-License-Identifier: Apache-2.0 */
/* Recipient and status groups survive a round trip; missing parts are noticed. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "delivery/groups.h"
#include "net/socket.h"

static void read_back(const struct buf *b, struct arena *a, struct attr_list *ret)
{
	int sv[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
	struct stream *w = stream_new(sv[0]);
	struct stream *r = stream_new(sv[1]);

	assert_int_equal(stream_write(w, buf_str(b)), 0);
	assert_int_equal(stream_flush(w), 0);
	assert_int_equal(attr_list_read(r, ATTR_NUL, 65536, a, ret), 0);
	stream_free(w);
	stream_free(r);
}

static void test_round_trip(void **state)
{
	struct recipient in = { .orig_addr = STR("o@x"),
		.address = STR("r@y"),
		.offset = -1,
		.dsn_orcpt = STR("rfc822;o@x"),
		.dsn_notify = 6 };
	struct dsn din = { .status = STR("5.1.1"),
		.action = STR("failed"),
		.reason = STR("no\nway"),
		.dtype = STR("smtp"),
		.dtext = STR("550 no"),
		.mtype = STR("dns"),
		.mname = STR("mx") };
	struct recipient out;
	struct dsn dout;
	struct attr_list l;
	struct buf b = BUF(BUF_SMALL);
	struct arena *a = arena_new(0);

	(void)state;
	assert_int_equal(group_put_recipient(&b, &in), 0);
	assert_int_equal(group_put_dsn(&b, &din), 0);
	assert_int_equal(attr_put_end(&b, ATTR_NUL), 0);
	read_back(&b, a, &l);
	assert_int_equal(group_get_recipient(&l, &out), 0);
	assert_int_equal(group_get_dsn(&l, &dout), 0);
	assert_true(str_eq(out.orig_addr, in.orig_addr) && str_eq(out.address, in.address));
	assert_true(str_eq(out.dsn_orcpt, in.dsn_orcpt) && out.dsn_notify == 6);
	assert_true(out.offset == -1);
	assert_true(str_eq(dout.status, din.status) && str_eq(dout.action, din.action));
	assert_true(str_eq(dout.reason, din.reason) && str_eq(dout.dtype, din.dtype));
	assert_true(str_eq(dout.dtext, din.dtext) && str_eq(dout.mtype, din.mtype));
	assert_true(str_eq(dout.mname, din.mname));
	/* There is no second group. */
	assert_int_equal(group_get_dsn(&l, &dout), -ENOENT);
	assert_int_equal(group_get_recipient(&l, &out), -ENOENT);
	arena_free(a);
	buf_done(&b);
}

static void test_limits(void **state)
{
	struct recipient r = { .address = STR("r@y") };
	struct dsn d = { .reason = STR("a\0b") };
	struct buf small = BUF(20), b = BUF(BUF_SMALL);

	(void)state;
	assert_int_equal(group_put_recipient(&small, &r), -EMSGSIZE);
	assert_int_equal(group_put_dsn(&b, &d), -EINVAL);
	buf_done(&small);
	buf_done(&b);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
