/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mime/mime.h — streaming MIME state: what a line of content is.
 *
 * Fed one physical line (or piece of one) at a time; calls back with whole logical headers and with
 * body lines, each with its class. Bounded memory: header_size_limit, mime_nesting_limit,
 * mime_boundary_length_limit. Preserves bytes, but for blanks between name and colon of a header; can
 * convert 8bit parts to quoted-printable on the way (the SMTP client's downgrade). No I/O.
 *
 * Quirks kept, because rules and signatures of postmasters rest on them: a boundary matches as a
 * prefix of the line, MIME-Version is not asked for, and the nesting limit lets two more levels in
 * than its number.
 */
#pragma once

#include "base/buf.h"
#include "mime/header.h"

enum mime_class {
	MIME_PRIMARY, /* message header */
	MIME_MULTI,   /* header of a part */
	MIME_NESTED,  /* header of an attached message */
};

enum mime_error {
	MIME_ERR_NESTING = 1 << 0,
	MIME_ERR_TRUNC_HEADER = 1 << 1,
	MIME_ERR_8BIT_IN_HEADER = 1 << 2,
	MIME_ERR_8BIT_IN_7BIT_BODY = 1 << 3,
	MIME_ERR_ENCODING_DOMAIN = 1 << 4,
	MIME_ERR_NO_EMPTY_LINE = 1 << 5,
};

enum mime_options {
	MIME_OPT_DISABLE = 1 << 0,   /* disable_mime_input_processing: header, then body */
	MIME_OPT_DOWNGRADE = 1 << 1, /* convert 8bit to quoted-printable */
	MIME_OPT_REPORT_8BIT_IN_HEADER = 1 << 2,
	MIME_OPT_REPORT_8BIT_IN_7BIT = 1 << 3,
	MIME_OPT_REPORT_DOMAIN = 1 << 4,
	MIME_OPT_REPORT_NESTING = 1 << 5,
	MIME_OPT_REPORT_TRUNC_HEADER = 1 << 6,
	MIME_OPT_REPORT_NO_EMPTY_LINE = 1 << 7,
};

struct mime_settings {
	unsigned options;             /* enum mime_options */
	size_t header_size_limit;     /* bytes; a header grows no more once it is this long */
	size_t boundary_length_limit; /* bytes of a boundary that are compared */
	size_t nesting_limit;         /* multiparts within each other */
};

struct mime_callbacks {
	/**
	 * A logical header: its physical lines separated by '\n', no final newline, and nothing
	 * between name and colon, whatever the message had there. It may exceed
	 * header_size_limit by one physical line (the writer cuts it, checks see all of it).
	 *
	 * @param def   NULL: a name that means nothing to us
	 */
	int (*header)(void *ctx, enum mime_class cls, const struct header_def *def,
		struct str text);
	/** End of the primary header; called exactly once, before the first body(). */
	int (*header_end)(void *ctx);
	/**
	 * A line of text outside headers: body, boundary, the empty line after a header.
	 *
	 * @param partial   the line continues in the next call
	 * @param offset    bytes of this body segment before the line, newlines included
	 */
	int (*body)(void *ctx, struct str line, bool partial, int64_t offset);
	/** End of the message (may be NULL). */
	int (*body_end)(void *ctx);
	/** A problem that the options ask to report, each kind once; `text`: the offending line. */
	void (*error)(void *ctx, enum mime_error err, struct str text);
};

struct mime;

/**
 * A machine for one message.
 *
 * @param s    copied
 * @param cb   lives as long as the machine
 */
_alloc_ struct mime *mime_new(const struct mime_settings *s, const struct mime_callbacks *cb,
	void *ctx);
/**
 * Forget the message; the machine is ready for another one. Memory that an unusual message took is
 * given back.
 *
 * @param s   copied
 */
void mime_reset(struct mime *m, const struct mime_settings *s);
/** Free. NULL is accepted. */
void mime_free(struct mime *m);
DEFINE_CLEANUP(struct mime *, mime_free);
/**
 * Feed one line without its newline.
 *
 * @param partial   the line continues in the next call
 * @return 0, or the first non-zero result of a callback
 */
_must_use_ int mime_line(struct mime *m, struct str line, bool partial);
/** End of input: flushes a pending header. 0, or the first non-zero result of a callback. */
_must_use_ int mime_end(struct mime *m);
/** All errors so far, enum mime_error, whether reported or not. */
unsigned mime_errors(const struct mime *m);
/** Words for an error ("MIME nesting exceeds safety limit") and its DSN code ("5.6.0"). */
const char *mime_error_text(enum mime_error err, const char **ret_dsn);
