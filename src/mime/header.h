/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mime/header.h — header fields: recognising, the table of known names, fields of our own making.
 *
 * Pure; thread-safe.
 */
#pragma once

#include "base/buf.h"
#include "base/clock.h"

enum header_flags {
	HDR_SENDER = 1 << 0,  /* addresses of senders: From, Sender, Reply-To, ... */
	HDR_RECIP = 1 << 1,   /* addresses of recipients: To, Cc, Bcc, ... */
	HDR_RESENT = 1 << 2,  /* Resent- form */
	HDR_MIME = 1 << 3,    /* MIME-Version, Content-* */
	HDR_DROP = 1 << 4,    /* in message_drop_headers by default */
	HDR_EXTRACT = 1 << 5, /* sendmail -t takes recipients from it */
	HDR_UNIQUE = 1 << 6,  /* at most one of it makes sense: From, Date, Message-Id */
};

enum header_id {
	HDR_OTHER,
	HDR_APPARENTLY_TO,
	HDR_BCC,
	HDR_CC,
	HDR_CONTENT_DESCRIPTION,
	HDR_CONTENT_DISPOSITION,
	HDR_CONTENT_ID,
	HDR_CONTENT_LENGTH,
	HDR_CONTENT_TRANSFER_ENCODING,
	HDR_CONTENT_TYPE,
	HDR_DATE,
	HDR_DELIVERED_TO,
	HDR_DISP_NOTIFICATION_TO,
	HDR_ERRORS_TO,
	HDR_FROM,
	HDR_MAIL_FOLLOWUP_TO,
	HDR_MESSAGE_ID,
	HDR_MIME_VERSION,
	HDR_RECEIVED,
	HDR_REPLY_TO,
	HDR_RESENT_BCC,
	HDR_RESENT_CC,
	HDR_RESENT_DATE,
	HDR_RESENT_FROM,
	HDR_RESENT_MESSAGE_ID,
	HDR_RESENT_REPLY_TO,
	HDR_RESENT_SENDER,
	HDR_RESENT_TO,
	HDR_RETURN_PATH,
	HDR_RETURN_RECEIPT_TO,
	HDR_SENDER_,
	HDR_SUBJECT,
	HDR_TLS_REQUIRED,
	HDR_REQUIRE_TLS_ESMTP,
	HDR_TO,
	HDR_COUNT, /* number of ids */
};

struct header_def {
	const char *name; /* canonical spelling: "Message-Id" */
	enum header_id id;
	unsigned flags; /* enum header_flags */
};

/** The definition of a header name (any case), or NULL for names that mean nothing to us. */
const struct header_def *header_find(struct str name);
/** The definition of an id other than HDR_OTHER. */
const struct header_def *header_by_id(enum header_id id);
/**
 * Is this line the start of a header?
 *
 * A name is printable ASCII without blanks and colon; blanks before the colon are accepted
 * ("Name : text"), as is text that begins right after it.
 * @param ret_body   what follows the colon, leading blanks kept (may be NULL)
 * @return length of the name, 0 when the line is no header
 * Source: RFC 5322 2.2, 4.5 (obsolete blanks).
 */
size_t header_name(struct str line, struct str *ret_body);

/**
 * Append "<YYYYMMDDhhmmss.ID@host>" (UTC), or "<ID@host>" for long ids.
 *
 * @param queue_id     ID
 * @param long_id      queue_id is a long one
 * @param created      the time that the queue id tells
 * @param myhostname   host
 */
void header_message_id(struct buf *b, struct str queue_id, bool long_id, time_t created,
	struct str myhostname);
/**
 * Append the Received field of mail that does not come by a network, two lines separated by '\n':
 * "Received: by HOST (NAME, from userid UID)" and "<TAB>id ID; DATE".
 *
 * @param myhostname   HOST
 * @param mail_name    NAME
 * @param queue_id     ID
 * @param when         DATE, seconds since 1970
 * @param uid          the submitter; negative: notices and forwarded mail, without ", from userid"
 */
void header_received(struct buf *b, const char *myhostname, const char *mail_name, int64_t uid,
	struct str queue_id, time_t when);
