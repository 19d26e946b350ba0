/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtp/command.c — the tokenizer of command lines.
 */
#include "smtp/command.h"

#include <errno.h>

/* Index after the closing quote of a string that opens at `i`, or line.len with *bad set. */
static size_t skip_quoted(struct str line, size_t i, bool *bad)
{
	for (i++; i < line.len; i++) {
		if (line.ptr[i] == '\\' && i + 1 < line.len)
			i++;
		else if (line.ptr[i] == '"')
			return i + 1;
	}
	*bad = true;
	return line.len;
}

/* Index after the '>' of a bracket that opens at `i`, or line.len with *bad set. */
static size_t skip_angle(struct str line, size_t i, bool *bad)
{
	i++;
	while (i < line.len) {
		char c = line.ptr[i];

		if (c == '>')
			return i + 1;
		if (c == '"')
			i = skip_quoted(line, i, bad);
		else if (c == '\\' && i + 1 < line.len)
			i += 2;
		else
			i++;
	}
	*bad = true;
	return line.len;
}

/* One word from `i` on; returns the index after it. */
static size_t token(struct str line, size_t i, struct smtp_token *ret)
{
	size_t start = i;

	*ret = (struct smtp_token){ .bad = false };
	while (i < line.len && !is_space((unsigned char)line.ptr[i])) {
		char c = line.ptr[i];

		if (c == '"') {
			i = skip_quoted(line, i, &ret->bad);
		} else if (c == '<') {
			i = skip_angle(line, i, &ret->bad);
		} else if (c == '\\' && i + 1 < line.len) {
			i += 2;
		} else {
			struct str so_far = str_from(line.ptr + start, ++i - start);

			if (c == ':' &&
				(str_ieq(so_far, STR("from:")) || str_ieq(so_far, STR("to:"))))
				break;
		}
	}
	ret->text = str_from(line.ptr + start, i - start);
	return i;
}

int smtp_command_parse(struct str line, struct arena *a, struct smtp_command *ret)
{
	struct smtp_token v[SMTP_MAX_TOKENS];
	size_t n = 0, i = 0;

	while (line.len > 0 && line.ptr[line.len - 1] == '\r')
		line.len--;
	if (str_chr(line, '\r') >= 0 || str_chr(line, '\0') >= 0 || str_chr(line, '\n') >= 0)
		return -EILSEQ;
	for (;;) {
		while (i < line.len && is_space((unsigned char)line.ptr[i]))
			i++;
		if (i == line.len)
			break;
		if (n == SMTP_MAX_TOKENS)
			return -E2BIG;
		i = token(line, i, &v[n++]);
	}
	if (n == 0)
		return -EINVAL;
	ret->line = line;
	ret->n = n;
	ret->v = arena_array(a, n, sizeof(*ret->v));
	memcpy(ret->v, v, n * sizeof(*v));
	return 0;
}

bool smtp_looks_like_header(struct str line)
{
	size_t i = 0;

	while (i < line.len && line.ptr[i] > ' ' && line.ptr[i] < 0x7f && line.ptr[i] != ':')
		i++;
	if (i == 0)
		return false;
	while (i < line.len && (line.ptr[i] == ' ' || line.ptr[i] == '\t'))
		i++;
	return i < line.len && line.ptr[i] == ':';
}
