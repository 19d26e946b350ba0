/* SPDX-License-Identifier: Apache-2.0 */
/*
 * postfix — control the mail system: postfix [-Dv] [-c config_dir] command.
 *
 * What is a shell script elsewhere is done here, without a shell between. Log lines have the name
 * postfix-script, which is what log tools know.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "postfix.h"

#include "base/fd.h"
#include "log/log.h"
#include "service/derive.h"

#define COMMANDS                                                                                  \
	"start (or start-fg, quick-start, stop, quick-stop, abort, drain, reload, flush, check, " \
	"status, set-permissions, logrotate)"

static const struct conf_var vars[] = {
	CV_STR(struct instance, queue_directory),
	CV_STR(struct instance, data_directory),
	CV_STR(struct instance, daemon_directory),
	CV_STR(struct instance, command_directory),
	CV_STR(struct instance, meta_directory),
	CV_STR(struct instance, shlib_directory),
	CV_STR(struct instance, html_directory),
	CV_STR(struct instance, manpage_directory),
	CV_STR(struct instance, readme_directory),
	CV_STR(struct instance, sample_directory),
	CV_STR(struct instance, sendmail_path),
	CV_STR(struct instance, newaliases_path),
	CV_STR(struct instance, mailq_path),
	CV_STR(struct instance, mail_owner),
	CV_STR(struct instance, setgid_group),
	CV_STR(struct instance, openssl_path),
	CV_STR(struct instance, compatibility_level),
	CV_STR(struct instance, syslog_name),
	CV_STR(struct instance, maillog_file),
	CV_STR(struct instance, maillog_file_compressor),
	CV_STR(struct instance, maillog_file_rotate_suffix),
	CV_STR(struct instance, multi_instance_directories),
	CV_STR(struct instance, multi_instance_wrapper),
	CV_STR(struct instance, myhostname),
	CV_STR(struct instance, postlog_service_name),
	CV_STR(struct instance, process_id_directory),
	CV_END,
};

/** With several instances and none named, the wrapper runs the command for each. */
static void run_wrapper(const struct instance *in, char **args)
{
	_cleanup_strv_ struct strv argv = { 0 };

	if (in->multi_instance_directories[0] == '\0' || in->multi_instance_wrapper[0] == '\0')
		return;
	strv_split(&argv, str_of(in->multi_instance_wrapper), " \t\r\n");
	for (; *args != NULL; args++)
		strv_add(&argv, str_of(*args));
	(void)execv(argv.v[0], argv.v);
	log_fatal("exec multi_instance_wrapper %s: %s", argv.v[0], strerror(errno));
}

static void find_identity(struct instance *in)
{
	struct why why = { "" };
	struct stat st;

	in->privileged = geteuid() == 0;
	in->root = geteuid();
	in->root_gid = getegid();
	if (derive_owner(in->conf, &in->owner, &in->owner_gid, &in->setgid, &why) < 0)
		log_fatal("%s", why.text);
	if (in->privileged) {
		if (in->owner == 0)
			log_fatal("mail_owner must not be root");
		return;
	}
	/* Without root it is the user's own system, or none of his business. */
	if (stat(in->queue_directory, &st) == 0 && st.st_uid != geteuid()) {
		log_warn("to submit mail, use the Postfix sendmail command");
		log_fatal("the postfix command is reserved for the superuser");
	}
}

/** Commands that others have and we do not. */
static void refuse(const char *command)
{
	static const struct {
		const char *name;
		const char *instead;
	} refused[] = {
		{ "upgrade-configuration", "main.cf and master.cf are used as they are" },
		{ "post-install", "use meson install and postfix set-permissions" },
		{ "tls", "set the tls parameters with postconf" },
		{ "non-bdb", "rebuild tables with postmap and postalias" },
	};

	for (size_t i = 0; i < ARRAY_LEN(refused); i++)
		if (strcmp(command, refused[i].name) == 0)
			log_fatal("'postfix %s' is not supported: %s", command, refused[i].instead);
}

