/* SPDX-License-Identifier: Apache-2.0 */
/*
 * postconf.h — what the parts of postconf share: the request, output, lookups, edits.
 */
#pragma once

#include "base/why.h"
#include "conf/conf.h"
#include "conf/master_cf.h"
#include "conf/names.h"

/** What the command line asks for; one of the letters that exclude each other, or 'p'. */
struct request {
	char object;   /* p main.cf, M services, F fields, P service parameters, or a A l m T b t */
	char edit;     /* 0 show, 'e' set, 'X' remove, '#' comment out */
	bool defaults; /* -d */
	bool set_only; /* -n */
	bool expand;   /* -x */
	bool fold;     /* -f */
	bool no_names; /* -h */
	bool no_values; /* -H */
	bool json;      /* -j */
	bool quiet;     /* -q */
	bool builtin;   /* -C classes */
	bool service;
	bool user;
	bool dir_given; /* -c or MAIL_CONFIG */
	const char *dir;
	struct strv overrides; /* -o */
	char **args;
	int nargs;
};

/** Everything that was read. */
struct context {
	const struct request *req;
	struct conf *conf;
	struct master_cf services;
	struct map *used;
	char *main_cf;
	char *master_cf;
};

/* print.c */
/** Print "name = value", folded, name or value alone, or as JSON, as the request says. */
void print_setting(const struct request *req, struct str name, struct str value);
/** Print the command field of an entry as print_setting() would; folded, options start lines. */
void print_command(const struct context *x, const struct master_entry *e, struct str name);
/** Print a service entry, folded or not, or as JSON. */
void print_service(const struct context *x, const struct master_entry *e);
/** Append a service entry as postconf writes it to master.cf; `fold` breaks lines. */
void format_service(const struct context *x, const struct master_entry *e, bool fold,
	struct buf *ret);
/** Append a command with its arguments on one line; -o values that need braces get them. */
void format_command(const struct context *x, const struct master_entry *e, struct buf *ret);

/* show_main.c */
/** Show main.cf parameters: exit status. */
int show_main(const struct context *x);
/* show_master.c */
/** Show services, fields or service parameters: exit status. */
int show_master(const struct context *x);
/** As master_cf_load(), but an entry that occurs twice is kept twice. */
_must_use_ int load_services(const char *path, struct master_cf *ret, struct why *why);
/** Names of the fields in -F, by index. */
extern const char *const field_names[8];
/** Split "a/b/c" into at most `max` parts, missing ones "*": number found; 0 when there are more. */
size_t split_request(struct str arg, struct str *ret, size_t max);
/** True when an entry is named by the first two parts of a request ("*" matches all). */
bool entry_matches(const struct master_entry *e, const struct str *parts);

/* warn.c */
/** Unused, undefined, deprecated names and comments after values: on standard error. */
void warn_names(const struct context *x);

/* main.c */
/** A file to remove when the program ends with an error; NULL: none any more. */
void remember_temporary(const char *path);

/* edit.c */
/** A file that is being replaced: written beside it, flushed, renamed. */
struct replacement;
/** Read `path` and start its replacement; ends the program when it cannot. */
struct replacement *replace_start(const char *path, struct buf *ret_old);
/** Put the new content in place; ends the program when it cannot. */
void replace_commit(struct replacement *r, struct str text);
/** The physical lines of one logical line, and what is between logical lines. */
struct chunk {
	struct str text;    /* all physical lines with their ends */
	struct str logical; /* joined text; empty for comments and blank lines between entries */
};
/** Cut a file into chunks: the next one, or false at the end. `logical` backs chunk.logical. */
bool next_chunk(struct str *rest, struct buf *logical, struct chunk *ret);
/** Append a chunk without its entry: comments between its lines stay. */
void chunk_without_entry(const struct chunk *c, struct buf *ret);
/** Append a chunk with its lines made comments. */
void chunk_commented(const struct chunk *c, struct buf *ret);

/* edit_main.c */
/** -e, -X, -# on main.cf: exit status. */
int edit_main(const struct context *x);
/* edit_master.c */
/** -Me -MX -M# -Fe -Pe -PX on master.cf: exit status. */
int edit_master(const struct context *x);

/* templates.c */
/** -b, -t: exit status. */
int show_templates(const struct context *x);

/* lists.c */
/** -a -A -l -m -T: exit status. */
int show_list(const struct request *req);
