/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue/record.h — the records that queue files and submission streams are made of.
 *
 * type (1 byte), length (1..4 bytes, base 128, least significant group first), data. Byte for byte
 * Postfix's. Encoding appends to a buffer; decoding works on bytes in memory (sans I/O), so the same
 * code reads files, streams, fuzz input and later the journal.
 */
#pragma once

#include "base/buf.h"

enum rec_type {
	REC_SIZE = 'C',
	REC_TIME = 'T',
	REC_CTIME = 'c',
	REC_FULL = 'F',
	REC_INSP = 'I',
	REC_FILT = 'L', /* envelope: content filter; content: unterminated text */
	REC_CONT = 'L',
	REC_FROM = 'S',
	REC_DONE = 'D',
	REC_RCPT = 'R',
	REC_ORCP = 'O',
	REC_DRCP = '/',
	REC_WARN = 'W',
	REC_ATTR = 'A',
	REC_KILL = 'K',
	REC_RDR = '>',
	REC_FLGS = 'f',
	REC_DELAY = 'd',
	REC_MILT = 'm',
	REC_MESG = 'M',
	REC_NORM = 'N',
	REC_DTXT = 'w',
	REC_XTRA = 'X',
	REC_RRTO = 'r',
	REC_ERTO = 'e',
	REC_PRIO = 'P',
	REC_PTR = 'p',
	REC_VERP = 'V',
	REC_DSN_RET = '<',
	REC_DSN_ENVID = 'i',
	REC_DSN_ORCPT = 'o',
	REC_DSN_NOTIFY = 'n',
	REC_END = 'E',
};

/** Most bytes of data in a record: 28 bits. */
#define REC_MAX 268435455U

/** Types accepted in each segment, first character ends it. */
#define REC_ENVELOPE         "MCTcFILSDRO/WVA>K<ion"
#define REC_CONTENT          "XLNw"
#define REC_EXTRACT          "EDRO/PreAFIL>Kon"
#define REC_POSTDROP_ENV     "MCFSRVAin"
#define REC_POSTDROP_CONTENT "XLN"
#define REC_POSTDROP_EXTRACT "EAR"

/** Append one record: 0; -EMSGSIZE at the limit of b or over REC_MAX. */
_must_use_ int rec_put(struct buf *b, int type, struct str data);
/** Append an 'A' record name=value. */
_must_use_ int rec_put_attr(struct buf *b, const char *name, struct str value);
/** Append a record of formatted text. */
_must_use_ int rec_putf(struct buf *b, int type, const char *fmt, ...) _printf_(3, 4);
/**
 * Append a text line as L records of at most `max` bytes and one N record.
 *
 * @param max   line_length_limit
 */
_must_use_ int rec_put_line(struct buf *b, struct str line, size_t max);

/**
 * Decode the first record of `in`.
 *
 * @param max        longest data accepted, 0: REC_MAX
 * @param ret_type   type byte, never 0
 * @param ret_data   borrowed from in
 * @return bytes used; 0 when in holds no whole record; -EBADMSG type 0 or length over 4 bytes;
 *         -EMSGSIZE longer than max
 */
_must_use_ ssize_t rec_get(struct str in, size_t max, int *ret_type, struct str *ret_data);
/** Name that postcat prints for a type ("message_size", ...), or NULL. L: see REC_FILT. */
const char *rec_type_name(int type);
/** Value of a pointer record: leading blanks, digits; 0 or -EBADMSG. */
_must_use_ int rec_parse_ptr(struct str data, int64_t *ret);
/** Split an 'A' record: 0 or -EINVAL (no '=', empty name). Blanks around '=' are dropped. */
_must_use_ int rec_attr_split(struct str data, struct str *ret_name, struct str *ret_value);

/** The size record. */
struct rec_size {
	int64_t size;        /* content bytes, record overhead included */
	int64_t data_offset; /* of the first record after M */
	int64_t rcpt_count;
	int64_t qmgr_opts; /* bits REC_OPT_... */
	int64_t cont_length;
	int64_t sendopts; /* bits SENDOPT_... */
};
#define REC_OPT_MIXED              0x01
#define REC_OPT_NOTIFY_SHIFT       1
#define SENDOPT_SMTPUTF8_REQUESTED 0x01
#define SENDOPT_SMTPUTF8_HEADER    0x02
#define SENDOPT_SMTPUTF8_SENDER    0x04
#define SENDOPT_SMTPUTF8_RECIPIENT 0x08
#define SENDOPT_TLS_OPTIONAL       0x10
#define SENDOPT_REQUIRETLS         0x20
#define SENDOPT_SMTPUTF8           0x0f
#define SENDOPT_DERIVED            0x1e
#define SENDOPT_ALL                0x3f

#define DSN_NOTIFY_NEVER   1
#define DSN_NOTIFY_SUCCESS 2
#define DSN_NOTIFY_FAILURE 4
#define DSN_NOTIFY_DELAY   8
#define DSN_RET_FULL       1
#define DSN_RET_HDRS       2

/** Append the fixed-width size record (97 bytes). */
void rec_put_size(struct buf *b, const struct rec_size *s);
/**
 * Parse size record data.
 *
 * Bits of sendopts that are not known are dropped, as documented.
 * @return 0; 1 only the size is there (a file from before 1.0: offsets must be found by reading);
 *         -EBADMSG the file is corrupt
 */
_must_use_ int rec_parse_size(struct str data, struct rec_size *ret);
