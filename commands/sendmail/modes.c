/* SPDX-License-Identifier: Apache-2.0 */
/*
 * modes.c — what sendmail(1) hands to another program.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/strv.h"
#include "log/log.h"
#include "sendmail.h"

/* Become a program of the mail system. */
_noreturn_ static void become(const char *dir, const char *program, struct strv *args)
{
	char path[4096];

	if (snprintf(path, sizeof path, "%s/%s", dir, program) >= (int)sizeof path)
		log_fatal("path of %s is too long", program);
	execv(path, args->v);
	log_fatal_status(EX_OSERR);
	log_fatal("cannot execute %s: %m", path);
}

_noreturn_ static void run(const char *dir, const char *program, const char *a, const char *b,
	int verbose)
{
	struct strv args = { 0 };

	strv_add(&args, str_of(program));
	for (int i = 1; i < verbose; i++)
		strv_add(&args, STR("-v"));
	if (a != NULL)
		strv_add(&args, str_of(a));
	if (b != NULL)
		strv_add(&args, str_of(b));
	become(dir, program, &args);
}

_noreturn_ static void new_aliases(const struct sendmail_options *o, const struct sendmail_conf *c)
{
	struct strv args = { 0 };

	strv_add(&args, STR("postalias"));
	for (int i = 1; i < o->verbose; i++)
		strv_add(&args, STR("-v"));
	strv_add(&args, STR("--"));
	if (o->aliases != NULL)
		strv_add(&args, str_of(o->aliases));
	else
		strv_split(&args, str_of(c->alias_database), ", \t\r\n");
	if (strcmp(args.v[args.n - 1], "--") == 0) {
		log_warn("alias_database is empty: there is nothing to build");
		exit(EX_OK);
	}
	become(c->command_directory, "postalias", &args);
}

_noreturn_ void modes_run(const struct sendmail_options *o, const struct sendmail_conf *c)
{
	switch (o->mode) {
	case MODE_DAEMON:
		run(c->command_directory, "postfix", "start", NULL, o->verbose);
	case MODE_NEWALIASES:
		new_aliases(o, c);
	case MODE_MAILQ:
		run(c->command_directory, "postqueue", "-p", NULL, o->verbose);
	case MODE_SMTP:
		run(c->daemon_directory, "smtpd", "-S", NULL, o->verbose);
	case MODE_FLUSH:
		run(c->command_directory, "postqueue", "-f", NULL, o->verbose);
	case MODE_FLUSH_ID:
		run(c->command_directory, "postqueue", "-i", o->flush_what, o->verbose);
	case MODE_FLUSH_SITE:
		run(c->command_directory, "postqueue", "-s", o->flush_what, o->verbose);
	case MODE_IGNORE:
	case MODE_DELIVER:
		break;
	}
	exit(EX_OK);
}
