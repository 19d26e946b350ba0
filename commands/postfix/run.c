/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run.c — running other programs of ours, with the documented environment and no shell.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "postfix.h"

#include "log/log.h"

/** Where programs that are named without a path are looked for. */
static const char *const search[] = { "/bin", "/usr/bin", "/sbin", "/usr/sbin" };

static void put(const char *name, const char *value)
{
	if (setenv(name, value, 1) < 0)
		log_fatal("out of memory");
}

void run_environment(const struct instance *in)
{
	put("MAIL_CONFIG", in->dir);
	put("MAIL_LOGTAG", in->syslog_name);
	put("PATH", "/bin:/usr/bin:/sbin:/usr/sbin");
	put("config_directory", in->dir);
	put("queue_directory", in->queue_directory);
	put("data_directory", in->data_directory);
	put("daemon_directory", in->daemon_directory);
	put("command_directory", in->command_directory);
	put("meta_directory", in->meta_directory);
	put("shlib_directory", in->shlib_directory);
	put("html_directory", in->html_directory);
	put("manpage_directory", in->manpage_directory);
	put("readme_directory", in->readme_directory);
	put("sample_directory", in->sample_directory);
	put("sendmail_path", in->sendmail_path);
	put("newaliases_path", in->newaliases_path);
	put("mailq_path", in->mailq_path);
	put("mail_owner", in->mail_owner);
	put("setgid_group", in->setgid_group);
	put("openssl_path", in->openssl_path);
	put("compatibility_level", in->compatibility_level);
	if (in->maillog_file[0] == '\0')
		return;
	put("POSTLOG_SERVICE", in->postlog_service_name);
	put("POSTLOG_HOSTNAME", in->myhostname);
}

void run_done(struct command_line *line)
{
	strv_done(&line->argv);
	line->argv = (struct strv){ 0 };
}

void run_line(struct command_line *line, const char *dir, const char *name, const char *const *args)
{
	_cleanup_buf_ struct buf path = BUF_LOCAL(BUF_SMALL);

	if (buf_addf(&path, "%s/%s", dir, name) < 0)
		log_fatal("directory name is too long: %s", dir);
	run_done(line);
	strv_add(&line->argv, buf_str(&path));
	for (; *args != NULL; args++)
		strv_add(&line->argv, str_of(*args));
}

void run_find(struct command_line *line, const char *name, const char *arg)
{
	const char *const args[] = { arg, NULL };

	if (strchr(name, '/') != NULL) {
		run_line(line, "", name + (name[0] == '/'), args);
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(search); i++) {
		run_line(line, search[i], name, args);
		if (run_exists(line))
			return;
	}
}

bool run_exists(const struct command_line *line)
{
	return access(line->argv.v[0], X_OK) == 0;
}

void run_exec(const struct command_line *line)
{
	(void)execv(line->argv.v[0], line->argv.v);
}

static pid_t start(const struct command_line *line)
{
	pid_t pid = fork();

	if (pid < 0)
		log_fatal("fork: %s", strerror(errno));
	if (pid > 0)
		return pid;
	run_exec(line);
	log_warn("exec %s: %s", line->argv.v[0], strerror(errno));
	_exit(127);
}

int run_wait(const struct command_line *line)
{
	pid_t pid = start(line);
	int status = 0;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			log_fatal("wait: %s", strerror(errno));
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

void run_background(const struct command_line *line)
{
	(void)start(line);
}
