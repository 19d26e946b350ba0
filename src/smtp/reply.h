/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtp/reply.h — replies: parsing those of servers (also bad ones), enhanced status codes. Pure.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"

/** Enhanced status code, RFC 3463. */
struct dsn_code {
	unsigned short class;   /* 2, 4, 5; 0: none */
	unsigned short subject; /* 0..999 */
	unsigned short detail;
};

/** Parse "5.7.1" at the start of s: length used, or 0. */
size_t dsn_code_parse(struct str s, struct dsn_code *ret);
/** Append "5.7.1". */
void dsn_code_format(struct buf *b, struct dsn_code c);

/** Assembles a reply from lines. */
struct smtp_reply {
	int code;            /* of the last line; 0 until complete */
	struct dsn_code dsn; /* from the text when its class agrees with the code, else X.0.0 */
	struct buf text;     /* lines joined by '\n', codes included as received */
	size_t lines;
};

/** Most bytes and lines of one reply that are kept; the rest is read and dropped (threats P5). */
#define SMTP_REPLY_MAX   ((size_t)64 * 1024)
#define SMTP_REPLY_LINES 1000

/** An empty reply; free with smtp_reply_done(). */
void smtp_reply_init(struct smtp_reply *r);
void smtp_reply_done(struct smtp_reply *r);
/** Forget, for the next reply. */
void smtp_reply_clear(struct smtp_reply *r);
/**
 * Feed one line without its end.
 *
 * @return 1 the reply is complete; 0 more lines follow; -EBADMSG not a reply line: its text is kept,
 *         and more lines follow
 */
_must_use_ int smtp_reply_line(struct smtp_reply *r, struct str line);
