/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtp/data.c — the decoder of DATA and BDAT content, and the encoder of lines.
 *
 * What is decided about a byte depends only on the bytes before it in the message, never on how
 * they were cut: a piece is handed out exactly when max_line + 2 bytes without LF are there, or
 * when the LF comes later than that.
 */
#include "smtp/data.h"

#include <errno.h>

static void init(struct smtp_data *d, enum smtp_bare_lf mode, size_t max_line, bool chunk)
{
	check(max_line >= 2);
	*d = (struct smtp_data){
		.mode = mode,
		.max_line = max_line,
		.chunk = chunk,
		.line = BUF(max_line + 2),
	};
}

void smtp_data_init(struct smtp_data *d, enum smtp_bare_lf mode, size_t max_line)
{
	init(d, mode, max_line, false);
}

void smtp_data_init_chunk(struct smtp_data *d, enum smtp_bare_lf mode, size_t max_line)
{
	init(d, mode, max_line, true);
}

void smtp_data_done(struct smtp_data *d)
{
	buf_done(&d->line);
}

/* A piece of max_line bytes at the front of the line buffer. */
static int hand_piece(struct smtp_data *d, struct smtp_data_line *ret)
{
	struct str piece = str_head(buf_str(&d->line), d->max_line);

	d->handed = piece.len;
	if (!d->chunk && !d->in_piece && piece.ptr[0] == '.')
		piece = str_skip(piece, 1);
	d->in_piece = true;
	*ret = (struct smtp_data_line){ .text = piece, .partial = true };
	return 1;
}

/* `line` is complete, LF excluded: 1 a line, 2 end of data, 0 dropped. */
static int hand_line(struct smtp_data *d, struct str line, struct smtp_data_line *ret)
{
	bool bare = line.len == 0 || line.ptr[line.len - 1] != '\r';
	bool prev_bare = d->prev_bare;
	bool whole = !d->in_piece;
	int64_t wire = (int64_t)line.len + 1;

	if (d->mode == SMTP_BARE_LF_ALLOW) {
		while (line.len > 0 && line.ptr[line.len - 1] == '\r')
			line.len--;
	} else if (!bare) {
		line.len--;
	}
	d->in_piece = false;
	d->prev_bare = bare;
	if (bare)
		d->saw_bare_lf = true;
	if (!d->chunk && whole && line.len > 0 && line.ptr[0] == '.') {
		if (line.len == 1) {
			if (d->mode != SMTP_BARE_LF_ALLOW && (bare || prev_bare))
				return 0;
			d->bytes -= wire;
			return 2;
		}
		line = str_skip(line, 1);
	}
	*ret = (struct smtp_data_line){ .text = line, .partial = false };
	return 1;
}

int smtp_data_next(struct smtp_data *d, struct str in, size_t *ret_used, struct smtp_data_line *ret)
{
	size_t pos = 0;
	int r = 0;

	buf_consume(&d->line, d->handed);
	d->handed = 0;
	while (r == 0 && pos < in.len) {
		const char *from = in.ptr + pos;
		const char *lf = memchr(from, '\n', in.len - pos);
		size_t n = lf == NULL ? in.len - pos : (size_t)(lf - from);
		size_t room = d->max_line + 2 - d->line.len;

		if (n >= room) {
			buf_put(&d->line, str_from(from, room));
			pos += room;
			r = hand_piece(d, ret);
		} else if (lf == NULL) {
			buf_put(&d->line, str_from(from, n));
			pos += n;
		} else if (d->line.len == 0) {
			pos += n + 1;
			r = hand_line(d, str_from(from, n), ret);
		} else {
			buf_put(&d->line, str_from(from, n));
			pos += n + 1;
			d->handed = d->line.len;
			r = hand_line(d, buf_str(&d->line), ret);
			if (r == 0) {
				buf_clear(&d->line);
				d->handed = 0;
			}
		}
	}
	*ret_used = pos;
	d->bytes += (int64_t)pos;
	if (r == 2) {
		buf_clear(&d->line);
		d->handed = 0;
	}
	return r;
}

int smtp_data_rest(struct smtp_data *d, struct smtp_data_line *ret)
{
	struct str line;

	buf_consume(&d->line, d->handed);
	d->handed = 0;
	if (d->line.len == 0 && !d->in_piece)
		return 0;
	line = buf_str(&d->line);
	d->handed = line.len;
	d->in_piece = false;
	*ret = (struct smtp_data_line){ .text = line, .partial = false };
	return 1;
}
