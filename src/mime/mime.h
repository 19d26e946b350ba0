/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mime/mime.h — streaming MIME state: what a line of content is.
 *
 * Fed one physical line (or piece of one) at a time; calls back with whole logical headers and with
 * body lines, each with its class. Bounded memory: header_size_limit, mime_nesting_limit,
 * mime_boundary_length_limit. Preserves bytes; can convert 8bit parts to quoted-printable on the way
 * (the SMTP client's downgrade). No I/O.
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
	MIME_OPT_DISABLE = 1 << 0,          /* disable_mime_input_processing: header, then body */
	MIME_OPT_DOWNGRADE = 1 << 1,        /* convert 8bit to quoted-printable */
	MIME_OPT_REPORT_8BIT_IN_HEADER = 1 << 2,
	MIME_OPT_REPORT_8BIT_IN_7BIT = 1 << 3,
	MIME_OPT_REPORT_DOMAIN = 1 << 4,
	MIME_OPT_REPORT_NESTING = 1 << 5,
	MIME_OPT_REPORT_TRUNC_HEADER = 1 << 6,
	MIME_OPT_RECURSE_ALL = 1 << 7,      /* detect nested messages although undeclared 8bit */
};

struct mime_settings {
	unsigned options;
	size_t header_size_limit, boundary_length_limit, nesting_limit, line_limit;
};

struct mime_callbacks {
	/** A logical header, lines separated by '\n', without final newline; def NULL: unknown name. */
	int (*header)(void *ctx, enum mime_class cls, const struct header_def *def, struct str text,
		int64_t offset);
	/** End of the primary header; called once. */
	int (*header_end)(void *ctx);
	/** A line of body text; `partial`: the line continues in the next call. */
	int (*body)(void *ctx, struct str line, bool partial, int64_t offset);
	/** End of the message. */
	int (*body_end)(void *ctx);
	/** A problem; `text` is the offending line. */
	void (*error)(void *ctx, enum mime_error err, struct str text);
};

struct mime;
_alloc_ struct mime *mime_new(const struct mime_settings *s, const struct mime_callbacks *cb, void *ctx);
void mime_free(struct mime *m);
/** Feed one line without its newline; `partial`: it continues. Returns the first non-zero callback result. */
_must_use_ int mime_line(struct mime *m, struct str line, bool partial);
/** End of input. */
_must_use_ int mime_end(struct mime *m);
/** All errors so far, enum mime_error. */
unsigned mime_errors(const struct mime *m);
/** Documented texts for an error: DSN and words ("mime nesting level exceeds maximum", "5.6.0"). */
const char *mime_error_text(enum mime_error err, const char **ret_dsn);
