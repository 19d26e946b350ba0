/* SPDX-License-Identifier: Apache-2.0 */
/*
 * intake/recread.c — see recread.h.
 */
#include "intake/recread.h"

#include <errno.h>

static int read_length(struct stream *s, size_t *ret)
{
	size_t len = 0;

	for (unsigned shift = 0;; shift += 7) {
		int c = shift < 28 ? stream_getc(s) : -EMSGSIZE;

		if (c < 0)
			return c == -ENODATA ? -EPIPE : c;
		len |= (size_t)(c & 0x7f) << shift;
		if ((c & 0x80) == 0)
			break;
	}
	*ret = len;
	return 0;
}

/* A record that is not whole in the stream's buffer. */
static int read_slowly(struct stream *s, size_t max, struct buf *b)
{
	size_t len;
	int type = stream_getc(s);
	int r;

	if (type <= 0)
		return type == 0 ? -EBADMSG : type;
	r = read_length(s, &len);
	if (r < 0)
		return r;
	buf_clear(b);
	if (len > max)
		return -EMSGSIZE;
	r = buf_reserve(b, len + 1);
	if (r < 0)
		return r;
	r = len == 0 ? 0 : stream_read(s, b->ptr, len);
	if (r < 0)
		return r == -ENODATA ? -EPIPE : r;
	b->len = len;
	b->ptr[len] = '\0';
	return type;
}

int recread(struct stream *s, size_t max, struct buf *slow, struct str *ret_data)
{
	struct str in;
	int type;
	ssize_t n;
	int r = stream_fill(s);

	if (r < 0)
		return r;
	in = stream_buffered(s);
	n = rec_get(in, max, &type, ret_data);
	if (n < 0)
		return in.ptr[0] != '\0' ? -EMSGSIZE : (int)n;
	if (n == 0) {
		type = read_slowly(s, max, slow);
		if (type > 0)
			*ret_data = buf_str(slow);
		return type;
	}
	/* The data moves within the buffer only when the stream reads again. */
	stream_skip(s, (size_t)n);
	return type;
}