static int do_check(const struct instance *in)
{
	_cleanup_line_ struct command_line line = { 0 };
	bool ok;

	layout_create(in);
	check_settings(in, true);
	ok = check_values(in);
	check_files(in);
	run_line(&line, in->command_directory, "postsuper", (const char *const[]){ NULL });
	if (run_exists(&line) && run_wait(&line) != 0)
		return 1;
	check_level(in);
	return ok ? 0 : 1;
}

static int dispatch(const struct instance *in, char **args)
{
	const char *command = args[0] == NULL ? "" : args[0];

	if (strcmp(command, "set-permissions") == 0) {
		if (args[1] != NULL)
			log_fatal("set-permissions: %s is not supported here: use postconf first",
				args[1]);
		return layout_set(in) > 0;
	}
	refuse(command);
	if (args[0] != NULL && args[1] != NULL)
		log_fatal("usage: postfix [-c config_dir] [-Dv] command");
	if (strcmp(command, "start") == 0)
		return control_start(in, false, false);
	if (strcmp(command, "start-fg") == 0)
		return control_start(in, true, false);
	if (strcmp(command, "quick-start") == 0)
		return control_start(in, false, true);
	if (strcmp(command, "stop") == 0)
		return control_stop(in, false);
	if (strcmp(command, "quick-stop") == 0)
		return control_stop(in, true);
	if (strcmp(command, "abort") == 0)
		return control_abort(in);
	if (strcmp(command, "drain") == 0)
		return control_drain(in);
	if (strcmp(command, "reload") == 0)
		return control_reload(in);
	if (strcmp(command, "flush") == 0)
		return control_flush(in);
	if (strcmp(command, "status") == 0)
		return control_status(in);
	if (strcmp(command, "check") == 0)
		return do_check(in);
	if (strcmp(command, "logrotate") == 0)
		return logrotate(in);
	log_fatal("unknown command: '%s'. Usage: postfix " COMMANDS, command);
}

int main(int argc, char **argv)
{
	struct instance in = { 0 };
	const char *dir = NULL;
	struct why why = { "" };
	bool named = getenv("MAIL_CONFIG") != NULL;
	int c, verbose = 0, status;

	fd_open_std();
	(void)umask(022);
	log_init(&(struct log_settings){ .tag = "postfix", .to_stderr = true, .no_syslog = true });
	while ((c = getopt(argc, argv, "+c:Dv")) > 0) {
		switch (c) {
		case 'c':
			dir = optarg;
			break;
		case 'D':
			if (setenv("MAIL_DEBUG", "1", 1) < 0)
				log_fatal("out of memory");
			break;
		case 'v':
			verbose++;
			if (setenv("MAIL_VERBOSE", "1", 1) < 0)
				log_fatal("out of memory");
			break;
		default:
			log_fatal("usage: postfix [-c config_dir] [-Dv] command");
		}
	}
	if (getuid() != geteuid())
		log_fatal("the postfix command must not run as a set-uid process");
	in.conf = derive_command_conf("postfix", dir);
	in.dir = derive_config_dir(dir);
	if (in.dir[0] != '/')
		log_fatal("the configuration directory must be an absolute path: %s", in.dir);
	if (conf_fill(in.conf, vars, &in, &why) < 0)
		log_fatal("%s", why.text);
	if (!named && dir == NULL)
		run_wrapper(&in, argv + optind);
	find_identity(&in);
	/* Straight to a file: the log service may be about to end, or not be up yet. */
	if (strncmp(in.maillog_file, "/dev/", strlen("/dev/")) == 0)
		derive_log(in.conf, "postfix-script", true, true);
	else
		derive_log_direct(in.conf, "postfix-script", true);
	log_set_verbose(verbose);
	run_environment(&in);
	status = dispatch(&in, argv + optind);
	conf_free(in.conf);
	return status;
}
