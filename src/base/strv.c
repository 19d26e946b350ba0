/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/strv.c — vectors of owned strings; see strv.h.
 */
#include "base/strv.h"

#include <errno.h>

#include "base/mem.h"

void strv_done(struct strv *v)
{
	if (v == NULL)
		return;
	for (size_t i = 0; i < v->n; i++)
		free(v->v[i]);
	free(v->v);
	*v = (struct strv){ 0 };
}

void strv_add(struct strv *v, struct str s)
{
	if (v->n + 1 >= v->cap) {
		v->cap = v->cap == 0 ? 8 : v->cap * 2;
		v->v = mem_resize(v->v, v->cap, sizeof *v->v);
	}
	v->v[v->n++] = str_dup(s);
	v->v[v->n] = NULL;
}

void strv_split(struct strv *v, struct str s, const char *seps)
{
	struct str word;

	while (str_word(&s, seps, &word))
		strv_add(v, word);
}

/* The length of a text that starts with '{', up to and with its matching '}'; 0 when there is none. */
static size_t brace_length(struct str s)
{
	size_t depth = 0;

	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] == '{')
			depth++;
		else if (s.ptr[i] == '}' && --depth == 0)
			return i + 1;
	}
	return 0;
}

static bool is_sep(char c, const char *seps)
{
	return c != '\0' && strchr(seps, c) != NULL;
}

static int split_braces(struct strv *v, struct str s, const char *seps)
{
	struct str word;

	for (;;) {
		size_t n;

		while (s.len > 0 && is_sep(s.ptr[0], seps))
			s = str_skip(s, 1);
		if (s.len == 0)
			return 0;
		if (s.ptr[0] != '{') {
			if (!str_word(&s, seps, &word))
				return 0;
			strv_add(v, word);
			continue;
		}
		n = brace_length(s);
		if (n == 0 || (n < s.len && !is_sep(s.ptr[n], seps)))
			return -EINVAL;
		strv_add(v, str_trim(str_from(s.ptr + 1, n - 2)));
		s = str_skip(s, n);
	}
}

int strv_split_braces(struct strv *v, struct str s, const char *seps)
{
	_cleanup_strv_ struct strv words = { 0 };
	int r = split_braces(&words, s, seps);

	if (r < 0)
		return r;
	for (size_t i = 0; i < words.n; i++)
		strv_add(v, str_of(words.v[i]));
	return 0;
}

bool strv_has(const struct strv *v, struct str s)
{
	for (size_t i = 0; i < v->n; i++) {
		if (str_eq(str_of(v->v[i]), s))
			return true;
	}
	return false;
}
