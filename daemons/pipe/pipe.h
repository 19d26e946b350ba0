/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pipe.h — the command of a service, as master.cf describes it, and what becomes of it for a message.
 *
 * attr.c reads the words of master.cf, expand.c makes the arguments, main.c delivers.
 */
#pragma once

#include "delivery/command_env.h"
#include "delivery/request.h"

enum pipe_flags {
	PIPE_BLANK = 1 << 0,     /* B */
	PIPE_DELIVERED = 1 << 1, /* D */
	PIPE_FROM = 1 << 2,      /* F */
	PIPE_ORIG_RCPT = 1 << 3, /* O */
	PIPE_RETURN = 1 << 4,    /* R */
	PIPE_FINAL = 1 << 5,     /* X */
	PIPE_FOLD_HOST = 1 << 6, /* h */
	PIPE_QUOTE = 1 << 7,     /* q */
	PIPE_FOLD_USER = 1 << 8, /* u */
	PIPE_DOT = 1 << 9,       /* . */
	PIPE_GREATER = 1 << 10,  /* > */
};

/** The words after the options; immutable after start. */
struct pipe_attr {
	unsigned flags; /* enum pipe_flags */
	struct command_identity id;
	const char *chroot, *directory; /* NULL: not given */
	struct buf eol;                 /* decoded */
	struct str null_sender;
	int64_t size; /* 0: no limit */
	char **argv;  /* with macros; NULL-terminated, at least one */
};

/**
 * Read the words.
 *
 * @param words   NULL-terminated; strings are borrowed
 * @return 0; -EINVAL with why
 * Source: pipe(8), COMMAND ATTRIBUTE SYNTAX.
 */
_must_use_ int pipe_attr_parse(char **words, const struct command_owner *owner,
	struct pipe_attr *ret, struct why *why);
void pipe_attr_done(struct pipe_attr *a);

/** What expansion needs to know beyond the request. */
struct pipe_expand {
	unsigned flags; /* h, q and u count */
	struct str null_sender;
	struct str delimiters;    /* recipient_delimiter */
	struct str double_bounce; /* double_bounce_sender */
	bool owner_request_special;
	bool utf8;                 /* smtputf8_enable: fold as Unicode */
	const char *where;         /* begins the complaint about unknown macros */
	const struct notes *notes; /* receives warnings about recipients */
};

/**
 * Replace the macros in the words of a command.
 *
 * A word with a macro of the recipient becomes one word for each recipient. What a macro stands for
 * is never looked at again: no text of a message can become a macro, a word or an option of its own.
 * @param a     owns the result
 * @param ret   NULL-terminated
 * @return 0; -EINVAL with why: the macro is malformed or not known; -E2BIG more than anybody can run
 * Source: pipe(8), argv=.
 */
_must_use_ int pipe_expand(const struct pipe_expand *x, char *const *words,
	const struct delivery_request *rq, struct arena *a, char ***ret, struct why *why);
