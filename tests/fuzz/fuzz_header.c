/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_header.c — single header fields: names, Content-Type, encodings, quoted-printable.
 */
#include "mime/content.h"
#include "mime/header.h"
#include "mime/qp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void note_boundary(void *ctx, struct str boundary)
{
	size_t *total = ctx;

	check(boundary.len > 0);
	*total += boundary.len;
}

static int note_line(void *ctx, struct str line)
{
	size_t *lines = ctx;

	check(line.len <= 76);
	for (size_t i = 0; i < line.len; i++)
		check(is_print((unsigned char)line.ptr[i]) || line.ptr[i] == '\t');
	(*lines)++;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = str_from((const char *)data, size);
	_cleanup_buf_ struct buf word = BUF(BUF_MEDIUM);
	struct str body = STR_EMPTY;
	struct qp_encoder q;
	size_t name = header_name(in, &body);
	size_t total = 0;

	check(name <= in.len && body.len <= in.len);
	if (name > 0)
		(void)header_find(str_head(in, name));
	(void)mime_content_type_parse(in, note_boundary, &total);
	check(total <= in.len);
	(void)mime_encoding_name(mime_encoding_parse(in));
	qp_init(&q, note_line, &total);
	check(qp_encode(&q, str_head(in, in.len / 2), true) == 0);
	check(qp_encode(&q, str_skip(in, in.len / 2), false) == 0);
	qp_done(&q);
	(void)!qp_encode_word(&word, in);
	return 0;
}
