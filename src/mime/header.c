/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mime/header.c — the table of known header names, recognising a header line, own fields.
 */
#include "mime/header.h"

/* In the order of enum header_id, which is alphabetical. */
static const struct header_def the_defs[] = {
	{ NULL, HDR_OTHER, 0 },
	{ "Apparently-To", HDR_APPARENTLY_TO, HDR_RECIP },
	{ "Bcc", HDR_BCC, HDR_RECIP | HDR_DROP | HDR_EXTRACT },
	{ "Cc", HDR_CC, HDR_RECIP | HDR_EXTRACT },
	{ "Content-Description", HDR_CONTENT_DESCRIPTION, HDR_MIME },
	{ "Content-Disposition", HDR_CONTENT_DISPOSITION, HDR_MIME },
	{ "Content-ID", HDR_CONTENT_ID, HDR_MIME },
	{ "Content-Length", HDR_CONTENT_LENGTH, HDR_DROP },
	{ "Content-Transfer-Encoding", HDR_CONTENT_TRANSFER_ENCODING, HDR_MIME },
	{ "Content-Type", HDR_CONTENT_TYPE, HDR_MIME },
	{ "Date", HDR_DATE, HDR_UNIQUE },
	{ "Delivered-To", HDR_DELIVERED_TO, 0 },
	{ "Disposition-Notification-To", HDR_DISP_NOTIFICATION_TO, HDR_SENDER },
	{ "Errors-To", HDR_ERRORS_TO, HDR_SENDER },
	{ "From", HDR_FROM, HDR_SENDER | HDR_UNIQUE },
	{ "Mail-Followup-To", HDR_MAIL_FOLLOWUP_TO, HDR_SENDER },
	{ "Message-Id", HDR_MESSAGE_ID, HDR_UNIQUE },
	{ "MIME-Version", HDR_MIME_VERSION, HDR_MIME },
	{ "Received", HDR_RECEIVED, 0 },
	{ "Reply-To", HDR_REPLY_TO, HDR_SENDER },
	{ "Resent-Bcc", HDR_RESENT_BCC, HDR_RECIP | HDR_RESENT | HDR_DROP | HDR_EXTRACT },
	{ "Resent-Cc", HDR_RESENT_CC, HDR_RECIP | HDR_RESENT | HDR_EXTRACT },
	{ "Resent-Date", HDR_RESENT_DATE, HDR_RESENT | HDR_UNIQUE },
	{ "Resent-From", HDR_RESENT_FROM, HDR_SENDER | HDR_RESENT | HDR_UNIQUE },
	{ "Resent-Message-Id", HDR_RESENT_MESSAGE_ID, HDR_RESENT | HDR_UNIQUE },
	{ "Resent-Reply-To", HDR_RESENT_REPLY_TO, HDR_RECIP | HDR_RESENT },
	{ "Resent-Sender", HDR_RESENT_SENDER, HDR_SENDER | HDR_RESENT },
	{ "Resent-To", HDR_RESENT_TO, HDR_RECIP | HDR_RESENT | HDR_EXTRACT },
	{ "Return-Path", HDR_RETURN_PATH, HDR_SENDER | HDR_DROP },
	{ "Return-Receipt-To", HDR_RETURN_RECEIPT_TO, HDR_SENDER },
	{ "Sender", HDR_SENDER_, HDR_SENDER },
	{ "Subject", HDR_SUBJECT, 0 },
	{ "TLS-Required", HDR_TLS_REQUIRED, 0 },
	{ "Require-TLS-ESMTP", HDR_REQUIRE_TLS_ESMTP, 0 },
	{ "To", HDR_TO, HDR_RECIP | HDR_EXTRACT },
};

const struct header_def *header_by_id(enum header_id id)
{
	check(id > HDR_OTHER && id < HDR_COUNT);
	check(the_defs[id].id == id);
	return &the_defs[id];
}

const struct header_def *header_find(struct str name)
{
	for (size_t i = 1; i < ARRAY_LEN(the_defs); i++) {
		const char *known = the_defs[i].name;

		if (ascii_lower((unsigned char)known[0]) ==
				ascii_lower((unsigned char)(name.len == 0 ? 0 : name.ptr[0])) &&
			str_ieq(name, str_of(known)))
			return &the_defs[i];
	}
	return NULL;
}

size_t header_name(struct str line, struct str *ret_body)
{
	size_t n = 0;
	size_t colon;

	while (n < line.len && is_print((unsigned char)line.ptr[n]) && line.ptr[n] != ' ' &&
		line.ptr[n] != ':')
		n++;
	if (n == 0)
		return 0;
	colon = n;
	while (colon < line.len && (line.ptr[colon] == ' ' || line.ptr[colon] == '\t'))
		colon++;
	if (colon == line.len || line.ptr[colon] != ':')
		return 0;
	if (ret_body != NULL)
		*ret_body = str_skip(line, colon + 1);
	return n;
}

void header_message_id(struct buf *b, struct str queue_id, bool long_id, time_t created,
	struct str myhostname)
{
	struct tm tm;

	buf_putc(b, '<');
	if (!long_id) {
		check(gmtime_r(&created, &tm) != NULL);
		buf_putf(b, "%04d%02d%02d%02d%02d%02d.", tm.tm_year + 1900, tm.tm_mon + 1,
			tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
	}
	buf_put(b, queue_id);
	buf_putc(b, '@');
	buf_put(b, myhostname);
	buf_putc(b, '>');
}

void header_received(struct buf *b, const char *myhostname, const char *mail_name, int64_t uid,
	struct str queue_id, time_t when)
{
	buf_putf(b, "Received: by %s (%s", myhostname, mail_name);
	if (uid >= 0)
		buf_putf(b, ", from userid %lld", (long long)uid);
	buf_puts(b, ")\n\tid ");
	buf_put(b, queue_id);
	buf_puts(b, "; ");
	clock_rfc5322(b, when);
}
