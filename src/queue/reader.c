/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue/reader.c — records in the order in which they are meant to be read.
 *
 * The window is as large as the message when that is small, so that most messages cost one pread. A message
 * that is in memory is read where it lies.
 */
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "base/format.h"
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

/* Say what is wrong with the file. */
static int _printf_(2, 3) damaged(struct queue_reader *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)format_text(r->error, sizeof(r->error), fmt, ap);
	va_end(ap);
	return -EBADMSG;
}

/* Bytes of the window from r->offset on. */
static struct str in_window(const struct queue_reader *r)
{
	if (r->msg->bytes != NULL)
		return r->offset < 0 || r->offset > r->msg->size
			       ? STR_EMPTY
			       : str_from(r->msg->bytes + r->offset,
					 (size_t)(r->msg->size - r->offset));
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

	if (r->msg->bytes != NULL || in_window(r).len >= need)
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

/* Type, length of data and length of the head of a record; false when the head is not whole. */
static bool record_head(struct str in, int *ret_type, size_t *ret_len, size_t *ret_head)
{
	size_t len = 0;

	for (size_t i = 1; i < HEAD_MAX && i < in.len; i++) {
		len |= (size_t)(in.ptr[i] & 0x7f) << (7 * (i - 1));
		if ((in.ptr[i] & 0x80) != 0)
			continue;
		*ret_type = (unsigned char)in.ptr[0];
		*ret_len = len;
		*ret_head = 1 + i;
		return true;
	}
	return false;
}

/* One record as it lies in the file: type, 0 at the end, or negative errno. */
static int next_raw(struct queue_reader *r, struct str *ret_data)
{
	int type = 0;
	size_t len = 0;
	size_t head = 0;
	struct str in;
	int e = fill(r, HEAD_MAX);

	if (e < 0)
		return e;
	in = in_window(r);
	if (in.len == 0)
		return 0;
	if (!record_head(in, &type, &len, &head))
		return damaged(r,
			in.len < HEAD_MAX ? "unexpected EOF in length, record type %d"
					  : "too many length bits, record type %d",
			(unsigned char)in.ptr[0]);
	if (type == 0)
		return damaged(r, "record of type 0");
	if (r->max != 0 && len > r->max)
		return damaged(r, "illegal length %zu, record type %d while reading", len, type);
	if ((int64_t)(head + len) > r->msg->size - r->offset)
		return damaged(r, "unexpected EOF in data, record type %d length %zu", type, len);
	e = fill(r, head + len);
	if (e < 0)
		return e;
	in = in_window(r);
	if (in.len < head + len)
		return damaged(r, "unexpected EOF in data, record type %d length %zu", type, len);
	*ret_data = str_from(in.ptr + head, len);
	r->rec_offset = r->offset;
	r->offset += (int64_t)(head + len);
	return type;
}

int queue_reader_follow(struct queue_reader *r, struct str data)
{
	int64_t target;

	if (rec_parse_ptr(data, &target) < 0)
		return damaged(r, "malformed pointer record value: " STR_FMT,
			STR_ARG(str_head(data, 32)));
	if (target == 0)
		return 0;
	if (target > r->msg->size)
		return damaged(r, "pointer beyond the end of the file: %lld", (long long)target);
	if (target <= r->last_jump && ++r->back_jumps > QUEUE_MAX_BACK_JUMPS)
		return damaged(r, "too many reverse jump records");
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
			int e = queue_reader_follow(r, *ret_data);

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
