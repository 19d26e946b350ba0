/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_text.c — content on its way out (threats S11): whatever goes in, what comes out has no bare CR
 * or LF, no line of a lone dot, and no line over the limit.
 *
 * First byte: the limit (0 none). The rest is cut into lines at LF; a line whose last byte is odd is
 * fed in two pieces.
 */
#include "smtp/client_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_output(struct str out, size_t limit)
{
	while (out.len > 0) {
		ptrdiff_t end = str_find(out, STR("\r\n"));
		struct str line;

		check(end >= 0);
		line = str_head(out, (size_t)end);
		check(str_chr(line, '\r') < 0 && str_chr(line, '\n') < 0 &&
			str_chr(line, '\0') < 0);
		check(!str_eq(line, STR(".")));
		if (limit > 0)
			check(line.len <= limit + (line.len > 0 && line.ptr[0] == '.' ? 1 : 0));
		out = str_skip(out, (size_t)end + 2);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf b = BUF((size_t)1 << 28);
	struct smtp_text t;
	struct str rest;
	size_t limit;

	if (size == 0)
		return 0;
	/* A line must hold a blank and the widest character. */
	limit = data[0] == 0 ? 0 : (size_t)data[0] + 5;
	rest = str_from((const char *)data + 1, size - 1);
	smtp_text_init(&t, limit);
	while (rest.len > 0) {
		ptrdiff_t nl = str_chr(rest, '\n');
		struct str line = nl < 0 ? rest : str_head(rest, (size_t)nl);

		rest = nl < 0 ? STR_EMPTY : str_skip(rest, (size_t)nl + 1);
		if (line.len > 1 && (line.ptr[line.len - 1] & 1)) {
			check(smtp_text_line(&t, &b, str_head(line, line.len / 2), true) == 0);
			line = str_skip(line, line.len / 2);
		}
		check(smtp_text_line(&t, &b, line, nl < 0) == 0);
	}
	check(smtp_text_end(&t, &b) == 0);
	check_output(buf_str(&b), limit);
	buf_done(&b);
	return 0;
}
