/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service/run.c — what the skeletons share: status, watchdog, the end; see run_priv.h.
 */
#include "service/run_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/num.h"
#include "ipc/attr.h"
#include "ipc/status.h"
#include "log/log.h"
#include "net/socket.h"

/* How long the front end of a `pass` service may take to hand over its client. */
#define PASS_TIMEOUT (100 * USEC_PER_SEC)
/* The first request of a connection is awaited this long, though the process is to end. */
#define FIRST_REQUEST_TIME (5 * USEC_PER_SEC)
/* A connection's arena holds at most this much. */
#define CLIENT_ARENA ((size_t)64 * 1024 * 1024)
/* What of it stays for the next client. */
#define KEEP_ARENA ((size_t)2 * 1024)

void run_end(struct run *run)
{
	uint64_t one = 1;

	if (atomic_exchange(&run->ending, true))
		return;
	if (write(run->end_fd, &one, sizeof one) < 0)
		log_warn("cannot wake the process: eventfd");
}

void run_status(struct run *run, int avail)
{
	if (run->ctx.stand_alone || run->orphan)
		return;
	run->status_taken = (avail & 0xff) == IPC_TAKEN;
	if (ipc_status_send(IPC_STATUS_FD, run->generation, avail) < 0)
		run_end(run);
}

void run_note_parent(struct run *run)
{
	char path[64];

	run->parent = getppid();
	(void)snprintf(path, sizeof path, "/proc/%d/stat", (int)run->parent);
	run->parent_fd = fd_open(path, O_RDONLY, 0);
}

/*
 * "pid (name) state ppid pgrp session tty tpgid flags ...": a process that is on its way out, which
 * closes its descriptors before it is nobody's parent any more, has PF_EXITING among its flags.
 */
static bool is_leaving(struct str stat)
{
	const uint64_t pf_exiting = 4;
	struct str rest = str_skip(stat, (size_t)(str_rchr(stat, ')') + 1));
	struct str word;
	uint64_t flags = 0;

	for (int i = 0; i < 7; i++)
		if (!str_word(&rest, " ", &word) || (i == 0 && str_eq(word, STR("Z"))))
			return true;
	return num_u64(word, UINT32_MAX, &flags) == 0 && (flags & pf_exiting) != 0;
}

bool run_has_lost_parent(const struct run *run)
{
	char text[1024];
	ssize_t n;

	if (getppid() != run->parent)
		return true;
	if (run->parent_fd < 0)
		return false;
	n = fd_pread(run->parent_fd, text, sizeof text, 0);
	return n == -ESRCH || (n > 0 && is_leaving(str_from(text, (size_t)n)));
}

void run_prove(struct run *run)
{
	if (run->proven)
		return;
	run->proven = true;
	if (run->announced) {
		/* The announcement again: to seem taken for a moment would look like stress. */
		run_status(run, IPC_AVAIL | (int)run->ctx.clients << 8);
		return;
	}
	run_status(run, IPC_TAKEN);
	run_status(run, IPC_AVAIL);
}

void run_worked(struct run *run)
{
	uint64_t one = 1;

	if (atomic_load(&run->worked) || atomic_exchange(&run->worked, true))
		return;
	if (run->def->kind == SERVICE_THREADED && !run->ctx.stand_alone &&
		write(run->wake_fd, &one, sizeof one) < 0)
		log_warn("cannot wake the main thread: %s", strerror(errno));
}

void run_exit(struct run *run)
{
	if (run->def->at_exit != NULL)
		run->def->at_exit(&run->ctx);
	exit(0);
}

bool run_table_changed(struct run *run)
{
	const char *table;

	if (run->def->pre_accept == NULL)
		return false;
	table = run->def->pre_accept(&run->ctx);
	if (table == NULL)
		return false;
	log_info("table %s has changed -- restarting", table);
	run_end(run);
	return true;
}

/* Three alarms a third of the limit apart, so that a stopped machine is not taken for a fault. */
static volatile sig_atomic_t the_alarms;
static unsigned the_alarm_interval;

