/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table/textfile.h — source files: logical lines, and the key and value of one.
 *
 * A line that starts with white space continues the one before; blank lines and lines whose first
 * visible character is '#' are skipped, also between the parts of a logical line.
 */
#pragma once

#include "base/buf.h"
#include "base/cursor.h"
#include "base/why.h"

/** Largest source file that is read, in bytes. */
#define TEXTFILE_MAX ((size_t)1024 * 1024 * 1024)
/** Longest logical line. */
#define TEXTLINE_MAX ((size_t)16 * 1024 * 1024)

struct textfile {
	struct buf content;
	struct cursor at;
	int next_line;
	int line; /* where the current logical line started; from 1 */
};

/** Read a file: 0; negative errno with "open FILE: ..." in why. Free with textfile_done(). */
_must_use_ int textfile_open(struct textfile *f, const char *path, struct why *why);
/** Take text from an open descriptor: 0; negative errno. */
_must_use_ int textfile_from_fd(struct textfile *f, int fd, const char *path, struct why *why);
/** Read from text that somebody else owns and keeps. */
void textfile_from_str(struct textfile *f, struct str text);
void textfile_done(struct textfile *f);
#define _cleanup_textfile_ _cleanup_(textfile_done)

/**
 * The next logical line in `ret` (cleared first), without newlines and trailing white space.
 *
 * A first line that starts with white space is skipped with a note, as documented.
 * @param path    for the note
 * @return false at the end
 */
bool textfile_next(struct textfile *f, const char *path, const struct notes *n, struct buf *ret);

/** What textline_split() found. */
enum textline {
	TEXTLINE_OK,
	TEXTLINE_NO_VALUE,   /* no value after the key: "expected format: key whitespace value" */
	TEXTLINE_UNBALANCED, /* a quote is not closed */
};

/** Split "key value"; white space in double quotes and after a backslash belongs to the key. */
enum textline textline_split(struct str line, struct str *ret_key, struct str *ret_value);

/**
 * Split a line and note what is wrong with it, in the documented words.
 *
 * @param utf8      complain about bytes that are not UTF-8
 * @param where     "FILE, line N"
 * @param ignoring  append " -- ignoring this line" to the complaint about the format
 * @return true when the pair is usable
 */
bool textline_parse(struct str line, bool utf8, const char *where, bool ignoring,
	const struct notes *n, struct str *ret_key, struct str *ret_value);
