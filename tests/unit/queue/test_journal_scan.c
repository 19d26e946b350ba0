/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of queue/journal_scan.c: records, what is skipped, and that no content is taken for a record.
 */
#include "journal_rig.h"

static struct journal_segment fill(unsigned n, size_t size)
{
	struct journal_writer *w = journal_writer_new(&rig_settings);
	struct journal_reader *r = rig_reader(NULL);
	struct journal_segment seg = JOURNAL_NO_SEGMENT;

	for (unsigned i = 0; i < n; i++)
		assert_int_equal(rig_write(w, "a@b", size, NULL), 0);
	journal_reader_close(r);
	journal_writer_free(w);
	assert_int_equal(journal_segment_open(0, O_RDWR, &seg), 0);
	return seg;
}

static unsigned count(const struct journal_segment *seg, unsigned *damaged, unsigned *gaps)
{
	struct journal_scan s;
	unsigned n = 0;
	int r;

	*damaged = 0;
	*gaps = 0;
	journal_scan_init(&s, seg, JOURNAL_DATA, seg->allocated);
	while ((r = journal_scan_next(&s, true)) > 0) {
		n += r == JOURNAL_RECORD;
		*damaged += r == JOURNAL_DAMAGED;
		*gaps += s.gap != 0;
	}
	assert_int_equal(r, JOURNAL_END);
	journal_scan_done(&s);
	return n;
}

static void test_flips(void **state)
{
	struct journal_segment seg = fill(5, 3000);
	unsigned damaged;
	unsigned gaps;
	uint64_t second;
	struct journal_scan s;

	(void)state;
	journal_scan_init(&s, &seg, JOURNAL_DATA, seg.allocated);
	assert_int_equal(journal_scan_next(&s, true), JOURNAL_RECORD);
	second = s.pos;
	journal_scan_done(&s);
	assert_int_equal(count(&seg, &damaged, &gaps), 5);
	assert_int_equal(damaged + gaps, 0);
	for (uint64_t i = 0; i < sizeof(struct journal_head); i++) {
		bool is_state = i >= offsetof(struct journal_head, state);

		rig_flip(0, second + i);
		if (count(&seg, &damaged, &gaps) != (is_state ? 5 : 4) ||
			gaps != (is_state ? 0 : 1) || damaged != 0)
			fail_msg("byte %llu of the head", (unsigned long long)i);
		rig_flip(0, second + i);
	}
	rig_flip(0, second + 500);
	assert_int_equal(count(&seg, &damaged, &gaps), 4);
	assert_int_equal(damaged, 1);
	assert_int_equal(gaps, 0);
	journal_segment_close(&seg);
}

/* A record of an earlier generation, or one in a message without the tag, is none. */
static void test_imitations(void **state)
{
	struct journal_segment seg = fill(1, 3000);
	struct journal_head h = { .generation = seg.generation,
		.length = 10,
		.id = "FALSE",
		.state = JOURNAL_LIVE };
	unsigned damaged;
	unsigned gaps;

	(void)state;
	h.tag = seg.tag + 1;
	journal_head_seal(&h);
	assert_int_equal(pwrite(seg.fd, &h, sizeof(h), JOURNAL_DATA + 640), sizeof(h));
	rig_flip(0, JOURNAL_DATA);
	assert_int_equal(count(&seg, &damaged, &gaps), 0);
	h.tag = seg.tag;
	h.generation--;
	journal_head_seal(&h);
	assert_int_equal(pwrite(seg.fd, &h, sizeof(h), JOURNAL_DATA + 640), sizeof(h));
	assert_int_equal(count(&seg, &damaged, &gaps), 0);
	h.generation++;
	journal_head_seal(&h);
	assert_int_equal(pwrite(seg.fd, &h, sizeof(h), JOURNAL_DATA + 640), sizeof(h));
	assert_int_equal(count(&seg, &damaged, &gaps), 0);
	assert_int_equal(damaged, 1);
	journal_segment_close(&seg);
}

/* Lengths and ids that no writer makes, with a right checksum. */
static void test_bad_heads(void **state)
{
	static const struct {
		uint32_t length;
		uint32_t stable;
		const char *id;
	} cases[] = {
		{ 0, 0, "ABC" },
		{ JOURNAL_IMAGE_MAX + 1, 0, "ABC" },
		{ UINT32_MAX, 0, "ABC" },
		{ 10, UINT32_MAX, "ABC" },
		{ 10, 0, "" },
		{ 10, 0, "../../etc" },
		{ 10, 0, "ABCDEFGHIJKLMNOPQRSTUVWX" },
		{ JOURNAL_STEP - JOURNAL_DATA, 0, "ABC" },
	};
	struct journal_segment seg = JOURNAL_NO_SEGMENT;

	(void)state;
	assert_int_equal(journal_segment_claim(0, 1, 1 << 20, &seg), 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct journal_head h = { .tag = seg.tag,
			.generation = 1,
			.length = cases[i].length,
			.stable = cases[i].stable };
		unsigned damaged;
		unsigned gaps;

		memcpy(h.id, cases[i].id, MIN(strlen(cases[i].id) + 1, sizeof(h.id)));
		journal_head_seal(&h);
		assert_int_equal(pwrite(seg.fd, &h, sizeof(h), JOURNAL_DATA), sizeof(h));
		if (count(&seg, &damaged, &gaps) + damaged != 0)
			fail_msg("case %zu", i);
	}
	journal_segment_close(&seg);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_flips, rig_setup, spool_teardown),
		cmocka_unit_test_setup_teardown(test_imitations, rig_setup, spool_teardown),
		cmocka_unit_test_setup_teardown(test_bad_heads, rig_setup, spool_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
