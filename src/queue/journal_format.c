/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue/journal_format.c — headers, heads and checksums; the text form of a place.
 */
#include <errno.h>
#include <string.h>

#include "base/crc32c.h"
#include "base/cursor.h"
#include "queue/journal_priv.h"
#include "queue/record.h"

uint64_t journal_record_bytes(uint64_t length)
{
	return sizeof(struct journal_head) +
	       (length + JOURNAL_ALIGN - 1) / JOURNAL_ALIGN * JOURNAL_ALIGN;
}

static uint32_t crc_of(const void *p, size_t n)
{
	return crc32c(0, str_from(p, n));
}

void journal_header_seal(struct journal_header *h)
{
	memcpy(h->magic, JOURNAL_MAGIC, sizeof(h->magic));
	h->order = JOURNAL_ORDER;
	h->crc = crc_of(h, offsetof(struct journal_header, crc));
}

bool journal_header_ok(const struct journal_header *h, uint32_t number)
{
	return memcmp(h->magic, JOURNAL_MAGIC, sizeof(h->magic)) == 0 &&
	       h->order == JOURNAL_ORDER && h->number == number && h->generation != 0 &&
	       h->size > JOURNAL_DATA && h->size <= INT64_MAX &&
	       h->crc == crc_of(h, offsetof(struct journal_header, crc));
}

void journal_head_seal(struct journal_head *h)
{
	h->head_crc = crc_of(h, offsetof(struct journal_head, head_crc));
}

uint32_t journal_image_crc(struct str image)
{
	return crc32c(0, image);
}

bool journal_image_ok(struct str image, uint32_t crc)
{
	uint32_t now = 0;
	size_t from = 0; /* what the sum does not have yet */
	size_t pos = 0;
	struct str data;
	ssize_t n;
	int type;

	if (journal_image_crc(image) == crc)
		return true;
	while ((n = rec_get(str_skip(image, pos), 0, &type, &data)) > 0) {
		if (type == REC_DONE) {
			now = crc32c(now, str_from(image.ptr + from, pos - from));
			now = crc32c(now, STR("R"));
			from = pos + 1;
		}
		pos += (size_t)n;
	}
	return crc32c(now, str_skip(image, from)) == crc;
}

void journal_place_put(struct buf *b, const struct journal_place *p)
{
	buf_putf(b, "%u:%u:%llu:%llu", p->segment, p->generation, (unsigned long long)p->offset,
		(unsigned long long)p->length);
}

int journal_place_parse(struct str s, struct journal_place *ret)
{
	struct cursor c = cur_of(s);
	uint64_t segment;
	uint64_t generation;
	struct journal_place p;

	if (!cur_u64(&c, JOURNAL_SEGMENTS - 1, &segment) || !cur_char(&c, ':') ||
		!cur_u64(&c, UINT32_MAX, &generation) || !cur_char(&c, ':') ||
		!cur_u64(&c, INT32_MAX, &p.offset) || !cur_char(&c, ':') ||
		!cur_u64(&c, JOURNAL_IMAGE_MAX, &p.length) || !cur_at_end(&c))
		return -EINVAL;
	if (p.offset < JOURNAL_DATA + sizeof(struct journal_head) ||
		p.offset % JOURNAL_ALIGN != 0 || p.length == 0)
		return -EINVAL;
	p.segment = (uint32_t)segment;
	p.generation = (uint32_t)generation;
	*ret = p;
	return 0;
}
