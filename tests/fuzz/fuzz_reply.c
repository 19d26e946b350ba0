/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_reply.c — replies of servers, one after another from the same bytes (threats P5).
 */
#include "smtp/reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = str_from((const char *)data, size);
	struct smtp_reply r;

	smtp_reply_init(&r);
	while (in.len > 0) {
		ptrdiff_t lf = str_chr(in, '\n');
		struct str line = lf < 0 ? in : str_head(in, (size_t)lf);

		if (smtp_reply_line(&r, line) == 1) {
			check(r.code >= 0 && r.code <= 999 && r.dsn.class == r.code / 100);
			check(r.dsn.subject <= 999 && r.dsn.detail <= 999);
			smtp_reply_clear(&r);
		}
		check(r.text.len <= SMTP_REPLY_MAX);
		in = lf < 0 ? STR_EMPTY : str_skip(in, (size_t)lf + 1);
	}
	smtp_reply_done(&r);
	return 0;
}
