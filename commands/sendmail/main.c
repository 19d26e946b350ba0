/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sendmail — the interface that programs expect; also mailq and newaliases.
 *
 * A front end without privileges: mail goes to postdrop, everything else to the command that does it.
 * Exit status as in <sysexits.h>; 0 means that the message is on stable storage.
 */
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "log/log.h"
#include "sendmail.h"
#include "service/derive.h"
#include "service/table_settings.h"
#include "table/match.h"

static struct sendmail_conf the_conf;

#define C struct sendmail_conf
static const struct conf_var vars[] = {
	CV_STR(C, command_directory),
	CV_STR(C, daemon_directory),
	CV_STR(C, alias_database),
	CV_STR(C, debugger_command),
	CV_STR(C, authorized_submit_users),
	CV_STR(C, default_verp_delimiters),
	CV_STR(C, verp_delimiter_filter),
	CV_STR(C, sendmail_fix_line_endings),
	CV_INT(C, line_length_limit),
	CV_INT(C, header_size_limit),
	CV_INT(C, mime_nesting_limit),
	CV_INT(C, mime_boundary_length_limit),
	CV_BOOL(C, requiretls_enable),
	CV_BOOL(C, smtputf8_enable),
	CV_END,
};

/* -C names main.cf or its directory. */
static const char *config_dir(const char *arg)
{
	struct str path = str_of(arg);

	if (str_eq(path, STR("main.cf")))
		return ".";
	if (!str_ends(path, STR("/main.cf")))
		return arg;
	path = str_head(path, path.len - 8);
	return path.len == 0 ? "/" : str_dup(path);
}

/* A set-user-id installation would open doors: do without. */
static void drop_privileges(void)
{
	if (getuid() == geteuid())
		return;
	log_warn("the Postfix sendmail command has set-uid root file permissions");
	log_warn("or the command is run from a set-uid root process");
	log_warn("the Postfix sendmail command must be installed without set-uid root file "
		 "permissions");
	if (setgid(getgid()) < 0 || setuid(getuid()) < 0)
		log_fatal("cannot drop privileges: %m");
}

static void check_settings(struct sendmail_options *o)
{
	const char *fix = the_conf.sendmail_fix_line_endings;

	if (strcmp(fix, "always") != 0 && strcmp(fix, "strict") != 0 && strcmp(fix, "never") != 0)
		log_fatal("invalid sendmail_fix_line_endings value: %s", fix);
	if (o->requiretls && !the_conf.requiretls_enable) {
		log_warn("REQUIRETLS is requested, but requiretls_enable is off -- ignored");
		o->requiretls = false;
	}
	if (o->smtputf8 && !the_conf.smtputf8_enable) {
		log_warn("SMTPUTF8 is requested, but smtputf8_enable is off -- ignored");
		o->smtputf8 = false;
	}
}

/* postdrop asks again; here the exit status can say what it is. */
static void check_user(struct conf *conf)
{
	const struct passwd *pw = getpwuid(getuid());
	const char *name = pw == NULL ? "unknown" : pw->pw_name;
	struct table_settings tables;
	struct match_list *users;
	struct why why = { "" };
	enum lookup found;

	if (table_settings_from_conf(conf, &log_notes, &tables, &why) < 0)
		log_fatal("%s", why.text);
	users = match_new(&tables, "authorized_submit_users", MATCH_STRING, false,
		str_of(the_conf.authorized_submit_users));
	found = match_str(users, str_of(name), &why);
	match_free(users);
	if (found == LOOKUP_TEMPFAIL)
		log_fatal("authorized_submit_users: %s", why.text);
	if (found == LOOKUP_NONE)
		sendmail_die(EX_NOPERM, "User %s(%ld) is not allowed to submit mail", name,
			(long)getuid());
}

int main(int argc, char **argv)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	static char name[] = "sendmail";
	struct sendmail_options o;
	const char *program;
	struct conf *conf;
	struct why why;

	fd_open_std();
	/* Without a name of its own the list of arguments would end before it begins. */
	if (argc < 1)
		return EX_USAGE;
	program = strrchr(argv[0], '/') != NULL ? strrchr(argv[0], '/') + 1 : argv[0];
	log_fatal_status(EX_TEMPFAIL);
	check(sigaction(SIGPIPE, &ignore, NULL) == 0);
	log_init(&(struct log_settings){ .tag = "sendmail", .to_stderr = true, .no_syslog = true });
	argv[0] = name; /* getopt(3) prints it */
	options_parse(argc, argv, program, &o);
	conf = derive_command_conf("sendmail", config_dir(o.config_dir));
	drop_privileges();
	if (o.verbose > 1 || getenv("MAIL_VERBOSE") != NULL)
		log_set_verbose(o.verbose > 1 ? o.verbose - 1 : 1);
	if (conf_fill(conf, vars, &the_conf, &why) < 0)
		log_fatal("%s", why.text);
	if (getenv("MAIL_DEBUG") != NULL)
		derive_debug(the_conf.debugger_command);
	options_check(&o, &the_conf);
	check_settings(&o);
	if (o.mode != MODE_ENQUEUE && o.mode != MODE_VERIFY)
		run_mode(&o, &the_conf);
	check_user(conf);
	deliver(&o, &the_conf);
	conf_free(conf);
	/* The message was taken. Who does not hear what else we say must not send it again. */
	(void)fflush(stdout);
	return 0;
}