static void on_alarm(int sig)
{
	struct sigaction dfl = { .sa_handler = SIG_DFL };
	sigset_t set;

	(void)sig;
	the_alarms = the_alarms + 1;
	if (the_alarms < 3) {
		(void)alarm(the_alarm_interval);
		return;
	}
	/* Should the log hang as well, the next alarm kills. */
	(void)sigaction(SIGALRM, &dfl, NULL);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGALRM);
	(void)sigprocmask(SIG_UNBLOCK, &set, NULL);
	(void)alarm(10);
	log_fatal("watchdog timeout");
}

void run_watchdog(struct run *run)
{
	struct sigaction act = { .sa_handler = on_alarm, .sa_flags = SA_RESTART };

	usec_t now = clock_now();

	if (the_alarm_interval == 0) {
		the_alarm_interval = (unsigned)MAX(run->watchdog / USEC_PER_SEC / 3, (usec_t)1);
		check(sigaction(SIGALRM, &act, NULL) == 0);
	} else if (the_alarms == 0 &&
		   now < run->watchdog_set + MIN(run->watchdog / 32, USEC_PER_SEC)) {
		return; /* set a moment ago */
	}
	run->watchdog_set = now;
	the_alarms = 0;
	(void)alarm(the_alarm_interval);
}

usec_t run_wait_limit(const struct run *run, bool idle, usec_t idle_since)
{
	usec_t limit = run->watchdog / 4;
	usec_t now = clock_now();

	if (idle && run->ctx.max_idle > 0)
		limit = MIN(limit, idle_since + run->ctx.max_idle - now);
	if (idle && run->retire_at != USEC_NEVER)
		limit = MIN(limit, run->retire_at - now);
	return MAX(limit, (usec_t)0);
}

usec_t run_before_wait(struct run *run, usec_t limit)
{
	int seconds;

	if (run->def->before_wait == NULL)
		return limit;
	seconds = run->def->before_wait(&run->ctx);
	return seconds < 0 ? limit : MIN(limit, seconds * USEC_PER_SEC);
}

bool run_is_over(const struct run *run, bool idle, usec_t idle_since)
{
	usec_t now = clock_now();

	if (!idle)
		return false;
	return (run->ctx.max_idle > 0 && now - idle_since >= run->ctx.max_idle) ||
	       now >= run->retire_at;
}

/* Read an address and a port that a front end sends as two attributes. */
static int get_endpoint(struct attr_list *l, const char *addr_name, const char *port_name,
	struct net_addr *ret)
{
	struct str addr;
	int port = 0;
	int r = attr_str(l, addr_name, &addr);

	if (r == 0)
		r = attr_int(l, port_name, &port);
	if (r < 0)
		return r;
	return net_addr_parse(addr, (uint16_t)(port & 0xffff), ret);
}

/* Take over the client of postscreen: descriptor first, then the endpoints. */
static int receive_client(int fd, struct service_client *client)
{
	_cleanup_arena_ struct arena *a = arena_new(BUF_SMALL);
	struct stream *s;
	struct attr_list l;
	int passed = net_recv_fd(fd, clock_deadline(PASS_TIMEOUT));
	int r;

	if (passed < 0) {
		fd_close(fd);
		return passed;
	}
	s = stream_new(fd);
	stream_timeout(s, PASS_TIMEOUT);
	r = attr_list_read(s, ATTR_NUL, 4096, a, &l);
	if (r == 0)
		r = get_endpoint(&l, "client_address", "client_port", &client->pass_client);
	if (r == 0)
		r = get_endpoint(&l, "server_address", "server_port", &client->pass_server);
	stream_free(s);
	if (r == 0)
		r = fd_nonblock(passed, false);
	if (r < 0) {
		fd_close(passed);
		return r;
	}
	client->from_pass = true;
	client->is_inet = true;
	client->peer = client->pass_client;
	return passed;
}

