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
	struct str line;              /* without line end */
	struct smtp_token *v;
	size_t n;
};

/** Split a command line: 0; -EINVAL empty line; -E2BIG over SMTP_MAX_TOKENS. */
_must_use_ int smtp_command_parse(struct str line, struct arena *a, struct smtp_command *ret);

enum smtp_path_flags {
	SMTP_PATH_STRICT = 1 << 0,    /* strict_rfc821_envelopes */
	SMTP_PATH_ALLOW_EMPTY = 1 << 1, /* <> */
	SMTP_PATH_SMTPUTF8 = 1 << 2,
};
/**
 * Parse the argument of MAIL FROM or RCPT TO.
 *
 * @param ret   internal form, in the arena
 * @return 0; -EBADMSG not an address or more than one; -EMSGSIZE; -EILSEQ
 */
_must_use_ int smtp_path_parse(struct str arg, unsigned flags, struct arena *a, struct str *ret);

/** NOTIFY= value: mask of DSN_NOTIFY_ bits, or -EINVAL. */
_must_use_ int smtp_notify_parse(struct str value);
/** ORCPT= value "type;xtext": "type;decoded" in the arena: 0 or -EINVAL. */
_must_use_ int smtp_orcpt_parse(struct str value, bool smtputf8, struct arena *a, struct str *ret);
/** SIZE= value: 0, -EINVAL, -ERANGE. */
_must_use_ int smtp_size_parse(struct str value, int64_t *ret);
