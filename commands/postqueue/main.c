/* SPDX-License-Identifier: Apache-2.0 */
/*
 * postqueue — list and flush the queue; set-gid, for all users.
 */
#include <errno.h>
#include <getopt.h>
#include <pwd.h>
#include <signal.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/strv.h"
#include "log/log.h"
#include "postqueue.h"
#include "service/derive.h"
#include "service/queue_request.h"
#include "service/table_settings.h"
#include "table/match.h"

struct postqueue_conf the_conf;

static struct conf *the_main_cf;

static const struct conf_var vars[] = {
	CV_STR(struct postqueue_conf, queue_directory),
	CV_STR(struct postqueue_conf, daemon_directory),
	CV_STR(struct postqueue_conf, config_directory),
	CV_STR(struct postqueue_conf, authorized_mailq_users),
	CV_STR(struct postqueue_conf, authorized_flush_users),
	CV_STR(struct postqueue_conf, showq_service_name),
	CV_STR(struct postqueue_conf, flush_service_name),
	CV_STR(struct postqueue_conf, queue_service_name),
	CV_STR(struct postqueue_conf, pickup_service_name),
	CV_STR(struct postqueue_conf, submission_service_name),
	CV_BOOL(struct postqueue_conf, enable_long_queue_ids),
	CV_STR(struct postqueue_conf, maillog_file),
	CV_STR(struct postqueue_conf, hash_queue_names),
	CV_INT(struct postqueue_conf, hash_queue_depth),
	CV_END,
};

/* What was asked for; one of them. */
enum mode {
	MODE_NONE,
	MODE_FLUSH,
	MODE_FILE,
	MODE_LIST,
	MODE_JSON,
	MODE_SITE,
	MODE_AUDIT,
};

static const struct option long_options[] = { { "audit", no_argument, NULL, 'A' }, { 0 } };

_noreturn_ static void usage(void)
{
	log_fatal_status(EX_USAGE);
	log_fatal("usage: postqueue -f | postqueue -i queueid | postqueue -j | postqueue -p | "
		  "postqueue -s site | postqueue --audit [log...]");
}

/* End the program when the user is not in the list. */
static void check_user(const char *title, const char *list, const char *action)
{
	struct table_settings tables;
	struct match_list *users;
	struct passwd *pw;
	struct why why = { "" };
	int status;

	if (getuid() == 0 || strcmp(list, "static:anyone") == 0)
		return;
	if (table_settings_from_conf(the_main_cf, &log_notes, &tables, &why) < 0)
		log_fatal("%s", why.text);
	users = match_new(&tables, title, MATCH_STRING, false, str_of(list));
	pw = getpwuid(getuid());
	status = queue_request_allowed(users, getuid(), pw == NULL ? NULL : pw->pw_name, action,
		&why);
	match_free(users);
	if (status == 0)
		return;
	log_fatal_status(status);
	log_fatal("%s", why.text);
}

static void set_mode(enum mode *mode, enum mode to)
{
	if (*mode != MODE_NONE)
		usage();
	*mode = to;
}

static void configure(const char *config_dir, int verbose)
{
	struct why why;

	log_fatal_status(EX_UNAVAILABLE);
	the_main_cf = derive_command_conf("postqueue", config_dir);
	if (conf_fill(the_main_cf, vars, &the_conf, &why) < 0)
		log_fatal("%s", why.text);
	/* More than that would let users fill the log. */
	if (getuid() == 0)
		log_set_verbose(verbose);
	(void)sigaction(SIGPIPE, &(struct sigaction){ .sa_handler = SIG_IGN }, NULL);
}

static void run(enum mode mode, const char *what)
{
	if (chdir(the_conf.queue_directory) < 0)
		log_fatal("chdir %s: %m", the_conf.queue_directory);
	if (mode == MODE_LIST || mode == MODE_JSON)
		check_user("authorized_mailq_users", the_conf.authorized_mailq_users, "view");
	else
		check_user("authorized_flush_users", the_conf.authorized_flush_users, "flush");
	switch (mode) {
	case MODE_FLUSH:
		flush_all();
		break;
	case MODE_FILE:
		flush_file(what);
		break;
	case MODE_SITE:
		flush_site(what);
		break;
	case MODE_LIST:
	case MODE_JSON:
		show_queue(mode == MODE_JSON);
		break;
	case MODE_AUDIT:
	case MODE_NONE:
		usage();
	}
}

static int run_audit(int n, char **names)
{
	_cleanup_strv_ struct strv hashed = { 0 };

	strv_split(&hashed, str_of(the_conf.hash_queue_names), ", \t\r\n");
	return audit(the_main_cf, hashed.v, n, names);
}

int main(int argc, char **argv)
{
	const struct log_settings early = { .tag = "postqueue",
		.to_stderr = true,
		.no_syslog = true };
	static char name[] = "postqueue";
	const char *config_dir = NULL;
	const char *what = NULL;
	enum mode mode = MODE_NONE;
	int verbose = 0;
	int ch;

	argv[0] = name; /* as getopt's messages show it */
	fd_open_std();
	log_init(&early);
	while ((ch = getopt_long(argc, argv, "c:fi:jps:v", long_options, NULL)) > 0) {
		switch (ch) {
		case 'c':
			config_dir = optarg;
			break;
		case 'f':
			set_mode(&mode, MODE_FLUSH);
			break;
		case 'i':
			set_mode(&mode, MODE_FILE);
			what = optarg;
			break;
		case 'j':
			set_mode(&mode, MODE_JSON);
			break;
		case 'p':
			set_mode(&mode, MODE_LIST);
			break;
		case 's':
			set_mode(&mode, MODE_SITE);
			what = optarg;
			break;
		case 'A':
			set_mode(&mode, MODE_AUDIT);
			break;
		case 'v':
			verbose++;
			break;
		default:
			usage();
		}
	}
	if (mode == MODE_NONE || (argc > optind && mode != MODE_AUDIT))
		usage();
	configure(config_dir, verbose);
	if (mode == MODE_AUDIT)
		return run_audit(argc - optind, argv + optind);
	run(mode, what);
	return 0;
}