int client_open(struct run *run, int fd, const struct net_addr *peer, struct service_client *ret)
{
	struct service_client c = { .service = run->ctx.name,
		.args = run->ctx.args,
		.opened = clock_now() };

	if (str_eq(str_of(run->ctx.transport_type), STR("pass"))) {
		fd = receive_client(fd, &c);
		if (fd < 0) {
			if (fd != -ENODATA)
				log_warn("cannot take over a passed connection: %s", strerror(-fd));
			return fd;
		}
	} else {
		c.peer = *peer;
		c.is_inet = peer->sa.sa_family == AF_INET || peer->sa.sa_family == AF_INET6;
	}
	c.stream = stream_again(ret->stream, fd);
	stream_timeout(c.stream, run->conf.ipc_timeout);
	c.arena = ret->arena != NULL ? ret->arena : arena_new(CLIENT_ARENA);
	*ret = c;
	return 0;
}

bool run_accept_failed(struct run *run, int error)
{
	usec_t now = clock_now();

	if (error == -EAGAIN)
		return false;
	if (run->accept_warned == 0 || now - run->accept_warned >= 10 * USEC_PER_SEC) {
		run->accept_warned = now;
		log_warn("accept connection: %s", strerror(-error));
	}
	return true;
}

void run_pause(void)
{
	struct timespec ts = { .tv_nsec = ACCEPT_PAUSE * 1000 };

	(void)nanosleep(&ts, NULL);
}

void client_close(struct service_client *client)
{
	IGNORE(stream_end(client->stream));
	arena_trim(client->arena, KEEP_ARENA);
}

void client_done(struct service_client *client)
{
	stream_free(client->stream);
	arena_free(client->arena);
}

bool service_is_ending(const struct service_ctx *ctx)
{
	_Static_assert(offsetof(struct run, ctx) == 0, "the context is the first part");
	return ((const struct run *)(const void *)ctx)->ending;
}

void service_end(struct service_ctx *ctx, const char *reason)
{
	struct run *run = run_of(ctx);

	if (reason != NULL && !run->ending)
		log_info("%s", reason);
	run_end(run);
}

bool service_next_request(struct service_ctx *ctx, struct service_client *client, usec_t timeout)
{
	struct run *run = run_of(ctx);
	usec_t deadline = clock_deadline(timeout > 0 ? timeout : run->conf.ipc_timeout);
	usec_t grace = client->began ? 0 : client->opened + FIRST_REQUEST_TIME;
	struct pollfd p[2] = { { .fd = stream_fd(client->stream), .events = POLLIN },
		{ .fd = run->end_fd, .events = POLLIN } };

	/*
	 * A single server is its own watch: end of file on the status channel tells it to go, and each
	 * request is a sign of life, however long the connection lasts.
	 */
	if (run->def->kind == SERVICE_SINGLE && !ctx->stand_alone) {
		p[1].fd = IPC_STATUS_FD;
		run_watchdog(run);
	}
	if (client->began)
		run_worked(run);
	client->began = true;
	if (stream_flush(client->stream) < 0)
		return false;
	for (;;) {
		int n;

		if (stream_buffered(client->stream).len > 0)
			return true;
		n = poll(p, 2, clock_poll_ms(deadline));
		if (n < 0 && errno != EINTR)
			return false;
		if (n > 0 && p[1].revents != 0)
			run_end(run);
		if (n > 0 && p[0].revents != 0)
			return p[1].revents == 0 || stream_readable(client->stream);
		if (n > 0) {
			if (clock_now() >= grace)
				return false;
			p[1].fd = -1;
			deadline = MIN(deadline, grace);
		}
		if (clock_poll_ms(deadline) == 0)
			return false;
	}
}

void service_client_done(struct service_ctx *ctx)
{
	struct run *run = run_of(ctx);

	check(run->active > 0);
	run->active--;
}

void service_flow_delay(struct service_ctx *ctx)
{
	struct run *run = run_of(ctx);
	struct timespec ts = { .tv_sec = run->conf.in_flow_delay / USEC_PER_SEC,
		.tv_nsec = run->conf.in_flow_delay % USEC_PER_SEC * 1000 };
	char token;

	if (run->conf.in_flow_delay <= 0 || ctx->stand_alone)
		return;
	if (read(IPC_FLOW_READ_FD, &token, 1) < 0 && errno == EAGAIN)
		(void)nanosleep(&ts, NULL);
}
