/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mime/content.h — what Content-Type and Content-Transfer-Encoding say.
 *
 * Only as much as is needed to find headers within a message: main type, nested messages, the
 * boundary, and the encoding. Lenient as mail is: what is not understood counts as text.
 * Pure; thread-safe. Source: RFC 2045 5.1, 6.1.
 */
#pragma once

#include "base/buf.h"

enum mime_type {
	MIME_TYPE_OTHER,
	MIME_TYPE_MULTIPART,
	MIME_TYPE_MESSAGE,
};

enum mime_subtype {
	MIME_SUB_OTHER,
	MIME_SUB_DIGEST,   /* multipart/digest */
	MIME_SUB_RFC822,   /* message/rfc822 */
	MIME_SUB_GLOBAL,   /* message/global */
	MIME_SUB_PARTIAL,  /* message/partial */
	MIME_SUB_EXTERNAL, /* message/external-body */
};

struct mime_content_type {
	enum mime_type type;
	enum mime_subtype subtype;
};

/** Receives the boundaries of a multipart, in order; unquoted text borrowed for the call. */
typedef void (*mime_boundary_fn)(void *ctx, struct str boundary);

/**
 * Parse the body of a Content-Type field.
 *
 * @param body       text after the colon; may hold folding newlines and comments
 * @param boundary   called for each boundary parameter with a value, when the type is multipart
 */
struct mime_content_type mime_content_type_parse(struct str body, mime_boundary_fn boundary,
	void *ctx);

enum mime_encoding {
	MIME_ENC_7BIT,
	MIME_ENC_8BIT,
	MIME_ENC_BINARY,
	MIME_ENC_QP,
	MIME_ENC_BASE64,
	MIME_ENC_UNKNOWN, /* a name that means nothing to us; treated as 7bit */
};

/** Parse the body of a Content-Transfer-Encoding field; an unknown or missing word is UNKNOWN. */
enum mime_encoding mime_encoding_parse(struct str body);
/** The name of an encoding ("8bit"); "unknown" for MIME_ENC_UNKNOWN. */
const char *mime_encoding_name(enum mime_encoding e);
