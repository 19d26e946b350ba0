/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mime/header.h — header fields: recognising, folding, the table of known names.
 */
#pragma once

#include "base/buf.h"
#include "base/clock.h"

enum header_flags {
	HDR_SENDER = 1 << 0,   /* addresses of senders: From, Sender, Reply-To, ... */
	HDR_RECIP = 1 << 1,    /* addresses of recipients: To, Cc, Bcc */
	HDR_RESENT = 1 << 2,   /* Resent- form */
	HDR_MIME = 1 << 3,     /* MIME-Version, Content-* */
	HDR_DROP = 1 << 4,     /* message_drop_headers by default */
	HDR_EXTRACT = 1 << 5,  /* sendmail -t takes recipients from it */
	HDR_UNIQUE = 1 << 6,   /* at most one of it makes sense: From, Date, Message-Id */
};

enum header_id {
	HDR_OTHER,
	HDR_APPARENTLY_TO, HDR_BCC, HDR_CC, HDR_CONTENT_DESCRIPTION, HDR_CONTENT_DISPOSITION,
	HDR_CONTENT_ID, HDR_CONTENT_LENGTH, HDR_CONTENT_TRANSFER_ENCODING, HDR_CONTENT_TYPE, HDR_DATE,
	HDR_DELIVERED_TO, HDR_DISP_NOTIFICATION_TO, HDR_ERRORS_TO, HDR_FROM, HDR_MAIL_FOLLOWUP_TO,
	HDR_MESSAGE_ID, HDR_MIME_VERSION, HDR_RECEIVED, HDR_REPLY_TO, HDR_RESENT_BCC, HDR_RESENT_CC,
	HDR_RESENT_DATE, HDR_RESENT_FROM, HDR_RESENT_MESSAGE_ID, HDR_RESENT_REPLY_TO, HDR_RESENT_SENDER,
	HDR_RESENT_TO, HDR_RETURN_PATH, HDR_RETURN_RECEIPT_TO, HDR_SENDER_, HDR_SUBJECT, HDR_TLS_REQUIRED,
	HDR_REQUIRE_TLS_ESMTP, HDR_TO,
};

struct header_def {
	const char *name; /* canonical spelling: "Message-Id" */
	enum header_id id;
	unsigned flags;   /* enum header_flags */
};

/** The definition of a header name, or NULL for names that mean nothing to us. */
const struct header_def *header_find(struct str name);
/**
 * Is this line the start of a header? Returns the length of the name; "Name :" is accepted.
 *
 * @param ret_body   what follows the colon, leading blanks kept
 * @return length of name, 0 when the line is no header
 */
size_t header_name(struct str line, struct str *ret_body);

/** "YYYYMMDDhhmmss.ID@host" or "ID@host" in angle brackets. */
void header_message_id(struct buf *b, struct str queue_id, bool long_id, time_t created,
	struct str myhostname);
