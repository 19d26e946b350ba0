/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtp/client_command.h — the commands that a client sends, in the documented order of parameters.
 *
 * All functions append one command without CR LF and refuse (-EINVAL, nothing appended) what would
 * break out of its line: control characters in addresses. Pure.
 */
#pragma once

#include "base/buf.h"

struct smtp_mail_command {
	struct str sender; /* external form, "" null sender */
	int64_t size;      /* SIZE=; -1: not sent */
	const char *body;  /* "8BITMIME", "7BIT", or NULL: not sent */
	struct str envid;  /* decoded; ENVID= when not empty and dsn */
	int ret;           /* DSN_RET_ value, 0 none */
	bool dsn;          /* the server has DSN */
	bool smtputf8, requiretls, auth_null;
};

/** Append "MAIL FROM:<...> ...": 0, -EINVAL, -EMSGSIZE. */
_must_use_ int smtp_format_mail(struct buf *b, const struct smtp_mail_command *m);

struct smtp_rcpt_command {
	struct str recipient; /* external form */
	struct str orcpt;     /* "type;address", decoded; "" none */
	struct str original;  /* external form of the address before rewriting, "" unknown */
	int notify;           /* DSN_NOTIFY_ bits */
	bool dsn, smtputf8;   /* the server has it */
};

/**
 * Append "RCPT TO:<...> ...".
 *
 * ORCPT is made from `original` when the client gave none.
 * @return 0, -EINVAL, -EMSGSIZE
 */
_must_use_ int smtp_format_rcpt(struct buf *b, const struct smtp_rcpt_command *r);

/** XFORWARD attributes that a server announced. */
enum smtp_xforward {
	SMTP_XF_NAME = 1 << 0,
	SMTP_XF_ADDR = 1 << 1,
	SMTP_XF_PORT = 1 << 2,
	SMTP_XF_PROTO = 1 << 3,
	SMTP_XF_HELO = 1 << 4,
	SMTP_XF_IDENT = 1 << 5,
	SMTP_XF_SOURCE = 1 << 6,
};
#define SMTP_XF_FIRST  (SMTP_XF_NAME | SMTP_XF_ADDR | SMTP_XF_PORT)
#define SMTP_XF_SECOND (SMTP_XF_PROTO | SMTP_XF_HELO | SMTP_XF_IDENT | SMTP_XF_SOURCE)

struct smtp_xforward_values {
	struct str name, addr, port, proto, helo, ident;
	bool local; /* SOURCE=LOCAL, otherwise REMOTE */
};

/**
 * Append "XFORWARD NAME=... ADDR=... PORT=..." with the attributes in `which`.
 *
 * Values that are empty or "unknown" are left out; nothing is appended when none is left.
 * @param v       the values
 * @param which   enum smtp_xforward, SMTP_XF_FIRST or SMTP_XF_SECOND masked by what was announced
 * @return 0 or -EMSGSIZE
 */
_must_use_ int smtp_format_xforward(struct buf *b, unsigned which,
	const struct smtp_xforward_values *v);
