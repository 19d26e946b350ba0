/* SPDX-License-Identifier: Apache-2.0 */
/*
 * intake/intake.h — what cleanup(8) does to a message, as a library.
 *
 * One message is one struct intake, fed with the records of a submission stream (envelope, M,
 * content, X, extracted, E) in the protocol's own order; the result is a queue file in incoming/ (or
 * hold/) that is on stable storage when intake_finish() returns status 0. Used in process by smtpd
 * and behind a socket by cleanup.
 *
 * Thread-safe as a whole: one `struct intake_conf` (immutable, tables open) serves all threads, a
 * struct intake belongs to one, from intake_open() to intake_free(). Its memory then waits in the conf
 * for the next message, at most some 30 KB of each and of no more than 100 messages.
 */
#pragma once

#include "address/rewrite.h"
#include "base/arena.h"
#include "queue/journal.h"
#include "queue/record.h"

/** Flags of the cleanup protocol. */
enum intake_flags {
	INTAKE_BOUNCE = 1,
	INTAKE_FILTER = 2,
	INTAKE_HOLD = 4,
	INTAKE_DISCARD = 8,
	INTAKE_BCC_OK = 16,
	INTAKE_MAP_OK = 32,
	INTAKE_MILTER = 64,
	INTAKE_SMTP_REPLY = 128,
	INTAKE_SMTPUTF8 = 256,
	INTAKE_AUTOUTF8 = 512,
	INTAKE_REQUIRETLS = 1024,
};
#define INTAKE_EXTERNAL 114
#define INTAKE_INTERNAL 32

/** Status bits (also postdrop's and the cleanup reply's). */
enum intake_status {
	INTAKE_STAT_OK = 0,
	INTAKE_STAT_BAD = 1,
	INTAKE_STAT_WRITE = 2,
	INTAKE_STAT_SIZE = 4,
	INTAKE_STAT_CONT = 8,
	INTAKE_STAT_HOPS = 16,
	INTAKE_STAT_RCPT = 64,
	INTAKE_STAT_PROXY = 128,
	INTAKE_STAT_DEFER = 256,
	INTAKE_STAT_NOPERM = 512,
	INTAKE_STAT_BARE_LF = 65536,
};

/** Text, SMTP code and DSN of the most important bit that is set ("message file too big"). */
struct intake_status_text {
	unsigned status;
	int smtp;
	const char *dsn;
	const char *text;
};
/** The row of the most important bit in a status; NULL for 0 and unknown bits. */
const struct intake_status_text *intake_status_text(unsigned status);

/** What a message in trouble needs to be returned to its sender. */
struct intake_bounce {
	const char *id; /* an unfinished queue file in incoming/, written out */
	struct timeval arrival;
	struct str sender; /* internal form */
	struct str encoding;
	int64_t sendopts;
	struct str dsn;    /* "5.7.1" */
	struct str reason; /* "no way" */
};
/** Log every recipient of the file as bounced and have the message returned: 0 or negative errno. */
typedef int (*intake_bounce_fn)(void *ctx, const struct intake_bounce *b);

/** Settings, named after the parameters; strings live as long as the conf. */
struct intake_settings {
	const char *myhostname, *myorigin, *mail_name;
	const char *always_bcc, *sender_bcc_maps, *recipient_bcc_maps;
	const char *canonical_maps, *sender_canonical_maps, *recipient_canonical_maps;
	const char *canonical_classes, *sender_canonical_classes, *recipient_canonical_classes;
	const char *masquerade_domains, *masquerade_exceptions, *masquerade_classes;
	const char *virtual_alias_maps;
	int64_t virtual_alias_recursion_limit, virtual_alias_expansion_limit,
		virtual_alias_address_length_limit;
	const char *propagate_unmatched_extensions;
	const char *header_checks, *mime_header_checks, *nested_header_checks, *body_checks;
	int64_t body_checks_size_limit;
	const char *message_drop_headers;
	const char *empty_address_recipient, *undisclosed_recipients_header;
	const char *remote_header_rewrite_domain, *header_from_format;
	const char *message_reject_characters, *message_strip_characters;
	const char *full_name_encoding_charset;
	int64_t header_size_limit, header_address_token_limit, hopcount_limit;
	int64_t mime_boundary_length_limit, mime_nesting_limit, queue_file_attribute_count_limit;
	int64_t message_size_limit, line_length_limit, duplicate_filter_limit;
	usec_t delay_warning_time;
	bool always_add_missing_headers, enable_original_recipient, strict_7bit_headers;
	bool strict_8bitmime, strict_8bitmime_body, strict_mime_encoding_domain;
	bool disable_mime_input_processing, detect_8bit_encoding_header,
		force_mime_input_conversion;
	bool cleanup_replace_stray_cr_lf, smtputf8_enable;
	bool tls_required_enable, requiretls_enable, requiretls_esmtp_header;
	const char *non_empty_end_of_header_action;
	const char *verp_delimiter_filter;
	bool info_address_internal; /* info_log_address_format = internal */
	const char *qmgr_path;      /* public/qmgr, triggered after a message; NULL: not */
	intake_bounce_fn bounce;    /* for INTAKE_BOUNCE; NULL: the status is returned as it is */
	void *bounce_ctx;
	const struct queue_settings *queue;
	struct journal_writer *journal; /* where young messages go; NULL: files */
	const struct router *router;
	const struct table_settings *tables;
	const struct notes *log; /* receives complete log lines "ID: message-id=..." */
};

struct intake_conf;
/** Open tables; the settings must live as long. */
_must_use_ int intake_conf_new(const struct intake_settings *s, struct intake_conf **ret,
	struct why *why);
/** Close and free; all messages have been freed. NULL is accepted. */
void intake_conf_free(struct intake_conf *c);
/** A table that changed, or NULL. */
const char *intake_conf_changed(const struct intake_conf *c);

struct intake;
/**
 * Begin a message: creates the queue file, unless the message may go to the journal.
 *
 * @param flags   enum intake_flags
 * @return 0; negative errno (no space, no permission) with why
 */
_must_use_ int intake_open(const struct intake_conf *c, unsigned flags, struct intake **ret,
	struct why *why);
/** The flags of the protocol, when they come after the id was told; before the first record. */
void intake_set_flags(struct intake *it, unsigned flags);
/** The queue id, valid until intake_free(). */
const char *intake_id(const struct intake *it);
/** Flags that may still be set before the content: HOLD, DISCARD. */
void intake_add_flags(struct intake *it, unsigned flags);
/**
 * Feed one record. Errors are remembered; further records are accepted and dropped, as the protocol
 * wants (the client sends everything).
 *
 * @return status bits so far
 */
unsigned intake_record(struct intake *it, int type, struct str data);
/**
 * After E: complete the message, or remove it.
 *
 * With INTAKE_STAT_OK the message is on stable storage, and qmgr was told.
 * @param ret_reason   text for the reply, in the intake's memory
 * @return status bits
 */
unsigned intake_finish(struct intake *it, struct str *ret_reason);
/** Remove what is not finished, give the object back. NULL is accepted. */
void intake_free(struct intake *it);
