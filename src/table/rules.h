/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table/rules.h — what regexp: and pcre: have in common: "/pattern/flags text", "!/pattern/flags
 * text", if ... endif, and $n in the text. First match wins.
 *
 * A rule that is wrong is skipped with a note; the others stay in force. (Documented behaviour.)
 */
#pragma once

#include "table/table_priv.h"

/** Where a group matched; from == -1 when it did not take part. */
struct rx_span {
	ptrdiff_t from;
	ptrdiff_t to;
};

/** A regular expression library. */
struct rx_engine {
	/** Words that differ between the types. */
	const char *skipping;  /* "skipping", "ignoring" */
	const char *bad_index; /* "out of range", "out-of-range" */
	/**
	 * Compile; on failure note it and return NULL.
	 *
	 * @param ret_groups   number of groups in the pattern
	 */
	void *(*compile)(const struct table *t, int line, struct str pattern, struct str options,
		size_t *ret_groups);
	void (*free)(void *re);
	/** Match: 1 with n spans set, 0 no match, negative errno with why. */
	int (*match)(const void *re, struct str key, struct rx_span *spans, size_t n,
		struct why *why);
};

struct rules;

/** Read all rules: t->impl is a struct rules, also on failure. 0 or negative errno. */
_must_use_ int rules_open(struct table *t, const struct rx_engine *e, struct why *why);
/** For table_ops.close. */
void rules_close(struct table *t);
/** For table_ops.get. */
enum lookup rules_get(const struct table *t, struct str key, struct buf *ret, struct why *why);
