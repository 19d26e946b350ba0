/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_journal.c — a segment of arbitrary bytes: walked, looked at and replayed (threats F6, X5).
 *
 * What comes out as a message has the right checksum, lies within the segment, and was of the segment's
 * tag and generation. The input is what follows the header block; bytes of the form FF FE n are
 * replaced by a whole record with an image of n bytes, so that the walk gets somewhere.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "queue/journal_priv.h"
#include "queue/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TAG        0x0123456789abcdefU
#define GENERATION 7
#define MOST       ((size_t)1 << 16)

static const struct queue_settings the_queues = { .hash_depth = 1 };
static const struct journal_settings the_settings = { .queues = &the_queues,
	.segment_size = 1 << 20,
	.limit = 1 << 20,
	.message_limit = 1 << 20 };
static char the_dir[] = "/tmp/fuzz_journal.XXXXXX";

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static void leave(void)
{
	(void)!chdir("/");
	(void)nftw(the_dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void enter(void)
{
	static const char *const dirs[] = { "incoming", "active", "deferred", "hold", "corrupt",
		"maildrop", "journal" };

	check(mkdtemp(the_dir) != NULL && chdir(the_dir) == 0);
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
		check(mkdir(dirs[i], 0700) == 0);
	check(atexit(leave) == 0);
}

static void put_header(struct buf *b)
{
	struct journal_header h = { .number = 0,
		.generation = GENERATION,
		.size = 1 << 20,
		.tag = TAG };

	journal_header_seal(&h);
	buf_put(b, str_from((const char *)&h, sizeof(h)));
	while (b->len < JOURNAL_DATA)
		buf_putc(b, '\0');
}

/* A record as a writer makes it; `flags` spoil it in one way or another. */
static void put_record(struct buf *b, uint8_t n, uint8_t flags)
{
	struct journal_head h = { .tag = TAG, .generation = GENERATION, .length = (uint32_t)n + 1 };
	char image[256];

	memset(image, flags, sizeof(image));
	(void)snprintf(h.id, sizeof(h.id), "%X", n);
	h.stable = (uint32_t)(b->len / JOURNAL_ALIGN);
	h.image_crc = journal_image_crc(str_from(image, h.length));
	h.state = (uint8_t)((flags & 1) != 0 ? 'L' : flags);
	if ((flags & 2) != 0)
		h.generation ^= flags;
	if ((flags & 4) != 0)
		h.length ^= (uint32_t)flags << (flags & 24);
	if ((flags & 32) != 0)
		h.image_crc++;
	journal_head_seal(&h);
	if ((flags & 64) != 0)
		h.id[3] = (char)flags;
	buf_put(b, str_from((const char *)&h, sizeof(h)));
	buf_put(b, str_from(image, (size_t)n + 1));
	while (b->len % JOURNAL_ALIGN != 0)
		buf_putc(b, '\0');
}

static void make_segment(const uint8_t *data, size_t size)
{
	_cleanup_buf_ struct buf b = BUF(JOURNAL_DATA + 2 * MOST * 320);
	int fd = fd_open("journal/0000", O_CREAT | O_TRUNC | O_RDWR, 0600);

	put_header(&b);
	for (size_t i = 0; i < size; i++) {
		if (data[i] == 0xff && i + 3 < size && data[i + 1] == 0xfe) {
			while (b.len % JOURNAL_ALIGN != 0)
				buf_putc(&b, (char)data[i + 2]);
			put_record(&b, data[i + 2], data[i + 3]);
			i += 3;
		} else {
			buf_putc(&b, (char)data[i]);
		}
	}
	check(fd >= 0 && fd_write_all(fd, buf_str(&b)) == 0);
	fd_close(fd);
}

static int look(void *arg, const struct journal_entry *e)
{
	_cleanup_(queue_message_closep) struct queue_message *m = NULL;
	_cleanup_buf_ struct buf text = BUF(BUF_SMALL);
	struct journal_place p;
	struct stat st;

	(void)arg;
	check(stat("journal/0000", &st) == 0);
	check(e->place.segment == 0 && e->place.generation == GENERATION);
	check(e->place.offset + e->place.length <= (uint64_t)st.st_size);
	check(queue_id_ok(str_of(e->id)));
	journal_place_put(&text, &e->place);
	check(journal_place_parse(buf_str(&text), &p) == 0 && p.offset == e->place.offset);
	check(queue_message_open_place(&e->place, true, &m, NULL) == 0);
	check(queue_message_size(m) == (int64_t)e->place.length);
	(void)!queue_message_mark_done(m, 1);
	return 0;
}

static void walk(size_t *good)
{
	struct journal_segment seg = JOURNAL_NO_SEGMENT;
	struct journal_scan s;
	int found;

	check(journal_segment_open(0, O_RDWR, &seg) == 0);
	journal_scan_init(&s, &seg, JOURNAL_DATA, seg.allocated);
	while ((found = journal_scan_next(&s, true)) > 0) {
		if (found != JOURNAL_RECORD)
			continue;
		check(s.head.tag == TAG && s.head.generation == GENERATION);
		check(journal_image_ok(buf_str(&s.image), s.head.image_crc));
		*good += s.head.state != JOURNAL_REMOVED && s.head.state != JOURNAL_SETTLED;
	}
	check(found == JOURNAL_END);
	journal_scan_done(&s);
	journal_segment_close(&seg);
}

static void clear(const char *queue)
{
	struct queue_scan *s;
	struct str id;

	check(queue_scan_open(str_of(queue), &s) == 0);
	while (queue_scan_next(s, &id) == 1)
		check(unlink(queue_scan_path(s)) == 0);
	queue_scan_close(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool entered;
	struct journal_report report;
	struct journal_place p;
	size_t good = 0;

	if (!entered)
		enter();
	entered = true;
	(void)!journal_place_parse(str_from((const char *)data, size), &p);
	make_segment(data, MIN(size, MOST));
	check(journal_each(&the_settings, look, NULL) == 0);
	walk(&good);
	check(journal_replay(&the_settings, &report, NULL) == 0);
	/* Nothing is invented: two records of one id are one message. */
	check(report.settled + report.known == good);
	check(journal_replay(&the_settings, &report, NULL) == 0);
	check(report.settled + report.known == 0);
	clear("incoming");
	clear("corrupt");
	return 0;
}
