/* SPDX-License-Identifier: Apache-2.0 */
/*
 * intake/intake_priv.h — what the files of this folder share: opened tables, one message, its steps.
 *
 * A message goes through three segments (envelope, content, extracted). Errors set bits in `status`
 * and are remembered; once intake_is_stopped() nothing more is done with further records.
 */
#pragma once

#include "base/spares.h"
#include "base/strv.h"
#include "intake/intake.h"
#include "intake/writer.h"
#include "mime/mime.h"

/** Which addresses a kind of mapping applies to (canonical_classes and the like). */
enum addr_class {
	CLASS_ENV_FROM = 1 << 0,
	CLASS_ENV_RCPT = 1 << 1,
	CLASS_HDR_FROM = 1 << 2,
	CLASS_HDR_RCPT = 1 << 3,
};

/** propagate_unmatched_extensions, as far as it concerns us. */
enum propagate {
	PROPAGATE_CANONICAL = 1 << 0,
	PROPAGATE_VIRTUAL = 1 << 1,
};

/** A set of bytes; of a small one the members are listed too. */
struct byteset {
	bool has[256];
	unsigned n;
	char few[4];
};

struct ipc_bell;

struct intake_conf {
	const struct intake_settings *s;
	struct tables canonical, sender_canonical, recipient_canonical;
	unsigned canonical_classes, sender_canonical_classes, recipient_canonical_classes;
	unsigned masquerade_classes; /* enum addr_class */
	unsigned propagate;          /* enum propagate */
	struct strv masquerade_domains, masquerade_exceptions, drop_headers;
	struct tables virtual_alias, sender_bcc, recipient_bcc;
	struct tables header_checks, mime_checks, nested_checks, body_checks;
	struct byteset reject_bytes, strip_bytes, stray_bytes;
	struct mime_settings mime;
	struct ipc_bell *qmgr; /* NULL: not to be told */
	struct spares *spares; /* struct intake without a message */
};

enum intake_state {
	STATE_ENVELOPE,
	STATE_CONTENT,
	STATE_EXTRACT,
	STATE_END,
};

/** Attributes that are needed again: for logging and for later segments. */
struct intake_attrs {
	struct str log_origin, log_proto, log_helo;
	struct str rewrite_context;
	struct str encoding;
};

/** Recipients that were written, in the arena of the message. */
struct dups {
	struct dup *v; /* slots, a power of two; a slot without text is free */
	size_t slots;
	size_t n;
	size_t bytes; /* at most DUPS_MAX_BYTES, about */
};

struct intake {
	const struct intake_conf *c;
	const struct intake_settings *s;
	unsigned flags;  /* enum intake_flags */
	unsigned status; /* enum intake_status */
	enum intake_state state;
	bool seen_end;         /* E came, perhaps after an error */
	struct arena *arena;   /* lives as long as the message */
	struct arena *scratch; /* cleared between records */
	struct writer *w;
	struct mime *mime;
	struct str reason; /* for the reply; the first one wins */
	bool checks_off;   /* REJECT, DISCARD or PASS ended the checks */

	/* envelope */
	bool has_time, has_sender, has_rcpt, has_warn, has_verp, in_rcpts;
	struct timeval arrival;
	struct str sender; /* internal form, after mapping */
	struct str fullname;
	struct buf last_rcpt; /* internal form, for logging */
	struct intake_attrs attr;
	int64_t n_attrs;
	int64_t n_rcpts;
	int64_t qmgr_opts;
	int64_t sendopts;
	int dsn_notify;       /* of the recipient that comes next */
	struct buf dsn_orcpt; /* likewise */
	struct buf orig_rcpt; /* likewise */
	bool has_orig_rcpt;
	struct dups dups;
	struct strv bcc; /* asked for by checks */

	/* content */
	uint64_t seen; /* bit per enum header_id */
	int64_t hops;
	bool resent, id_logged;
	struct str mime_reason; /* of the first MIME error that was reported */
	struct str filter, redirect;
	struct str message_id; /* with <> */
	int64_t data_offset, xtra_offset;
};

/* ---- intake.c ---- */

/** Free one of the spares. */
void intake_discard(void *object);
/** Nothing more is to be done with this message but reading to its end. */
bool intake_is_stopped(const struct intake *it);
/** Remember a failure; the first reason stays. `reason` is copied. */
void intake_fail(struct intake *it, unsigned status, struct str reason);
/** Send a log line "ID: text". */
void intake_log(struct intake *it, const char *fmt, ...) _printf_(2, 3);
/** Send a warning "ID: text". */
void intake_warn(struct intake *it, const char *fmt, ...) _printf_(2, 3);
/** A protocol error: warning "ID: message rejected: text" and status BAD. */
void intake_bad(struct intake *it, const char *fmt, ...) _printf_(2, 3);
/** A table failed: warnings, status WRITE. */
void intake_lookup_failed(struct intake *it, const char *title, struct str internal,
	const struct why *why);
