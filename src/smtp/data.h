/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtp/data.h — message content on the wire: end of data, dot stuffing, bare line ends. Pure.
 *
 * Unless bare line ends are allowed, the only end of data is CR LF . CR LF (threats S1-S9). The
 * decoder is fed bytes as they come and yields lines; where TCP cuts them makes no difference.
 */
#pragma once

#include "base/buf.h"

enum smtp_bare_lf {
	SMTP_BARE_LF_ALLOW,     /* smtpd_forbid_bare_newline = no: LF ends a line, LF . LF data */
	SMTP_BARE_LF_NORMALIZE, /* lines of "." that touch a bare LF are dropped */
	SMTP_BARE_LF_REJECT,    /* as normalize; the caller rejects when saw_bare_lf is set */
};

struct smtp_data {
	enum smtp_bare_lf mode;
	size_t max_line; /* longer lines come in pieces */
	bool chunk;      /* BDAT: no dots, no end of data */
	struct buf line; /* line being assembled */
	size_t handed;   /* bytes at the front of `line` that the last call handed out */
	bool prev_bare;  /* the line before ended in a bare LF */
	bool in_piece;   /* pieces of the current line were handed out */
	bool saw_bare_lf;
	int64_t bytes; /* bytes consumed, end of data not counted */
};

/** One line of content, or a piece of one. */
struct smtp_data_line {
	struct str text; /* dot removed, line end removed; borrowed until the next call */
	bool partial;    /* the line continues */
};

/** Start a message. `max_line` is at least 2. */
void smtp_data_init(struct smtp_data *d, enum smtp_bare_lf mode, size_t max_line);
/** The same for BDAT: dots mean nothing and the content never ends by itself. */
void smtp_data_init_chunk(struct smtp_data *d, enum smtp_bare_lf mode, size_t max_line);
/** Free the line. */
void smtp_data_done(struct smtp_data *d);
/**
 * Take bytes until one line is complete.
 *
 * Before the LF exactly one CR is removed; all of them with SMTP_BARE_LF_ALLOW.
 * @param in         input; *ret_used bytes of it were consumed
 * @return 1 a line in *ret, borrowed from `in` or *d; 2 end of data; 0 more input is needed
 */
_must_use_ int smtp_data_next(struct smtp_data *d, struct str in, size_t *ret_used,
	struct smtp_data_line *ret);
/** After the last chunk: 1 and the line that had no end; 0 there is none. */
_must_use_ int smtp_data_rest(struct smtp_data *d, struct smtp_data_line *ret);
