/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue/journal_scan.c — walk through the records of a segment.
 *
 * A record counts when it begins with the segment's tag, which nobody outside can know, is of its
 * generation, and its head has the right checksum; so a walk may search for the next one behind bytes
 * that are none, and what is in a message is never taken for a record.
 */
#include <errno.h>
#include <string.h>

#include "base/fd.h"
#include "queue/journal_priv.h"

/* Bytes read at once; images that do not fit are read apart. */
#define WINDOW ((size_t)64 * 1024)

void journal_scan_init(struct journal_scan *s, const struct journal_segment *seg, uint64_t pos,
	uint64_t end)
{
	*s = (struct journal_scan){ .seg = seg,
		.pos = pos,
		.end = end,
		.window = BUF(WINDOW),
		.image = BUF(JOURNAL_IMAGE_MAX) };
}

void journal_scan_done(struct journal_scan *s)
{
	buf_done(&s->window);
	buf_done(&s->image);
}

/* Append `n` bytes from `at` to an empty buffer, fewer at the end of the file. */
static int read_into(const struct journal_scan *s, struct buf *b, uint64_t at, size_t n)
{
	int r = buf_reserve(b, n);
	ssize_t got;

	if (r < 0)
		return r;
	got = fd_pread(s->seg->fd, b->ptr, n, at);
	if (got < 0)
		return (int)got;
	b->len = (size_t)got;
	return 0;
}

/* The head at `at`: 1; 0 nothing is there any more; negative errno. */
static int head_at(struct journal_scan *s, uint64_t at, struct journal_head *ret)
{
	const size_t n = sizeof(*ret);

	if (at + n > s->end)
		return 0;
	if (at < s->window_at || at + n > s->window_at + s->window.len) {
		int r;

		buf_clear(&s->window);
		s->window_at = at;
		r = read_into(s, &s->window, at, (size_t)MIN(s->end - at, (uint64_t)WINDOW));
		if (r < 0)
			return r;
		if (s->window.len < n)
			return 0;
	}
	memcpy(ret, s->window.ptr + (at - s->window_at), n);
	return 1;
}

struct str journal_scan_image(struct journal_scan *s)
{
	uint64_t at = s->place.offset - sizeof(s->head);
	size_t n = sizeof(s->head) + (size_t)s->place.length;

	if (n > WINDOW || s->place.length == 0)
		return STR_EMPTY;
	if (at < s->window_at || at + n > s->window_at + s->window.len) {
		buf_clear(&s->window);
		s->window_at = at;
		if (read_into(s, &s->window, at, (size_t)MIN(s->end - at, (uint64_t)WINDOW)) < 0 ||
			s->window.len < n)
			return STR_EMPTY;
	}
	return str_from(s->window.ptr + (s->place.offset - s->window_at), (size_t)s->place.length);
}

static bool head_ok(const struct journal_scan *s, uint64_t at, const struct journal_head *h)
{
	struct journal_head copy = *h;

	if (h->tag != s->seg->tag || h->generation != s->seg->generation || h->length == 0 ||
		h->length > JOURNAL_IMAGE_MAX || (uint64_t)h->stable * JOURNAL_ALIGN > at ||
		at + sizeof(*h) + h->length > s->end)
		return false;
	journal_head_seal(&copy);
	return copy.head_crc == h->head_crc && h->id[sizeof(h->id) - 1] == '\0' &&
	       queue_id_ok(str_of(h->id));
}

static int read_image(struct journal_scan *s)
{
	int r;

	buf_clear(&s->image);
	r = read_into(s, &s->image, s->place.offset, s->head.length);
	if (r < 0)
		return r;
	return s->image.len == s->head.length &&
			       journal_image_ok(buf_str(&s->image), s->head.image_crc)
		       ? JOURNAL_RECORD
		       : JOURNAL_DAMAGED;
}

int journal_scan_next(struct journal_scan *s, bool with_image)
{
	uint64_t at = s->pos;

	s->gap = 0;
	for (; at - s->pos <= JOURNAL_RESYNC; at += JOURNAL_ALIGN) {
		int r = head_at(s, at, &s->head);

		if (r <= 0)
			return r;
		if (!head_ok(s, at, &s->head))
			continue;
		s->gap = at != s->pos ? s->pos : 0;
		s->place = (struct journal_place){ .segment = s->seg->number,
			.generation = s->seg->generation,
			.offset = at + sizeof(s->head),
			.length = s->head.length };
		s->pos = at + journal_record_bytes(s->head.length);
		return with_image ? read_image(s) : JOURNAL_RECORD;
	}
	return JOURNAL_END;
}