/** Write one record; failures become status bits. */
void intake_put(struct intake *it, int type, struct str data);
/** Write an attribute. */
void intake_put_attr(struct intake *it, const char *name, struct str value);
/** Append an address for people to read, in the form that info_log_address_format asks for. */
void intake_show_address(const struct intake *it, struct buf *b, struct str internal);

/* ---- envelope.c ---- */

/** One record of the envelope. */
void envelope_record(struct intake *it, int type, struct str data);
/** One attribute record, of envelope or extracted segment. */
void envelope_attr(struct intake *it, struct str data);
/** One recipient-type record (R, D, /, O) or attribute of one. */
void envelope_rcpt(struct intake *it, int type, struct str data);

/* ---- content.c ---- */

/** M was seen: get ready for text. */
void content_begin(struct intake *it);
/** One text record (N or L). */
void content_record(struct intake *it, int type, struct str data);
/** X was seen. */
void content_end(struct intake *it);
/** Write text lines as N and L records of at most line_length_limit. */
void content_put_line(struct intake *it, struct str line, bool partial);
/** Write a header, lines separated by '\n'. */
void content_put_header(struct intake *it, struct str text);

/* ---- head.c ---- */

/** A logical header of the message itself (class primary), after the checks. */
void head_primary(struct intake *it, const struct header_def *def, struct str text);
/** The primary header is complete: add what is missing. */
void head_missing(struct intake *it);

/* ---- fullname.c ---- */

/** Append a full name as it stands in a From header: words, a quoted string, or RFC 2047 words. */
void fullname_format(struct buf *b, struct str name, const char *charset);
/** Append a full name for the inside of a comment (header_from_format = obsolete). */
void fullname_comment(struct buf *b, struct str name, const char *charset);

/* ---- extract.c ---- */

/** One record of the extracted segment. */
void extract_record(struct intake *it, int type, struct str data);

/* ---- recipient.c ---- */

/** An envelope recipient: rewrite, map, expand, write, with its BCCs. */
void recipient_add(struct intake *it, struct str orig, struct str rcpt, struct str dsn_orcpt,
	int dsn_notify);
/** An automatic or requested BCC recipient in external or internal form. */
void recipient_bcc(struct intake *it, struct str address);
/** sender_bcc_maps and always_bcc and what checks asked for. */
void recipient_sender_bcc(struct intake *it);
void recipient_extra_bcc(struct intake *it);

/* ---- dups.c ---- */

/** Memory for recipients that are remembered, far below what an arena takes. */
#define DUPS_MAX_BYTES ((size_t)64 * 1024 * 1024)

/**
 * Remember a recipient.
 *
 * @param key     compared byte by byte
 * @param limit   most recipients that are remembered; 0: as many as there is memory for
 * @return true when it was not there; beyond the limits it is not remembered
 */
bool dups_add(struct dups *d, struct arena *a, struct str key, int64_t limit);

/* ---- mapping.c ---- */

/** Canonical mapping and masquerading of one internal address: true when it changed (*addr). */
bool mapping_apply(struct intake *it, enum addr_class cls, struct str *addr, struct arena *a);
/** Rewrite to standard form in the context of the envelope. */
struct str mapping_rewrite(struct intake *it, struct str internal, struct arena *a);
/** Parse a list of address classes: 0 or -EINVAL. */
_must_use_ int mapping_classes(const char *title, const char *text, unsigned *ret, struct why *why);

/* ---- masquerade.c ---- */

/** Strip the host part below a masqueraded domain: true when it changed. */
bool masquerade(const struct strv *domains, const struct strv *exceptions, struct str *addr,
	struct arena *a);

/* ---- alias.c ---- */

/** Expand virtual aliases: the list (at least the address itself); false: failed, status is set. */
bool alias_expand(struct intake *it, struct str rcpt, struct arena *a, struct address_list *ret);

/* ---- checks.c ---- */

enum check_result {
	CHECK_KEEP,
	CHECK_DROP,
};
/**
 * Ask the tables about a header or line and do what they say.
 *
 * @param kind       "header" or "body"
 * @param text       what is looked up
 * @param ret_text   the text to go on with: itself or a replacement in the arena
 * @param prepend    called with text to be put before it
 */
enum check_result checks_apply(struct intake *it, const char *kind, const struct tables *tables,
	struct str text, struct str *ret_text, void (*prepend)(struct intake *it, struct str text));
/** Log an action: "ID: word: kind content from origin; from=<> to=<> ...[: text]". */
void checks_log(struct intake *it, const char *word, const char *kind, struct str content,
	struct str text);

/** Log what is not proper MIME: "ID: reject: mime-error words: content from origin; ...". */
void checks_log_mime(struct intake *it, const char *words, struct str content);

/* ---- text.c ---- */

/** Parse a set of bytes with C escapes ("\0\r"). */
void byteset_parse(struct byteset *b, struct str text);
/** True when some byte of s is in the set. */
bool byteset_hits(const struct byteset *b, struct str s);
