/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delivery/mail_copy.h — a stored message as text, with the headers of final delivery.
 *
 * Used for mailboxes, maildirs and the input of commands. Nothing is flushed to disk here.
 */
#pragma once

#include "delivery/request.h"

enum mail_copy_flags {
	MAIL_COPY_FROM = 1 << 0,        /* "From sender  time" line */
	MAIL_COPY_RETURN_PATH = 1 << 1, /* Return-Path: */
	MAIL_COPY_ORIG_RCPT = 1 << 2,   /* X-Original-To:, where it is known */
	MAIL_COPY_DELIVERED = 1 << 3,   /* Delivered-To: */
	MAIL_COPY_QUOTE = 1 << 4,       /* ">" before lines that start with "From " */
	MAIL_COPY_BLANK = 1 << 5,       /* an empty line at the end */
	MAIL_COPY_DOT = 1 << 6,         /* "." before lines that start with "." */
	/** What an mbox wants. */
	MAIL_COPY_MBOX = MAIL_COPY_FROM | MAIL_COPY_RETURN_PATH | MAIL_COPY_ORIG_RCPT |
			 MAIL_COPY_DELIVERED | MAIL_COPY_QUOTE | MAIL_COPY_BLANK,
	/** What a maildir wants. */
	MAIL_COPY_MAILDIR = MAIL_COPY_RETURN_PATH | MAIL_COPY_ORIG_RCPT | MAIL_COPY_DELIVERED,
};

/** What is copied, and for whom. */
struct mail_copy {
	const struct delivery_request *rq;
	const struct recipient *rcpt;
	unsigned flags;    /* enum mail_copy_flags */
	struct str eol;    /* end of line; .ptr NULL: "\n" */
	struct str sender; /* instead of the request's in headers; .ptr NULL: the request's */
	int64_t limit;     /* most bytes that may be written; 0 no limit */
};

/** Takes the next bytes: 0, or a negative errno that ends the copying. */
typedef int (*mail_copy_fn)(void *ctx, struct str data);

/**
 * Hand the message, piece by piece, to a function.
 *
 * @return 0; -EBADMSG the queue file is damaged; -EFBIG over the limit; what fn returned
 * Blocks: in fn, and on the queue file.
 */
_must_use_ int mail_copy_to(const struct mail_copy *c, mail_copy_fn fn, void *ctx, struct why *why);

/**
 * Write the message to a descriptor, from where it stands.
 *
 * @param fd   blocking
 * @return 0; -EBADMSG the queue file is damaged; -EFBIG over the limit; errno of write(2)
 * Blocks: on fd and on the queue file.
 */
_must_use_ int mail_copy(const struct mail_copy *c, int fd, struct why *why);
