/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service/table_tool.h — what postmap and postalias have in common: options, building, changing,
 * asking and listing tables.
 */
#pragma once

#include "conf/conf.h"
#include "table/build.h"
#include "table/textfile.h"

/** What the options say. */
struct table_tool_options {
	const char *config_dir;
	const char *query;  /* -q */
	const char *remove; /* -d */
	bool list;          /* -s */
	bool incremental;   /* -i */
	bool json;          /* -j */
	bool no_fold;       /* -f */
	bool files;         /* -F */
	bool body;          /* -b */
	bool headers;       /* -h */
	bool mime;          /* -m */
	bool keep_root;     /* -o */
	bool default_mode;  /* -p */
	bool no_utf8;       /* -u */
	bool force_utf8;    /* -U */
	unsigned write;     /* -N, -n: TABLE_WRITE_NUL, TABLE_WRITE_NO_NUL */
	enum table_dup dup; /* -r, -w */
	int verbose;        /* -v */
};

struct table_tool;

/** A command in terms of what differs. */
struct table_tool_kind {
	const char *name;    /* "postmap" */
	const char *usage;   /* "usage: ..." without program name of the message */
	const char *letters; /* for getopt() */
	const char *middle;  /* between key and value in listings: "\t", ":\t" */
	/**
	 * One logical line of a source: notes what is wrong with it and returns false to skip it.
	 *
	 * @param key     cleared; receives the key
	 * @param value   cleared; receives the value
	 */
	bool (*line)(const struct table_tool *t, struct str line, const char *where,
		struct buf *key, struct buf *value);
	/** Store what is in every table of this kind besides the source; may be NULL. */
	int (*finish)(struct table_writer *w, struct why *why);
	/** Keys from a message on standard input (-b, -h); NULL: the letters do not offer it. */
	int (*message)(const struct table_tool *t, struct table **tables, size_t n);
};

struct table_tool {
	const struct table_tool_kind *kind;
	struct table_tool_options opt;
	struct conf *conf;
	struct table_settings settings;
	unsigned flags; /* enum table_flags */
};

/** Run the command: the exit status. Ends the program on fatal errors. */
int table_tool_main(const struct table_tool_kind *kind, int argc, char **argv);
/** Ask tables for one key and print key and value when found: true when found. */
bool table_tool_ask(const struct table_tool *t, struct table **tables, size_t n, struct str key);
/** Build or change one table from its source file or standard input; fatal on errors. */
void table_tool_build(const struct table_tool *t, struct str spec);
/** Become the owner of a file, unless -o, when run by root. */
void table_tool_become_owner(const struct table_tool *t, const char *path);
