/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sendmail — the mail system's face to other programs: submit a message, list or flush the queue,
 * build aliases, speak SMTP on standard input. Also as mailq and newaliases.
 *
 * Runs with the caller's privileges; postdrop, postqueue and smtpd do what needs more.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/fd.h"
#include "log/log.h"
#include "sendmail.h"
#include "service/derive.h"
#include "service/table_settings.h"
#include "table/match.h"

static const struct conf_var vars[] = {
	CV_STR(struct sendmail_conf, command_directory),
	CV_STR(struct sendmail_conf, daemon_directory),
	CV_STR(struct sendmail_conf, alias_database),
	CV_STR(struct sendmail_conf, authorized_submit_users),
	CV_STR(struct sendmail_conf, sendmail_fix_line_endings),
	CV_STR(struct sendmail_conf, default_verp_delimiters),
	CV_STR(struct sendmail_conf, verp_delimiter_filter),
	CV_INT(struct sendmail_conf, line_length_limit),
	CV_INT(struct sendmail_conf, header_size_limit),
	CV_INT(struct sendmail_conf, header_address_token_limit),
	CV_END,
};

/* -C names a directory, or its main.cf. */
static const char *config_dir(const char *option)
{
	static char dir[4096];
	struct str s = str_of(option);

	if (option == NULL || !str_ends(s, STR("/main.cf")))
		return option;
	s = str_head(s, s.len - 8);
	check(s.len < sizeof dir);
	memcpy(dir, s.ptr, s.len);
	return dir;
}

static void check_permission(struct conf *conf, const char *users, const struct sendmail_user *u)
{
	struct table_settings ts;
	struct match_list *m;
	struct why why;
	enum lookup r;

	if (table_settings_from_conf(conf, &log_notes, &ts, &why) < 0)
		log_fatal("%s", why.text);
	m = match_new(&ts, "authorized_submit_users", MATCH_STRING, false, str_of(users));
	r = match_str(m, str_of(u->login), &why);
	match_free(m);
	if (r == LOOKUP_FOUND)
		return;
	log_fatal_status(r == LOOKUP_NONE ? EX_NOPERM : EX_TEMPFAIL);
	if (r == LOOKUP_NONE)
		log_fatal("User %s(%ld) is not allowed to submit mail", u->login, (long)u->uid);
	log_fatal("authorized_submit_users: %s", why.text);
}

int main(int argc, char **argv)
{
	struct sendmail_options o;
	struct sendmail_conf c;
	struct sendmail_user u;
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	struct arena *a = arena_new(0);
	struct conf *conf;
	struct why why;
	int status;

	fd_open_std();
	if (sigaction(SIGPIPE, &ignore, NULL) < 0)
		return EX_OSERR;
	options_parse(argc, argv, &o);
	log_fatal_status(EX_TEMPFAIL);
	log_set_verbose(o.verbose > 1 ? o.verbose - 1 : 0);
	conf = derive_command_conf("sendmail", config_dir(o.config));
	if (conf_fill(conf, vars, &c, &why) < 0)
		log_fatal("%s", why.text);
	if (o.mode != MODE_DELIVER)
		modes_run(&o, &c);
	user_find(&o, a, &u);
	check_permission(conf, c.authorized_submit_users, &u);
	status = submit(&o, &c, a, &u);
	if (status == EX_OK && (o.verify || o.verbose == 1))
		printf("Mail Delivery Status Report will be mailed to <%s>.\n",
			o.sender == NULL ? u.login : arena_cstr(a, argument_sender(o.sender, a)));
	conf_free(conf);
	arena_free(a);
	return status;
}
