/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service/loop_single.c — the single-client server: one client at a time in this process.
 *
 * The plainest of the skeletons, and the only one that may change identity for its client: while it
 * serves there is nobody else in the process. What it does is the whole contract with master:
 *
 *   wait       for a listener or the status channel, no longer than max_idle and -r allow
 *   look       whether a table changed: then leave before the client is accepted; a fresh process,
 *              which master starts because the listener is still readable, will serve it
 *   accept     somebody else may have been faster: the listeners do not block
 *   taken      tell master, so that it starts another process for the next client
 *   serve      the daemon's function; blocks as long as it must, each wait with ipc_timeout
 *   close      flush, close, free what the connection had
 *   available  tell master; it counts the use, so that a later fault is not a "bad command startup"
 *
 * The process ends, always with status 0 and after at_exit(), when it has served max_use clients, was
 * idle for max_idle, reached its age, found a table changed, or when master is gone or has replaced
 * the status channel: end of file while idle, a failed write after a client. A client that was
 * accepted is served to its end in every case.
 *
 * Idle processes of one service wait with EPOLLEXCLUSIVE, so that a client wakes one of them. No
 * accept lock is taken (docs/architecture.md says why that keeps the contract).
 */
#include <errno.h>
#include <sys/epoll.h>

#include "base/fd.h"
#include "ipc/status.h"
#include "log/log.h"
#include "net/socket.h"
#include "service/run_priv.h"

static void watch(int ep, int fd, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.fd = fd };

	if (epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev) < 0)
		log_fatal("cannot watch descriptor %d: %s", fd, strerror(errno));
}

static int open_watch(const struct run *run)
{
	int ep = epoll_create1(EPOLL_CLOEXEC);

	if (ep < 0)
		log_fatal("epoll: %s", strerror(errno));
	watch(ep, IPC_STATUS_FD, EPOLLIN);
	for (unsigned i = 0; i < run->opt.sockets; i++)
		watch(ep, IPC_LISTEN_FD + (int)i, EPOLLIN | EPOLLEXCLUSIVE);
	return ep;
}

/* Accept and serve one client; the end begins when something says so. */
static void serve_one(struct run *run, int listener)
{
	struct service_client client = { .stream = NULL };
	struct net_addr peer;
	int fd;

	if (run_table_changed(run))
		return;
	fd = net_accept(listener, &peer);
	if (fd < 0) {
		if (run_accept_failed(run, fd))
			run_pause();
		return;
	}
	run_status(run, IPC_TAKEN);
	if (client_open(run, fd, &peer, &client) == 0) {
		run->def->serve(&run->ctx, &client);
		client_close(&client);
	}
	client_done(&client);
	run->served++;
	if (run->ctx.max_use > 0 && run->served >= (uint64_t)run->ctx.max_use)
		run_end(run);
	run_status(run, IPC_AVAIL);
}

/* -S: the client is on standard input and output, and there is no master. */
static _noreturn_ void stand_alone(struct run *run)
{
	struct service_client client = { .service = run->ctx.name,
		.args = run->ctx.args,
		.stand_alone = true };

	client.is_inet = net_peer(0, &client.peer) && (client.peer.sa.sa_family == AF_INET ||
							      client.peer.sa.sa_family == AF_INET6);
	client.stream = stream_new_pair(0, 1);
	stream_timeout(client.stream, run->conf.ipc_timeout);
	client.arena = arena_new(0);
	run->def->serve(&run->ctx, &client);
	client_close(&client);
	client_done(&client);
	run_exit(run);
}

void loop_single(struct run *run)
{
	usec_t idle_since = clock_now();
	int ep;

	if (run->ctx.stand_alone)
		stand_alone(run);
	ep = open_watch(run);
	while (!run->ending && !run_is_over(run, true, idle_since)) {
		struct epoll_event ev;
		usec_t limit = run_before_wait(run, run_wait_limit(run, true, idle_since));
		int n;

		run_watchdog(run);
		n = epoll_wait(ep, &ev, 1, (int)((limit + 999) / USEC_PER_MSEC));
		if (n < 1)
			continue;
		if (ev.data.fd == IPC_STATUS_FD)
			break;
		serve_one(run, ev.data.fd);
		idle_since = clock_now();
	}
	run_exit(run);
}
