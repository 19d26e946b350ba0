/* SPDX-License-Identifier: Apache-2.0 */
/*
 * postkick — send a request to a service: postkick [-c config_dir] [-v] class service request.
 *
 * Exit status 0: delivered. 1: the service is not there, or did not take it in time.
 */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/fd.h"
#include "ipc/client.h"
#include "service/derive.h"

struct postkick_conf {
	const char *queue_directory;
	usec_t application_event_drain_time;
};

static const struct conf_var vars[] = {
	CV_STR(struct postkick_conf, queue_directory),
	CV_TIME(struct postkick_conf, application_event_drain_time),
	CV_END,
};

_noreturn_ static void usage(void)
{
	log_fatal("usage: postkick [-c config_dir] [-v] class service request");
}

int main(int argc, char **argv)
{
	struct postkick_conf pc;
	struct conf *conf;
	struct why why;
	const char *dir = NULL;
	char path[108];
	int verbose = 0;
	int c, r;

	fd_open_std();
	while ((c = getopt(argc, argv, "c:v")) > 0) {
		if (c == 'c')
			dir = optarg;
		else if (c == 'v')
			verbose++;
		else
			usage();
	}
	if (argc - optind != 3)
		usage();
	log_set_verbose(verbose);
	conf = derive_command_conf("postkick", dir);
	if (conf_fill(conf, vars, &pc, &why) < 0)
		log_fatal("%s", why.text);
	if (chdir(pc.queue_directory) < 0)
		log_fatal("chdir %s: %m", pc.queue_directory);
	r = snprintf(path, sizeof(path), "%s/%s", argv[optind], argv[optind + 1]);
	if (r < 0 || (size_t)r >= sizeof(path))
		log_fatal("name of the service is too long: %s/%s", argv[optind], argv[optind + 1]);
	r = ipc_trigger(path, str_of(argv[optind + 2]), pc.application_event_drain_time);
	if (r < 0) {
		errno = -r;
		log_warn("cannot deliver the request to %s: %m", path);
	}
	conf_free(conf);
	return r < 0 ? 1 : 0;
}
