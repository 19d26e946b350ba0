/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mime/qp.h — quoted-printable, a line or a piece of one at a time.
 *
 * Pure. Source: RFC 2045 6.7.
 */
#pragma once

#include "base/buf.h"

/** Receives one finished output line, without its newline. */
typedef int (*qp_line_fn)(void *ctx, struct str line);

/** The output line that is being filled; a piece of input may leave it half full. */
struct qp_encoder {
	struct buf out;
	qp_line_fn line;
	void *ctx;
};

/** Begin. */
void qp_init(struct qp_encoder *q, qp_line_fn line, void *ctx);
/** Free. */
void qp_done(struct qp_encoder *q);
/**
 * Encode a piece of a line.
 *
 * Control characters except TAB, '=', everything above 126, and white space at the end of a line are
 * written as =XX in upper case; a soft line break comes before an output line would exceed 76.
 * @param partial   the input line goes on
 * @return 0, or the first non-zero result of the callback
 */
_must_use_ int qp_encode(struct qp_encoder *q, struct str piece, bool partial);
/** Append quoted-printable of a header word (RFC 2047 "Q"): only letters, digits and "!*+-/" stay. */
_must_use_ int qp_encode_word(struct buf *b, struct str s);
