/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sendmail.h — what the files of this command share.
 */
#pragma once

#include <sysexits.h>

#include "address/address.h"
#include "conf/conf.h"
#include "io/stream.h"

enum sendmail_mode {
	MODE_ENQUEUE, /* -bm: take a message */
	MODE_VERIFY,  /* -bv */
	MODE_DAEMON,  /* -bd, -bl */
	MODE_ALIASES, /* -bi, newaliases */
	MODE_QUEUE,   /* -bp, mailq */
	MODE_FLUSH,   /* -q */
	MODE_SMTP,    /* -bs */
	MODE_IGNORE,  /* -bh, -bH: nothing to do */
};

struct sendmail_conf {
	const char *command_directory;
	const char *daemon_directory;
	const char *alias_database;
	const char *debugger_command;
	const char *authorized_submit_users;
	const char *default_verp_delimiters;
	const char *verp_delimiter_filter;
	const char *sendmail_fix_line_endings;
	int64_t line_length_limit;
	int64_t header_size_limit;
	int64_t mime_nesting_limit;
	int64_t mime_boundary_length_limit;
	bool requiretls_enable;
	bool smtputf8_enable;
};

/** The command line. Strings point to argv. */
struct sendmail_options {
	enum sendmail_mode mode;
	bool mode_given;
	const char *config_dir;
	const char *full_name;  /* -F */
	const char *sender;     /* -f, -r; NULL: the user */
	const char *encoding;   /* -B: "7bit", "8bit"; NULL */
	const char *envid;      /* -V */
	const char *verp;       /* -XV: "" default delimiters, or two characters; NULL: no */
	const char *alias_file; /* -oA */
	const char *flush_site; /* -qR */
	const char *flush_id;   /* -qI */
	int notify;             /* -N: DSN_NOTIFY_ bits */
	int ret;                /* -R: DSN_RET_ */
	int verbose;
	bool gateway;      /* -G */
	bool dot_ends;     /* unless -i */
	bool extract;      /* -t */
	bool requiretls;   /* -O */
	bool smtputf8;     /* -O */
	char **recipients; /* NULL-terminated */
};

/* ---- options.c ---- */

/** Parse; ends the program on usage errors. `program` is the name that it was called by. */
void options_parse(int argc, char **argv, const char *program, struct sendmail_options *ret);
/** Options that exclude each other, once the configuration is known. */
void options_check(const struct sendmail_options *o, const struct sendmail_conf *c);
/** Log "fatal: text" and exit with a sysexits status. */
_noreturn_ void sendmail_die(int status, const char *fmt, ...) _printf_(2, 3);

/* ---- run.c ---- */

/** Become another command; never returns. argv is NULL-terminated. */
_noreturn_ void run_exec(const char *dir, const char *name, char *const argv[]);
/** All modes but enqueue and verify; never returns. */
_noreturn_ void run_mode(const struct sendmail_options *o, const struct sendmail_conf *c);

/* ---- postdrop.c ---- */

/** A running postdrop. */
struct postdrop;
/** Start it and read its greeting; ends the program when it fails. */
_alloc_ struct postdrop *postdrop_start(const struct sendmail_conf *c, const char *who,
	int verbose);
/** Write one record; a broken connection is dealt with by postdrop_finish(). */
void postdrop_put(struct postdrop *p, int type, struct str data);
/** Formatted. */
void postdrop_putf(struct postdrop *p, int type, const char *fmt, ...) _printf_(3, 4);
/** After E: the outcome. Ends the program unless the message was taken. */
void postdrop_finish(struct postdrop *p);
/** Give up: postdrop removes its file. */
void postdrop_cancel(struct postdrop *p);

/* ---- header.c ---- */

/** Recipients from the header of a message (-t). */
struct header_reader;
_alloc_ struct header_reader *header_reader_new(const struct sendmail_conf *c, struct arena *a);
/** Feed text as it goes by. */
void header_reader_line(struct header_reader *h, struct str line, bool partial);
/** End: the recipients, those of Resent headers if there are such; NULL or why they are not known. */
const char *header_reader_end(struct header_reader *h, struct address_list *ret);
void header_reader_free(struct header_reader *h);

/* ---- deliver.c ---- */

/** Hand in the message on standard input, or a probe. */
void deliver(const struct sendmail_options *o, const struct sendmail_conf *c);
