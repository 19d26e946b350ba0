/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/strv.h — a growing vector of owned NUL-terminated strings (argv, word lists).
 */
#pragma once

#include "base/str.h"

struct strv {
	char **v; /* NULL-terminated once something was added */
	size_t n;
	size_t cap;
};

/** Free all strings. */
void strv_done(struct strv *v);
#define _cleanup_strv_ _cleanup_(strv_done)
/** Append a copy. */
void strv_add(struct strv *v, struct str s);
/** Append the words of `s`, separated by bytes of `seps`; no quoting. */
void strv_split(struct strv *v, struct str s, const char *seps);
/**
 * Append the words of `s`; a word that starts with '{' runs to the matching '}' and keeps
 * neither braces nor white space next to them.
 *
 * @param seps   separators outside braces
 * @return 0; -EINVAL when a brace is not closed or text follows it, nothing appended
 * Source: postconf(5), lists with { }.
 */
_must_use_ int strv_split_braces(struct strv *v, struct str s, const char *seps);
/** True when `s` is in the vector. */
bool strv_has(const struct strv *v, struct str s);
