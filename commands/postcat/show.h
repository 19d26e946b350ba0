/* SPDX-License-Identifier: Apache-2.0 */
/*
 * postcat/show.h — print the records of one queue file.
 */
#pragma once

#include <stdio.h>

#include "queue/message.h"

/** What to print. */
struct show_options {
	bool envelope, header, body;
	bool type, offset; /* before each record */
	bool raw;          /* in file order: pointers are not followed */
	bool verbose;      /* names of text records, pointers and padding too */
	bool skip;         /* begin at `start`, whatever is there */
	int64_t start;
};

/**
 * Print one file to `out`.
 *
 * @param name   for the section lines
 * @return 0, also when the file is none of ours (warned about); -EBADMSG or other errno, with why
 */
_must_use_ int show_file(const struct show_options *o, struct queue_message *m, const char *name,
	FILE *out, struct why *why);
