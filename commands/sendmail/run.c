/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run.c — the modes that are other commands under another name.
 */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/strv.h"
#include "log/log.h"
#include "sendmail.h"

void run_exec(const char *dir, const char *name, char *const argv[])
{
	_cleanup_buf_ struct buf path = BUF_LOCAL(BUF_SMALL);

	buf_putf(&path, "%s/%s", dir, name);
	(void)execv(buf_cstr(&path), argv);
	sendmail_die(EX_UNAVAILABLE, "execv %s: %m", buf_cstr(&path));
}

static _noreturn_ void run_words(const char *dir, struct strv *words)
{
	run_exec(dir, words->v[0], words->v);
}

static void add_verbose(struct strv *argv, int verbose)
{
	for (int i = 0; i < verbose; i++)
		strv_add(argv, STR("-v"));
}

/* -q...: postqueue does it. */
static _noreturn_ void flush(const struct sendmail_options *o, const struct sendmail_conf *c)
{
	struct strv argv = { 0 };

	strv_add(&argv, STR("postqueue"));
	if (o->flush_site != NULL) {
		strv_add(&argv, STR("-s"));
		strv_add(&argv, str_of(o->flush_site));
	} else if (o->flush_id != NULL) {
		strv_add(&argv, STR("-i"));
		strv_add(&argv, str_of(o->flush_id));
	} else {
		strv_add(&argv, STR("-f"));
	}
	add_verbose(&argv, o->verbose);
	run_words(c->command_directory, &argv);
}

static _noreturn_ void aliases(const struct sendmail_options *o, const struct sendmail_conf *c)
{
	struct strv argv = { 0 };

	strv_add(&argv, STR("postalias"));
	add_verbose(&argv, o->verbose);
	strv_add(&argv, STR("--"));
	if (o->alias_file != NULL)
		strv_add(&argv, str_of(o->alias_file));
	else
		strv_split(&argv, str_of(c->alias_database), ", \t\r\n");
	if (o->alias_file == NULL && c->alias_database[0] == '\0')
		_exit(0);
	run_words(c->command_directory, &argv);
}

/* The daemon goes to the background, as sendmail's did. */
static _noreturn_ void daemon_mode(const struct sendmail_conf *c)
{
	struct strv argv = { 0 };
	pid_t pid = fork();

	if (pid < 0)
		sendmail_die(EX_OSERR, "fork: %m");
	if (pid > 0)
		_exit(0);
	strv_add(&argv, STR("postfix"));
	strv_add(&argv, STR("start"));
	run_words(c->command_directory, &argv);
}

static _noreturn_ void smtp_mode(const struct sendmail_options *o, const struct sendmail_conf *c)
{
	struct strv argv = { 0 };

	strv_add(&argv, STR("smtpd"));
	strv_add(&argv, STR("-S"));
	add_verbose(&argv, o->verbose);
	run_words(c->daemon_directory, &argv);
}

static _noreturn_ void show_queue(const struct sendmail_options *o, const struct sendmail_conf *c)
{
	struct strv argv = { 0 };

	strv_add(&argv, STR("postqueue"));
	strv_add(&argv, STR("-p"));
	add_verbose(&argv, o->verbose);
	run_words(c->command_directory, &argv);
}

void run_mode(const struct sendmail_options *o, const struct sendmail_conf *c)
{
	switch (o->mode) {
	case MODE_DAEMON:
		daemon_mode(c);
	case MODE_ALIASES:
		aliases(o, c);
	case MODE_QUEUE:
		show_queue(o, c);
	case MODE_FLUSH:
		flush(o, c);
	case MODE_SMTP:
		smtp_mode(o, c);
	case MODE_IGNORE:
	case MODE_ENQUEUE:
	case MODE_VERIFY:
		break;
	}
	_exit(0);
}
