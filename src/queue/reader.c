/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue/reader.c — records in the order in which they are meant to be read.
 *
 * The window is as large as the message when that is small, so that most messages cost one pread.
 */
#include <errno.h>
#include <string.h>

#include "queue/message_priv.h"

/* Bytes that one read of a large message takes. */
#define WINDOW ((size_t)64 * 1024)
/* Longest type and length of a record. */
#define HEAD_MAX 5

void queue_reader_init(struct queue_reader *r, struct queue_message *m, int64_t offset, bool raw)
{
	*r = (struct queue_reader){
		.msg = m,
		.offset = offset,
		.raw = raw,
		.buf = BUF(WINDOW + HEAD_MAX + REC_MAX),
	};
}

void queue_reader_done(struct queue_reader *r)
{
	buf_done(&r->buf);
}

void queue_reader_seek(struct queue_reader *r, int64_t offset)
{
	r->offset = offset;
	r->ended = false;
}

/* Bytes of the window from r->offset on. */
static struct str in_window(const struct queue_reader *r)
{
	if (r->offset < r->buf_offset || r->offset > r->buf_offset + (int64_t)r->buf.len)
		return STR_EMPTY;
	return str_skip(buf_str(&r->buf), (size_t)(r->offset - r->buf_offset));
}

/* Make the window begin at r->offset and hold `need` bytes, or all up to the end of the message. */
static int fill(struct queue_reader *r, size_t need)
{
	int64_t left = r->msg->size - r->offset;
	size_t want = MAX(need, WINDOW);
	ssize_t n;
	int e;

	if (in_window(r).len >= need)
		return 0;
	if (left < 0)
		left = 0;
	if ((int64_t)want > left)
		want = (size_t)left;
	if (in_window(r).len >= want)
		return 0;
	buf_clear(&r->buf);
	e = buf_reserve(&r->buf, want);
	if (e < 0)
		return e;
	n = queue_message_pread(r->msg, r->buf.ptr, want, r->offset);
	if (n < 0)
		return (int)n;
	r->buf.len = (size_t)n;
	r->buf.ptr[n] = '\0';
	r->buf_offset = r->offset;
	return 0;
}

/* Bytes that a record needs in whole, told by its head; 0 when the head is not there in whole. */
static size_t record_bytes(struct str in)
{
	size_t len = 0;

	for (size_t i = 1; i < HEAD_MAX && i < in.len; i++) {
		len |= (size_t)(in.ptr[i] & 0x7f) << (7 * (i - 1));
		if ((in.ptr[i] & 0x80) == 0)
			return 1 + i + len;
	}
	return 0;
}

/* One record as it lies in the file: type, 0 at the end, or negative errno. */
static int next_raw(struct queue_reader *r, struct str *ret_data)
{
	int type = 0;
	ssize_t used;
	int e = fill(r, HEAD_MAX);

	if (e < 0)
		return e;
	if (in_window(r).len == 0)
		return 0;
	used = rec_get(in_window(r), r->max, &type, ret_data);
	if (used == 0) {
		size_t need = record_bytes(in_window(r));

		if (need == 0 || (int64_t)need > r->msg->size - r->offset)
			return -EBADMSG;
		e = fill(r, need);
		if (e < 0)
			return e;
		used = rec_get(in_window(r), r->max, &type, ret_data);
	}
	if (used <= 0)
		return -EBADMSG;
	r->rec_offset = r->offset;
	r->offset += used;
	return type;
}

/* Follow a pointer: 0 or -EBADMSG. */
static int jump(struct queue_reader *r, struct str data)
{
	int64_t target;

	if (rec_parse_ptr(data, &target) < 0)
		return -EBADMSG;
	if (target == 0)
		return 0;
	if (target > r->msg->size)
		return -EBADMSG;
	if (target <= r->last_jump && ++r->back_jumps > QUEUE_MAX_BACK_JUMPS)
		return -EBADMSG;
	r->last_jump = target;
	r->offset = target;
	return 0;
}

int queue_reader_next(struct queue_reader *r, struct str *ret_data)
{
	for (;;) {
		int type;

		if (r->ended)
			return 0;
		type = next_raw(r, ret_data);
		if (type <= 0 || r->raw)
			return type;
		switch (type) {
		case REC_PTR: {
			int e = jump(r, *ret_data);

			if (e < 0)
				return e;
			break;
		}
		case REC_DTXT:
			break;
		case REC_END:
			r->ended = true;
			return type;
		default:
			return type;
		}
	}
}
