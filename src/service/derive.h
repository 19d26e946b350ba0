/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service/derive.h — settings structs of the libraries, filled from a configuration.
 *
 * Shared by daemons and commands so that a parameter is turned into a setting in one place.
 * Strings belong to the conf.
 */
#pragma once

#include "conf/conf.h"
#include "log/log.h"
#include "net/addr.h"

/** Configuration directory: -c, MAIL_CONFIG, or the compiled default. */
const char *derive_config_dir(const char *option);
/**
 * Set up logging from a configuration.
 *
 * @param program      "smtpd"; the tag is $syslog_name/program
 * @param write_file   maillog_file may be written directly when postlogd is not there
 * @param to_stderr    lines go to descriptor 2 as well
 */
void derive_log(const struct conf *c, const char *program, bool write_file, bool to_stderr);
/** As derive_log, with the whole tag given ("postlog -t"). */
void derive_log_tag(const struct conf *c, const char *tag, bool write_file, bool to_stderr);
/** As derive_log for postlogd, which must not talk to itself: file or syslog only. */
void derive_log_direct(const struct conf *c, const char *program, bool to_stderr);
/** As derive_log for master, which must not wait for postlogd: nobody else can start that. */
void derive_log_master(const struct conf *c, bool to_stderr);
/**
 * Set the parameters that describe the process: process_name, process_id, service_name.
 *
 * @param program   "smtpd"
 * @param service   name in master.cf; NULL for commands
 */
void derive_process(struct conf *c, const char *program, const char *service);
/**
 * -D: run debugger_command with the shell and wait for it to end, as documented: what is to run
 * beside this process goes to the background itself ("gdb ... & sleep 5"). Ends the program when
 * the command is empty.
 */
void derive_debug(const char *command);
/** The families in inet_protocols: enum net_families, or -EINVAL with why. */
_must_use_ int derive_families(const struct conf *c, struct why *why);
/** Load main.cf for a command and set up logging with its tag: ends the program when it fails. */
struct conf *derive_command_conf(const char *program, const char *config_dir);
/** Own addresses from inet_interfaces and inet_protocols (or proxy_interfaces): count or errno. */
_must_use_ int derive_own_addrs(const struct conf *c, const char *param, struct net_addr *ret,
	size_t max, struct why *why);
/** Uid and gids of mail_owner and setgid_group: 0; -ENOENT unknown. As non-root: the own ids. */
_must_use_ int derive_owner(const struct conf *c, uid_t *ret_uid, gid_t *ret_gid, gid_t *ret_setgid,
	struct why *why);
