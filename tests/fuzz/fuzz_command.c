/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_command.c — a command line into words, and each word as a parameter value (threats P1, S13,
 * S16).
 */
#include "base/arena.h"
#include "smtp/command.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void values(struct str word, struct arena *a)
{
	struct str out;
	int64_t n;
	int mask = smtp_notify_parse(word);

	check(mask < 0 || mask == 1 || (mask > 1 && mask <= 14 && (mask & 1) == 0));
	if (smtp_size_parse(word, &n) == 0)
		check(n >= 0);
	check(smtp_ret_parse(word) <= 2);
	for (int utf8 = 0; utf8 < 2; utf8++)
		if (smtp_orcpt_parse(word, utf8 != 0, a, &out) == 0)
			for (size_t i = 0; i < out.len; i++)
				check((unsigned char)out.ptr[i] >= ' ' && out.ptr[i] != 0x7f);
	if (smtp_envid_parse(word, a, &out) == 0)
		for (size_t i = 0; i < out.len; i++)
			check(is_print((unsigned char)out.ptr[i]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new(0);
	struct str line = str_from((const char *)data, size);
	struct smtp_command cmd;
	size_t total = 0;

	if (smtp_command_parse(line, a, &cmd) == 0) {
		check(cmd.n > 0 && cmd.n <= SMTP_MAX_TOKENS);
		for (size_t i = 0; i < cmd.n; i++) {
			struct str t = cmd.v[i].text;

			check(t.len > 0 && t.ptr >= line.ptr &&
				t.ptr + t.len <= line.ptr + line.len);
			check(str_chr(t, '\r') < 0 && str_chr(t, '\n') < 0 && str_chr(t, '\0') < 0);
			total += t.len;
			values(t, a);
		}
		check(total <= line.len);
	}
	if (smtp_looks_like_header(line))
		check(str_chr(line, ':') > 0);
	arena_free(a);
	return 0;
}
