/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table/rulefile.h — rules of regexp:, pcre: and cidr: tables, from a file or from the table's name
 * ("type:{ {rule} {rule} }"), one at a time.
 */
#pragma once

#include "table/table_priv.h"

/** Takes one rule; `line` is the line in the file, or the position in the name from 1. */
typedef void (*rule_fn)(void *ctx, struct str text, int line);

/** Call fn for each rule of the table: 0; negative errno with the documented reason. */
_must_use_ int rulefile_each(const struct table *t, rule_fn fn, void *ctx, struct why *why);
/** Note a remark about a rule: "TYPE map NAME, line N: ...". */
void rule_note(const struct table *t, int line, const char *fmt, ...) _printf_(3, 4);
