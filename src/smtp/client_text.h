/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtp/client_text.h — message content on its way out: dot stuffing, long lines, no bare CR or LF.
 *
 * Invariant (threats S11): whatever is fed, the output consists of lines that end in CR LF and holds no
 * other CR or LF, no line of a lone dot, and no line
 * longer than the limit plus a stuffed dot. Pure.
 */
#pragma once

#include "base/buf.h"

struct smtp_text {
	size_t limit;  /* most bytes of a line without CR LF and stuffed dot; 0: no limit */
	size_t column; /* bytes of the current output line */
	bool broke;    /* some line was broken */
	bool in_line;  /* the next piece continues a line */
};

/** Start; `limit` as smtp_line_length_limit. */
void smtp_text_init(struct smtp_text *t, size_t limit);
/**
 * Append one line of content, or a piece of one.
 *
 * CR, LF and NUL become blanks. A line over the limit continues after CR LF SPACE; the break does
 * not fall inside a UTF-8 character.
 * @param piece     without line end
 * @param partial   the line continues in the next call
 * @return 0; -EMSGSIZE the buffer is full, part of the piece may have been appended
 * Source: smtp_line_length_limit; RFC 5321 4.5.2.
 */
_must_use_ int smtp_text_line(struct smtp_text *t, struct buf *b, struct str piece, bool partial);
/** End of content: completes a line that was left open; the end-of-data dot is the caller's. */
_must_use_ int smtp_text_end(struct smtp_text *t, struct buf *b);
