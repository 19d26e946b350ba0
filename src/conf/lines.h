/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf/lines.h — logical lines of main.cf and master.cf.
 *
 * A line that starts with white space continues the one before; comment lines and blank lines are
 * left out, also between the parts. Line breaks vanish, the white space that follows them stays.
 * Source: postconf(5), master(5).
 */
#pragma once

#include "base/buf.h"

/** Position in a text; start with { text, 0 }. */
struct conf_lines {
	struct str rest;
	int line;
};

/**
 * The next logical line.
 *
 * @param ret        the line without its end, white space at the end removed; cleared first
 * @param ret_line   number of the physical line where it starts, from 1
 * @return 1; 0 at the end; -EMSGSIZE above the limit of ret
 * A first line that starts with white space comes as it is: callers refuse it.
 */
_must_use_ int conf_lines_next(struct conf_lines *l, struct buf *ret, int *ret_line);

/**
 * Split "name = value" as in main.cf and -o.
 *
 * @param line        a logical line
 * @param ret_name    borrowed from line
 * @param ret_value   borrowed, without white space at the ends
 * @return NULL; or what is wrong: "missing '=' after attribute name", "missing attribute name"
 */
_must_use_ const char *conf_split_setting(struct str line, struct str *ret_name,
	struct str *ret_value);
