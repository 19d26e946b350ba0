/* SPDX-License-Identifier: Apache-2.0 */
/*
 * master/spawn.c — one child: descriptors, arguments, environment.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "base/fd.h"
#include "ipc/status.h"
#include "log/log.h"
#include "master.h"
#include "service/derive.h"

static void add(struct strv *v, const char *text)
{
	strv_add(v, str_of(text));
}

static void add_number(struct strv *v, const char *letter, size_t number)
{
	char text[32];

	(void)snprintf(text, sizeof text, "%zu", number);
	add(v, letter);
	add(v, text);
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == NULL ? path : slash + 1;
}

static void build_argv(const struct service_state *s, bool stress, struct strv *v)
{
	add(v, s->argv0);
	if (s->limit == 1)
		add(v, "-l");
	if (s->limit == 0)
		add(v, "-z");
	if (!str_eq(str_of(base_name(s->argv0)), str_of(s->shown))) {
		add(v, "-n");
		add(v, s->shown);
	}
	add(v, "-t");
	add(v, master_type_name(s->type));
	if (s->master->debug)
		add(v, "-d");
	if (s->master->verbose > 0)
		add(v, "-v");
	if (s->unprivileged)
		add(v, "-u");
	if (s->chroot)
		add(v, "-c");
	if (s->remote && s->limit > 1) {
		add(v, "-o");
		add(v, stress ? "stress=yes" : "stress=");
	}
	if (s->n_listeners > 1)
		add_number(v, "-s", s->n_listeners);
	for (size_t i = 0; i < s->args.n; i++)
		add(v, s->args.v[i]);
}

/* Put a descriptor where the child wants it; it was moved out of the way before. */
static void place(int from, int to)
{
	if (dup2(from, to) < 0)
		log_fatal("cannot place descriptor %d: %s", to, strerror(errno));
}

static int move_up(int fd, int above)
{
	int high = fcntl(fd, F_DUPFD_CLOEXEC, above);

	if (high < 0)
		log_fatal("cannot move descriptor %d: %s", fd, strerror(errno));
	return high;
}

static void place_descriptors(const struct service_state *s)
{
	int above = IPC_LISTEN_FD + (int)s->n_listeners;
	int read_end = move_up(s->master->flow[0], above);
	int write_end = move_up(s->master->flow[1], above);
	int status = move_up(s->status->theirs, above);

	for (size_t i = 0; i < s->n_listeners; i++)
		s->listeners[i].fd = move_up(s->listeners[i].fd, above);
	place(read_end, IPC_FLOW_READ_FD);
	place(write_end, IPC_FLOW_WRITE_FD);
	place(status, IPC_STATUS_FD);
	for (size_t i = 0; i < s->n_listeners; i++)
		place(s->listeners[i].fd, IPC_LISTEN_FD + (int)i);
}

static void place_environment(uint32_t generation, int64_t clients)
{
	char text[32];

	(void)snprintf(text, sizeof text, "%o", generation);
	check(setenv("GENERATION", text, 1) == 0);
	(void)snprintf(text, sizeof text, "%lld", (long long)clients);
	check(setenv("POSTROAD_CLIENTS", text, 1) == 0);
}

static void restore_signals(void)
{
	static const int sigs[] = { SIGPIPE, SIGHUP, SIGTERM, SIGINT, SIGQUIT, SIGILL, SIGBUS,
		SIGSEGV, SIGCHLD, SIGALRM };
	struct sigaction dfl = { .sa_handler = SIG_DFL };

	(void)alarm(0);
	for (size_t i = 0; i < ARRAY_LEN(sigs); i++)
		(void)sigaction(sigs[i], &dfl, NULL);
}

static _noreturn_ void run_child(struct service_state *s, const struct strv *argv,
	uint32_t generation, int64_t clients)
{
	restore_signals();
	place_descriptors(s);
	place_environment(generation, clients);
	(void)execv(s->path, argv->v);
	/* The log's descriptor may be one of those that were just put in place. */
	derive_log_master(s->master->conf, s->master->debug);
	log_fatal("master_spawn: exec %s: %s", s->path, strerror(errno));
}

pid_t spawn(struct service_state *s, uint32_t generation, int64_t clients, bool stress)
{
	_cleanup_strv_ struct strv argv = { 0 };
	pid_t pid;

	build_argv(s, stress, &argv);
	pid = fork();
	if (pid == 0)
		run_child(s, &argv, generation, clients);
	return pid < 0 ? -errno : pid;
}
