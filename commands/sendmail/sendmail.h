/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sendmail.h — what the files of sendmail(1) share.
 *
 * One process, one message: the structures live as long as the program. Errors end it with the
 * documented exit codes of sysexits.h.
 */
#pragma once

#include <sys/types.h>

#include "address/address.h"
#include "conf/conf.h"
#include "io/stream.h"

enum sendmail_mode {
	MODE_DELIVER,
	MODE_DAEMON,     /* -bd -bl: start the mail system */
	MODE_NEWALIASES, /* -bi -I, newaliases */
	MODE_MAILQ,      /* -bp, mailq */
	MODE_SMTP,       /* -bs, smtpd */
	MODE_IGNORE,     /* -bh -bH -qTIME: nothing to do */
	MODE_FLUSH,      /* -q */
	MODE_FLUSH_ID,   /* -qI id */
	MODE_FLUSH_SITE, /* -qR site */
};

/** The command line. Strings belong to argv. */
struct sendmail_options {
	enum sendmail_mode mode;
	const char *config;        /* -C, NULL */
	const char *sender;        /* -f -r, NULL */
	const char *full_name;     /* -F, NULL */
	const char *encoding;      /* -B: "7bit", "8bit", NULL */
	const char *envid;         /* -V, NULL */
	const char *verp;          /* -XV: two characters, "" the default ones, NULL none */
	const char *aliases;       /* -oA, NULL */
	const char *flush_what;    /* id or site of MODE_FLUSH_ID, MODE_FLUSH_SITE */
	bool extract;              /* -t */
	bool ignore_dots;          /* -i -oi */
	bool gateway;              /* -G */
	bool verify;               /* -bv */
	bool requiretls, smtputf8; /* -O */
	int notify;                /* -N, DSN_NOTIFY_ bits, 0 none */
	int ret;                   /* -R, DSN_RET_, 0 none */
	int verbose;               /* -v */
	char **rcpt;               /* NULL-terminated */
};

/** Parameters, named as in main.cf. */
struct sendmail_conf {
	const char *command_directory, *daemon_directory;
	const char *alias_database;
	const char *authorized_submit_users;
	const char *sendmail_fix_line_endings;
	const char *default_verp_delimiters, *verp_delimiter_filter;
	int64_t line_length_limit, header_size_limit, header_address_token_limit;
};

/** Who submits. */
struct sendmail_user {
	uid_t uid;
	const char *login;     /* "unknown" without an entry */
	const char *full_name; /* "" none */
};

/** End with a message "SENDER(UID): text" on standard error and in the log. */
_noreturn_ void sendmail_fail(int status, const struct sendmail_user *u, const char *sender,
	const char *fmt, ...) _printf_(4, 5);

/** Parse the command line; ends the program on errors. */
void options_parse(int argc, char **argv, struct sendmail_options *ret);
/** Do what is not a delivery; does not return. */
_noreturn_ void modes_run(const struct sendmail_options *o, const struct sendmail_conf *c);
/** The submitter: from the password file, -F and NAME. */
void user_find(const struct sendmail_options *o, struct arena *a, struct sendmail_user *ret);

/** How lines of the input end up as records. */
struct content {
	const struct sendmail_options *opt;
	const struct sendmail_conf *conf;
	struct arena *arena;
	struct stream *out;
	struct address_list found; /* recipients of To, Cc, Bcc */
	struct address_list
		resent; /* of Resent-To and the like; they take the place of the others */
	bool has_resent;
	bool in_header;
	struct buf header; /* the header field being collected */
	bool any_line;     /* past the From_ lines at the top */
	bool strip_cr, cr_decided;
};

/** Copy standard input as N and L records; 0, or negative errno of `in` (then *ret_write is 0) or of out. */
_must_use_ int content_copy(struct content *c, struct stream *in, bool *ret_write);
/** The recipients that -t found. */
const struct address_list *content_recipients(const struct content *c);

/** Submit the message on standard input; the exit status. */
int submit(const struct sendmail_options *o, const struct sendmail_conf *c, struct arena *a,
	const struct sendmail_user *u);

/** Recipients named by one argument: internal forms; one empty string when there is none. */
void argument_recipients(const char *arg, struct arena *a, struct address_list *ret);
/** The sender named by -f: internal form, empty for "" and "<>". */
struct str argument_sender(const char *arg, struct arena *a);
/** Append `more` to a list in the arena. */
void list_append(struct address_list *l, const struct address_list *more, struct arena *a);
