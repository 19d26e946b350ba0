/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_path.c — the address of MAIL and RCPT; strict accepts nothing that lenient refuses, and both
 * agree on the result (threats P2).
 */
#include "base/arena.h"
#include "smtp/command.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new(0);
	struct str arg = str_from((const char *)data, size), strict, lenient;
	int r = smtp_path_parse(arg, SMTP_PATH_ALLOW_EMPTY, a, &lenient);
	int s = smtp_path_parse(arg, SMTP_PATH_ALLOW_EMPTY | SMTP_PATH_STRICT, a, &strict);

	if (r == 0) {
		check(lenient.len <= arg.len);
		for (size_t i = 0; i < lenient.len; i++)
			check((unsigned char)lenient.ptr[i] >= ' ' || lenient.ptr[i] == '\t');
	}
	if (s == 0)
		check(r == 0 && str_eq(strict, lenient));
	if (smtp_path_parse(arg, SMTP_PATH_SMTPUTF8, a, &strict) == 0)
		check(strict.len > 0 && r == 0);
	arena_free(a);
	return 0;
}
