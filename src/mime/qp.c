/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mime/qp.c — quoted-printable encoder.
 */
#include "mime/qp.h"

/* An output line that is longer than this gets a soft break before the next character. */
#define QP_SOFT 72

static const char hex[] = "0123456789ABCDEF";

void qp_init(struct qp_encoder *q, qp_line_fn line, void *ctx)
{
	*q = (struct qp_encoder){ .out = BUF(128), .line = line, .ctx = ctx };
}

void qp_done(struct qp_encoder *q)
{
	buf_done(&q->out);
}

static void put_hex(struct buf *b, unsigned char c)
{
	buf_putc(b, '=');
	buf_putc(b, hex[c >> 4]);
	buf_putc(b, hex[c & 15]);
}

static int flush_line(struct qp_encoder *q)
{
	int r = q->line(q->ctx, buf_str(&q->out));

	buf_clear(&q->out);
	return r;
}

int qp_encode(struct qp_encoder *q, struct str piece, bool partial)
{
	for (size_t i = 0; i < piece.len; i++) {
		unsigned char c = (unsigned char)piece.ptr[i];
		bool at_end = i + 1 == piece.len && !partial;

		if (q->out.len > QP_SOFT) {
			int r;

			buf_putc(&q->out, '=');
			r = flush_line(q);
			if (r != 0)
				return r;
		}
		if ((c < 32 && c != '\t') || c == '=' || c > 126 ||
			(at_end && (c == ' ' || c == '\t')))
			put_hex(&q->out, c);
		else
			buf_putc(&q->out, (char)c);
	}
	return partial ? 0 : flush_line(q);
}

int qp_encode_word(struct buf *b, struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];
		int r = buf_reserve(b, 3);

		if (r < 0)
			return r;
		if (c == ' ')
			buf_putc(b, '_');
		else if (is_alnum(c) || (c != 0 && strchr("!*+-/", c) != NULL))
			buf_putc(b, (char)c);
		else
			put_hex(b, c);
	}
	return 0;
}
