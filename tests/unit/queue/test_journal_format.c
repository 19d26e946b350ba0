/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of queue/journal_format.c: checksums, what counts as a header, the text of a place.
 */
#include "journal_rig.h"

static void test_place(void **state)
{
	static const struct {
		const char *text;
		int result;
	} cases[] = {
		{ "3:17:8256:100", 0 },
		{ "0:0:4160:1", 0 },
		{ "1023:4294967295:1073741824:4194304", 0 },
		{ "1024:1:8256:100", -EINVAL },
		{ "1:4294967296:8256:100", -EINVAL },
		{ "1:1:4096:100", -EINVAL },
		{ "1:1:4161:100", -EINVAL },
		{ "1:1:4160:0", -EINVAL },
		{ "1:1:4160:4194305", -EINVAL },
		{ "1:1:4160:1 ", -EINVAL },
		{ "1:1:4160", -EINVAL },
		{ "-1:1:4160:1", -EINVAL },
		{ "", -EINVAL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		_cleanup_buf_ struct buf b = BUF(BUF_SMALL);
		struct journal_place p = { 0 };

		if (journal_place_parse(str_of(cases[i].text), &p) != cases[i].result)
			fail_msg("case '%s'", cases[i].text);
		if (cases[i].result == 0) {
			journal_place_put(&b, &p);
			assert_string_equal(buf_cstr(&b), cases[i].text);
		}
	}
}

static void test_sizes(void **state)
{
	(void)state;
	assert_int_equal(journal_record_bytes(1), 128);
	assert_int_equal(journal_record_bytes(64), 128);
	assert_int_equal(journal_record_bytes(65), 192);
}

/* Each byte of a header and of a head counts, but the state. */
static void test_every_byte(void **state)
{
	struct journal_header h = { .number = 7, .generation = 1, .size = 1 << 20, .tag = 5 };
	struct journal_head a = { .tag = 5, .generation = 1, .length = 10, .id = "ABC" };

	(void)state;
	journal_header_seal(&h);
	assert_true(journal_header_ok(&h, 7));
	assert_false(journal_header_ok(&h, 8));
	for (size_t i = 0; i < sizeof(h); i++) {
		((unsigned char *)&h)[i] ^= 1;
		if (journal_header_ok(&h, 7))
			fail_msg("byte %zu of the header does not count", i);
		((unsigned char *)&h)[i] ^= 1;
	}
	journal_head_seal(&a);
	for (size_t i = 0; i < offsetof(struct journal_head, head_crc); i++) {
		struct journal_head b = a;

		((unsigned char *)&b)[i] ^= 1;
		journal_head_seal(&b);
		if (a.head_crc == b.head_crc)
			fail_msg("byte %zu of the head does not count", i);
	}
}

static void test_marks(void **state)
{
	_cleanup_buf_ struct buf b = BUF(BUF_SMALL);
	uint32_t crc;

	(void)state;
	rig_image(&b, "a@b", 500);
	crc = journal_image_crc(buf_str(&b));
	assert_true(journal_image_ok(buf_str(&b), crc));
	assert_int_equal(b.ptr[RIG_RCPT], 'R');
	b.ptr[RIG_RCPT] = 'D';
	assert_true(journal_image_ok(buf_str(&b), crc));
	/* A D elsewhere is damage, and so is a mark beside damage. */
	b.ptr[RIG_RCPT + 2] = 'D';
	assert_false(journal_image_ok(buf_str(&b), crc));
	b.ptr[RIG_RCPT + 2] = 'a';
	b.ptr[b.len - 1] ^= 1;
	assert_false(journal_image_ok(buf_str(&b), crc));
	assert_false(journal_image_ok(STR("DDDDDDDDDDDDDDDDD"), crc));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_place),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_every_byte),
		cmocka_unit_test(test_marks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
