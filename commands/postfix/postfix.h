/* SPDX-License-Identifier: Apache-2.0 */
/*
 * postfix.h — one mail system as the parts of the postfix command see it.
 */
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include "base/strv.h"
#include "conf/conf.h"

/** The parameters of the command, and what is derived from them. */
struct instance {
	struct conf *conf;
	const char *dir; /* config_directory */
	const char *queue_directory;
	const char *data_directory;
	const char *daemon_directory;
	const char *command_directory;
	const char *meta_directory;
	const char *shlib_directory;
	const char *html_directory;
	const char *manpage_directory;
	const char *readme_directory;
	const char *sample_directory;
	const char *sendmail_path;
	const char *newaliases_path;
	const char *mailq_path;
	const char *mail_owner;
	const char *setgid_group;
	const char *openssl_path;
	const char *compatibility_level;
	const char *syslog_name;
	const char *maillog_file;
	const char *maillog_file_compressor;
	const char *maillog_file_rotate_suffix;
	const char *multi_instance_directories;
	const char *multi_instance_wrapper;
	const char *myhostname;
	const char *postlog_service_name;
	const char *process_id_directory;
	bool privileged; /* as root: identities are set and checked */
	uid_t owner;     /* mail_owner */
	gid_t owner_gid;
	gid_t setgid; /* setgid_group */
	uid_t root;   /* who owns what is not the mail owner's: 0 or ourselves */
	gid_t root_gid;
};

/* layout.c */
/** A directory of the mail system. */
struct place {
	char path[4096];
	uid_t uid;
	gid_t gid;
	mode_t mode;
};
/** The directories below queue_directory and data_directory: the i-th, or false past the last. */
bool layout_place(const struct instance *in, size_t i, struct place *ret);
/** Create what is missing, with owner and mode; ends the program when it cannot. */
void layout_create(const struct instance *in);
/** Set owner and mode of directories and set-gid commands: number of failures, which are logged. */
int layout_set(const struct instance *in);

/* check.c */
/** Warn about wrong owners and modes; a bad master.cf ends the program. */
void check_files(const struct instance *in);
/** master.cf can be read and has what main.cf needs, or the program ends. */
void check_services(const struct instance *in);
/** Warn about values in main.cf and -o of master.cf that the programs would refuse: false when there are any. */
bool check_values(const struct instance *in);
/** Warn about settings that do nothing, in the log or only on standard error. */
void check_settings(const struct instance *in, bool in_log);
/** The three lines of advice when compatibility_level is below what is current. */
void check_level(const struct instance *in);

/* run.c */
/** Variables for programs that are run: directories, owners, logging. */
void run_environment(const struct instance *in);
/** A program with its arguments; argv.v[0] is its path. */
struct command_line {
	struct strv argv;
};
/** Free the words. */
void run_done(struct command_line *line);
#define _cleanup_line_ _cleanup_(run_done)
/** Program and arguments (NULL-terminated list). */
void run_line(struct command_line *line, const char *dir, const char *name,
	const char *const *args);
/** A program named with its absolute path, or one in the usual places, with one argument. */
void run_find(struct command_line *line, const char *name, const char *arg);
/** True when the program is there and can be executed. */
bool run_exists(const struct command_line *line);
/** Run and wait: exit status, 128 + signal, or 127 when it cannot be run. */
int run_wait(const struct command_line *line);
/** Run without waiting. */
void run_background(const struct command_line *line);
/** Become the program; does not return on success. */
void run_exec(const struct command_line *line);

/* control.c */
/** Pid of the running master, 0 when none runs; ends the program when that cannot be found out. */
pid_t control_master(const struct instance *in);
/** The commands: exit status. */
int control_start(const struct instance *in, bool foreground, bool quick);
int control_stop(const struct instance *in, bool quick);
int control_abort(const struct instance *in);
int control_drain(const struct instance *in);
int control_reload(const struct instance *in);
int control_flush(const struct instance *in);
int control_status(const struct instance *in);

/* logrotate.c */
/** Rotate maillog_file: exit status. */
int logrotate(const struct instance *in);
