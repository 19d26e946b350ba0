/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtp/client_ehlo.h — what a server says about itself: greeting and EHLO reply. Pure.
 */
#pragma once

#include "base/buf.h"

enum smtp_feature {
	SMTP_F_ESMTP = 1 << 0,
	SMTP_F_8BITMIME = 1 << 1,
	SMTP_F_PIPELINING = 1 << 2,
	SMTP_F_SIZE = 1 << 3,
	SMTP_F_STARTTLS = 1 << 4,
	SMTP_F_AUTH = 1 << 5,
	SMTP_F_XFORWARD = 1 << 6,
	SMTP_F_DSN = 1 << 7,
	SMTP_F_SMTPUTF8 = 1 << 8,
	SMTP_F_REQUIRETLS = 1 << 9,
	SMTP_F_ENHANCED = 1 << 10,
	SMTP_F_CHUNKING = 1 << 11,
	SMTP_F_SILENT_DISCARD = 1 << 30, /* only in masks of keywords to discard */
};

struct smtp_features {
	unsigned have;         /* enum smtp_feature */
	unsigned discarded;    /* announced, and in the mask of keywords to discard */
	bool implied_8bitmime; /* SMTPUTF8 without it */
	int64_t size_limit;    /* 0: unknown or no limit */
	struct str bad_size;   /* what stood there and is no number; borrowed from the reply */
	unsigned xforward;     /* enum smtp_xforward */
	struct str auth;       /* mechanisms, borrowed from the reply */
	struct str name;       /* first word of the first line: the server's idea of its name */
};

/**
 * Read a complete EHLO or LHLO reply (lines joined by '\n', codes included).
 *
 * SMTPUTF8 implies 8BITMIME. Lines that are not understood are skipped.
 * @param discard   mask of keywords that are not to be used
 */
void smtp_features_parse(struct str reply, unsigned discard, struct smtp_features *ret);
/**
 * Mask of a list of keywords (smtp_discard_ehlo_keywords), separated by commas and blanks.
 *
 * @param ret_bad   first word that is not known, empty when all are
 */
unsigned smtp_keyword_mask(struct str list, struct str *ret_bad);
/** Append the names of a mask, separated by blanks ("PIPELINING SIZE"). */
void smtp_keyword_names(struct buf *b, unsigned mask);

struct smtp_greeting {
	bool esmtp;      /* the word ESMTP occurs */
	bool pix;        /* text is made of '2', '0', '*' and blanks: a Cisco PIX rewrote it */
	struct str name; /* first word after the code */
};
/** Read a complete greeting (lines joined by '\n'). */
void smtp_greeting_parse(struct str reply, struct smtp_greeting *ret);
