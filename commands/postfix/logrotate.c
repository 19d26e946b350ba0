/* SPDX-License-Identifier: Apache-2.0 */
/*
 * logrotate.c — move maillog_file aside, have a new one made, compress the old one.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "postfix.h"

#include "log/log.h"

static void rotated_name(const struct instance *in, struct buf *ret)
{
	char suffix[256] = "";
	time_t now = time(NULL);
	struct tm tm;

	if (localtime_r(&now, &tm) == NULL)
		log_fatal("local time: %s", strerror(errno));
		/* The format is the administrator's: that is what the parameter is for. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	if (strftime(suffix, sizeof suffix, in->maillog_file_rotate_suffix, &tm) == 0)
		log_fatal("bad maillog_file_rotate_suffix: %s", in->maillog_file_rotate_suffix);
#pragma GCC diagnostic pop
	if (strchr(suffix, '/') != NULL)
		log_fatal("maillog_file_rotate_suffix must not hold a '/': %s", suffix);
	buf_putf(ret, "%s.%s", in->maillog_file, suffix);
}

int logrotate(const struct instance *in)
{
	_cleanup_buf_ struct buf name = BUF_LOCAL(BUF_SMALL);
	_cleanup_line_ struct command_line line = { 0 };
	pid_t pid;

	if (in->maillog_file[0] == '\0')
		log_fatal("logrotate: maillog_file is not set, so there is no file to rotate");
	if (strncmp(in->maillog_file, "/dev/", strlen("/dev/")) == 0)
		log_fatal("logrotate: not rotating '%s'", in->maillog_file);
	rotated_name(in, &name);
	if (access(buf_cstr(&name), F_OK) == 0)
		log_fatal("logrotate: %s exists already", buf_cstr(&name));
	if (rename(in->maillog_file, buf_cstr(&name)) < 0)
		log_fatal("logrotate: rename '%s' to '%s': %s", in->maillog_file, buf_cstr(&name),
			strerror(errno));
	pid = control_master(in);
	if (pid != 0) {
		/* The log service is started anew, and lets go of the old file when it is idle. */
		if (kill(pid, SIGHUP) < 0)
			log_fatal("logrotate: send signal to process %d: %s", (int)pid,
				strerror(errno));
		(void)sleep(1);
	}
	run_find(&line, in->maillog_file_compressor, buf_cstr(&name));
	if (run_wait(&line) != 0)
		log_fatal("logrotate: %s %s failed", in->maillog_file_compressor, buf_cstr(&name));
	return 0;
}
