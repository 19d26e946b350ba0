/* SPDX-License-Identifier: Apache-2.0 */
/* Queries. */
#include <errno.h>

#include "dns/packet_priv.h"
#include "fake.h"

static void test_build(void **state)
{
	static const char want[] = "\x12\x34\x01\x20\0\1\0\0\0\0\0\1"
				   "\1a\4test\0\0\x0f\0\1"
				   "\0\0\x29\x04\xd0\0\0\x80\0\0\0";
	struct dns_question q = { 0x1234, STR("a.test"), DNS_MX };
	struct buf b = BUF(1000);

	(void)state;
	assert_int_equal(dns_query_build(&b, &q, DNS_QUERY_EDNS | DNS_QUERY_DNSSEC), 0);
	assert_int_equal(b.len, sizeof(want) - 1);
	assert_memory_equal(b.ptr, want, b.len);
	buf_done(&b);
}

static void test_names(void **state)
{
	struct buf name = BUF(1000), b = BUF(1000);
	struct dns_question q = { .type = DNS_A };

	(void)state;
	buf_putf(&name, "%063d.%063d.%063d.%061d", 1, 2, 3, 4);
	q.name = buf_str(&name);
	assert_int_equal(q.name.len, 253);
	assert_int_equal(dns_query_build(&b, &q, 0), 0);
	buf_putc(&name, 'x');
	q.name = buf_str(&name);
	assert_int_equal(dns_query_build(&b, &q, 0), -EINVAL);
	buf_clear(&name);
	buf_putf(&name, "%064d", 1);
	q.name = buf_str(&name);
	assert_int_equal(dns_query_build(&b, &q, 0), -EINVAL);
	q.name = STR("a..b");
	assert_int_equal(dns_query_build(&b, &q, 0), -EINVAL);
	q.name = STR("a.");
	assert_int_equal(dns_query_build(&b, &q, 0), -EINVAL);
	q.name = STR_EMPTY;
	assert_int_equal(dns_query_build(&b, &q, 0), 0);
	buf_done(&name);
	buf_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_build),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
