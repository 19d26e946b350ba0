/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtp/command.h — SMTP command lines, paths and parameters, from bytes to values. Pure.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"

/** Words of a command line as the documented tokenizer sees them. */
struct smtp_token {
	struct str text;
	bool bad; /* '<' or '"' without end */
};

/** At most this many words of a line are kept. */
#define SMTP_MAX_TOKENS 128

struct smtp_command {
	struct str line; /* without line end */
	struct smtp_token *v;
	size_t n;
};

/**
 * Split a command line into words.
 *
 * White space ends a word; <...> and "..." belong to one word, delimiters included; a backslash
 * takes the next byte along; a word that reads "from:" or "to:" (any case) ends at its colon.
 * A CR or NUL that is not part of the line end makes the whole line malformed (threats S13).
 *
 * @param line   without LF; trailing CRs are ignored. Words borrow from it.
 * @return 0; -EINVAL empty line; -EILSEQ CR or NUL inside; -E2BIG over SMTP_MAX_TOKENS
 */
_must_use_ int smtp_command_parse(struct str line, struct arena *a, struct smtp_command *ret);

/** "Name: text" with a printable name: a message header where a command should be. */
_must_use_ bool smtp_looks_like_header(struct str line);

enum smtp_path_flags {
	SMTP_PATH_STRICT = 1 << 0,      /* strict_rfc821_envelopes: <address> and nothing else */
	SMTP_PATH_ALLOW_EMPTY = 1 << 1, /* <> */
	SMTP_PATH_SMTPUTF8 = 1 << 2,    /* non-ASCII must be well-formed UTF-8 */
};
/**
 * Parse the argument of MAIL FROM or RCPT TO.
 *
 * Lenient unless strict: comments and a display name are skipped, source routes are dropped, the
 * angle brackets may be missing. The domain is not judged here (resolve does).
 *
 * @param arg   one word of the command line
 * @param ret   internal form (unquoted), in the arena
 * @return 0; -EBADMSG not an address, more than one, or empty when that is not allowed; -EMSGSIZE
 *         over SMTP_PATH_MAX; -EILSEQ control character, or not UTF-8
 * Source: RFC 5321 4.1.2, RFC 822 address grammar, RFC 6531 3.3.
 */
_must_use_ int smtp_path_parse(struct str arg, unsigned flags, struct arena *a, struct str *ret);

/** Longest path that is looked at, in bytes. */
#define SMTP_PATH_MAX 4096

/** NOTIFY= value: mask of DSN_NOTIFY_ bits (1 never, 2 success, 4 failure, 8 delay), or -EINVAL. */
_must_use_ int smtp_notify_parse(struct str value);
/** RET= value: 1 FULL, 2 HDRS, or -EINVAL. */
_must_use_ int smtp_ret_parse(struct str value);
/**
 * ORCPT= value "type;xtext": "type;decoded" in the arena: 0 or -EINVAL.
 *
 * Decoded control characters, NUL among them, are refused (threats S16).
 * @param smtputf8   "utf-8" addresses may come as utf-8-addr-xtext or -unitext
 */
_must_use_ int smtp_orcpt_parse(struct str value, bool smtputf8, struct arena *a, struct str *ret);
/** ENVID= value (xtext): decoded printable ASCII in the arena: 0 or -EINVAL. */
_must_use_ int smtp_envid_parse(struct str value, struct arena *a, struct str *ret);
/** SIZE= value: 0, -EINVAL not all digits, -ERANGE. */
_must_use_ int smtp_size_parse(struct str value, int64_t *ret);
