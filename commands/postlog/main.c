/* SPDX-License-Identifier: Apache-2.0 */
/*
 * postlog — log a line, or each line of standard input: postlog [-iv] [-c config_dir] [-p priority]
 * [-t tag] [text ...].
 *
 * The line goes to the log as every program's does, and to standard error. -i is obsolete: the
 * process id is always logged.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "service/derive.h"

struct priority {
	const char *name;
	enum log_sev sev;
};

static const struct priority priorities[] = {
	{ "info", LOG_SEV_INFO },
	{ "warn", LOG_SEV_WARN },
	{ "warning", LOG_SEV_WARN },
	{ "error", LOG_SEV_ERROR },
	{ "err", LOG_SEV_ERROR },
	{ "fatal", LOG_SEV_FATAL },
	{ "crit", LOG_SEV_FATAL },
	{ "panic", LOG_SEV_PANIC },
};

_noreturn_ static void usage(void)
{
	log_fatal("usage: postlog [-iv] [-c config_dir] [-p priority] [-t tag] [text]");
}

static enum log_sev priority_of(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(priorities); i++)
		if (strcasecmp(name, priorities[i].name) == 0)
			return priorities[i].sev;
	log_fatal("bad severity: \"%s\": use info, warn, error, fatal or panic", name);
}

static void log_input(enum log_sev sev)
{
	_cleanup_free_ char *line = NULL;
	size_t size = 0;
	ssize_t n;

	while ((n = getline(&line, &size, stdin)) > 0) {
		if (line[n - 1] == '\n')
			line[n - 1] = '\0';
		log_record(sev, line);
	}
}

/* The line is on standard error in any case; who reads the log file must not wait for it. */
static void check_logged(struct conf *conf, uint64_t before)
{
	_cleanup_free_ char *file = NULL;
	struct why why;

	log_flush();
	if (log_dropped() == before || conf_str(conf, "maillog_file", &file, &why) < 0 ||
		file[0] == '\0')
		return;
	log_fatal(
		"not logged: neither postlogd nor %s can be written to; without set-group-id, and "
		"with NoNewPrivileges, only root and the mail owner may",
		file);
}

int main(int argc, char **argv)
{
	_cleanup_buf_ struct buf text = BUF_LOCAL(BUF_SMALL);
	struct conf *conf;
	const char *dir = NULL, *tag = NULL, *priority = "info";
	uint64_t dropped;
	enum log_sev sev;
	int c, verbose = 0;

	fd_open_std();
	while ((c = getopt(argc, argv, "c:ip:t:v")) > 0) {
		switch (c) {
		case 'c':
			dir = optarg;
			break;
		case 'i':
			break;
		case 'p':
			priority = optarg;
			break;
		case 't':
			tag = optarg;
			break;
		case 'v':
			verbose++;
			break;
		default:
			usage();
		}
	}
	sev = priority_of(priority);
	conf = derive_command_conf("postlog", dir);
	if (getuid() == 0)
		log_set_verbose(verbose);
	/* -t is the whole tag, as logger(1) has it. */
	if (tag != NULL)
		derive_log_tag(conf, tag, true, true);
	dropped = log_dropped();
	if (optind < argc) {
		for (int i = optind; i < argc; i++) {
			if (buf_adds(&text, argv[i]) < 0 ||
				buf_adds(&text, i + 1 < argc ? " " : "") < 0)
				log_fatal("the text is too long");
		}
		log_record(sev, buf_cstr(&text));
	} else {
		log_input(sev);
	}
	check_logged(conf, dropped);
	if (sev >= LOG_SEV_FATAL)
		(void)sleep(1);
	conf_free(conf);
	return 0;
}
