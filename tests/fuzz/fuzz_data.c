/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_data.c — content decoding: the same bytes whole and one by one give the same lines, and only
 * CR LF . CR LF ends them unless bare line ends are allowed (threats S1-S10, S17).
 */
#include "smtp/client_text.h"
#include "smtp/data.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_LINE 16

/* Lines with marks; stops at the end of data. `step` bytes at a time, 0: all. */
static size_t decode(struct smtp_data *d, struct str in, size_t step, struct buf *out)
{
	size_t pos = 0;

	while (pos < in.len) {
		struct str part = str_skip(in, pos);
		struct smtp_data_line l;
		size_t used;
		int r;

		if (step > 0)
			part = str_head(part, step);
		r = smtp_data_next(d, part, &used, &l);
		check(used <= part.len && (r != 0 || used == part.len));
		pos += used;
		if (r == 2) {
			buf_putc(out, '#');
			break;
		}
		if (r == 1) {
			check(l.text.len <= MAX_LINE + 1 && str_chr(l.text, '\n') < 0);
			buf_put(out, l.text);
			buf_putc(out, l.partial ? '+' : '|');
		}
	}
	return pos;
}

/* The mark of the end, which follows a complete line. */
static bool ends(struct str out)
{
	return out.len > 1 && str_ends(out, STR("|#"));
}

static void compare(struct str in, enum smtp_bare_lf mode, bool chunk)
{
	struct buf whole = BUF(BUF_MEDIUM), pieces = BUF(BUF_MEDIUM);
	struct smtp_data a, b;
	size_t n, m;

	if (chunk) {
		smtp_data_init_chunk(&a, mode, MAX_LINE);
		smtp_data_init_chunk(&b, mode, MAX_LINE);
	} else {
		smtp_data_init(&a, mode, MAX_LINE);
		smtp_data_init(&b, mode, MAX_LINE);
	}
	n = decode(&a, in, 0, &whole);
	m = decode(&b, in, 1, &pieces);
	check(n == m && str_eq(buf_str(&whole), buf_str(&pieces)));
	check(a.saw_bare_lf == b.saw_bare_lf && a.bytes == b.bytes);
	/* A '#' that stands alone at the end is ours only when input is left or the dot was the last. */
	if (mode != SMTP_BARE_LF_ALLOW && ends(buf_str(&whole)) && n > 3)
		check(chunk || str_ends(str_head(in, n), STR("\r\n.\r\n")));
	smtp_data_done(&a);
	smtp_data_done(&b);
	buf_done(&whole);
	buf_done(&pieces);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = str_from((const char *)data, size);
	struct buf out = BUF(BUF_MEDIUM);
	struct smtp_text text;

	if (size > 100000)
		return 0;
	for (int mode = SMTP_BARE_LF_ALLOW; mode <= SMTP_BARE_LF_REJECT; mode++) {
		compare(in, (enum smtp_bare_lf)mode, false);
		compare(in, (enum smtp_bare_lf)mode, true);
	}
	/* What our client makes of it is one line to a server, and not the end of data. */
	smtp_text_init(&text, 0);
	check(smtp_text_line(&text, &out, in, false) == 0);
	check(str_ends(buf_str(&out), STR("\r\n")) && !str_starts(buf_str(&out), STR(".\r\n")));
	check(str_chr(buf_str(&out), '\n') == (ptrdiff_t)out.len - 1);
	buf_done(&out);
	return 0;
}
