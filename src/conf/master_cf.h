/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf/master_cf.h — the services table: eight fields and arguments a line.
 *
 * Parsed without side effects; master turns entries into sockets, postconf edits them.
 * Source: master(5).
 */
#pragma once

#include "base/strv.h"
#include "base/why.h"

enum master_type {
	MASTER_INET,
	MASTER_UNIX,
	MASTER_UNIX_DGRAM,
	MASTER_FIFO,
	MASTER_PASS,
};

struct master_entry {
	char *name; /* first field as written */
	enum master_type type;
	bool private;
	bool unprivileged;
	bool chroot;
	bool chroot_default; /* field was "-" */
	int64_t wakeup;      /* seconds, 0 never */
	bool wakeup_if_used; /* trailing '?' */
	int64_t maxproc;     /* 0 no limit, -1 default */
	char *command;       /* as written, relative to daemon_directory */
	struct strv args;    /* after brace removal */
	char *fields[8];     /* text of each field as written, for postconf -M and -F */
	char *args_raw;      /* argument text as written */
	int line;            /* where the entry starts */
};

struct master_cf {
	struct master_entry *v;
	size_t n;
};

/**
 * Parse the file.
 *
 * A later entry with the same name and type replaces an earlier one (note with the documented text).
 * @param chroot_default   what "-" means in the chroot field (compatibility_level < 1: true)
 * @return 0; errno of open/read; -EINVAL with "<file>: line N: ..." in why
 */
_must_use_ int master_cf_load(const char *path, bool chroot_default, const struct notes *n,
	struct master_cf *ret, struct why *why);
/** Free entries. */
void master_cf_done(struct master_cf *m);
/** Name of a type as written in the file. */
const char *master_type_name(enum master_type t);
/** The entry with this name and type, or NULL. */
const struct master_entry *master_cf_find(const struct master_cf *m, struct str name,
	enum master_type t);
/** True when master_service_disable names the entry ("name/type", "type", "name.type", '!'). */
bool master_cf_disabled(const struct master_entry *e, struct str patterns);
/**
 * The argument of the next -o, as written; what follows the first word that is no option belongs to the daemon.
 *
 * @param pos   index of the argument to look at first; start with 0
 * @param ret   borrowed from the entry
 * @return false at the end
 */
bool master_entry_setting(const struct master_entry *e, size_t *pos, struct str *ret);
/**
 * The name and value of the next -o among the arguments of an entry.
 *
 * @param pos         index of the argument to look at first; start with 0
 * @param ret_name    borrowed from the entry
 * @param ret_value   borrowed
 * @return false at the end; an -o without '=' is passed over
 */
bool master_entry_option(const struct master_entry *e, size_t *pos, struct str *ret_name,
	struct str *ret_value);
/** The value of -o name among the arguments (the last one counts), or false. */
bool master_entry_find_option(const struct master_entry *e, struct str name, struct str *ret_value);
/** Parse one entry (a logical line): 0; -EINVAL with what is wrong, file and line not named. */
_must_use_ int master_entry_parse(struct str line, bool chroot_default, struct master_entry *ret,
	struct why *why);
/** Free what an entry holds. */
void master_entry_done(struct master_entry *e);
