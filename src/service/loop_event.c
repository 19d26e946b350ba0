/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service/loop_event.c — servers around a libev loop: event, trigger and datagram services.
 *
 * A trigger is answered by one byte before it is acted on, and its connection serves further ones
 * (see struct ipc_bell); who has closed meanwhile does not mind.
 *
 * Invariants: a trigger connection lives at most TRIGGER_SECONDS without a request, whoever made it.
 * None is closed with a request unread: those that come as the process ends go to its successor.
 */
#include <errno.h>
#include <ev.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/list.h"
#include "base/mem.h"
#include "ipc/client.h"
#include "ipc/status.h"
#include "log/log.h"
#include "net/socket.h"
#include "service/run_priv.h"

/* How long a trigger may take to say what it wants, and how much it may say. */
#define TRIGGER_SECONDS 10
#define TRIGGER_MAX     1024
/* Datagram calls at the end; each takes a batch. */
#define DRAIN_MAX 64
/*
 * A parent that dies closes its end of the status channel a moment before we are somebody else's
 * child, where /proc does not show it: how long, in seconds, that is awaited, and how often it is looked.
 */
#define ORPHAN_SECONDS 0.2
#define ORPHAN_LOOK    0.01
/* How long it may take to leave all late triggers to the successor, which begins when this process is gone. */
#define HANDOVER_TIME USEC_PER_SEC

struct loop {
	struct run *run;
	struct ev_loop *ev;
	struct ev_io status;
	struct ev_io end;
	struct ev_timer timer;
	struct ev_timer pause;
	struct ev_timer orphan;
	struct ev_signal term;
	struct ev_io *listeners;
	unsigned n_listeners;
	struct list requests; /* trigger connections */
	usec_t idle_since;
	usec_t master_left; /* the status channel has ended */
};

static void on_end(struct ev_loop *ev, struct ev_io *io, int events)
{
	struct loop *l = io->data;

	(void)events;
	ev_io_stop(ev, io);
	run_end(l->run);
}

/* Master is gone: work until nobody has anything to say any more. It is there: it wants us to go. */
static void on_orphan_look(struct ev_loop *ev, struct ev_timer *timer, int events)
{
	struct loop *l = timer->data;
	bool is_orphan = run_has_lost_parent(l->run);

	(void)events;
	if (!is_orphan && clock_now() - l->master_left < (usec_t)(ORPHAN_SECONDS * USEC_PER_SEC))
		return;
	ev_timer_stop(ev, timer);
	if (!is_orphan)
		run_end(l->run);
}

/*
 * The end of the status channel for a datagram service, which is the log: when master was killed the
 * others serve their clients to the end, and what they say of accepted mail is still written.
 */
static void on_status_dgram(struct ev_loop *ev, struct ev_io *io, int events)
{
	struct loop *l = io->data;

	ev_io_stop(ev, io);
	l->run->orphan = true; /* nobody to report to, either way */
	l->master_left = clock_now();
	ev_timer_start(ev, &l->orphan);
	on_orphan_look(ev, &l->orphan, events);
}

static void on_timer(struct ev_loop *ev, struct ev_timer *timer, int events)
{
	(void)ev;
	(void)timer;
	(void)events;
}

static void stop_listening(struct loop *l)
{
	for (unsigned i = 0; i < l->n_listeners; i++)
		ev_io_stop(l->ev, &l->listeners[i]);
}

static void on_pause_end(struct ev_loop *ev, struct ev_timer *timer, int events)
{
	struct loop *l = timer->data;

	(void)events;
	for (unsigned i = 0; i < l->n_listeners && !l->run->ending; i++)
		ev_io_start(ev, &l->listeners[i]);
}

/* Out of descriptors or memory: do not spin on a listener that stays readable. */
static void pause_listening(struct loop *l)
{
	stop_listening(l);
	ev_timer_stop(l->ev, &l->pause);
	ev_timer_init(&l->pause, on_pause_end, (double)ACCEPT_PAUSE / (double)USEC_PER_SEC, 0.);
	l->pause.data = l;
	ev_timer_start(l->ev, &l->pause);
}

/* A connection came or an event was handled. */
static void count_use(struct loop *l)
{
	struct run *run = l->run;

	l->idle_since = clock_now();
	run->served++;
	run_prove(run);
	if (run->ctx.max_use > 0 && run->served >= (uint64_t)run->ctx.max_use)
		run_end(run);
}

static void on_accept(struct ev_loop *ev, struct ev_io *io, int events)
{
	struct loop *l = io->data;
	struct run *run = l->run;
	int fd;

	(void)ev;
	(void)events;
	if (run_table_changed(run))
		return;
	fd = net_accept(io->fd, NULL);
	if (fd < 0) {
		if (run_accept_failed(run, fd))
			pause_listening(l);
		return;
	}
	if (fd_nonblock(fd, true) < 0)
		log_warn("cannot make a socket non-blocking");
	run->active++;
	run->def->accept(&run->ctx, fd);
	count_use(l);
}

/* A trigger that has connected. */
struct request {
	struct list node;
	struct ev_io io;
	struct ev_timer timer;
	struct loop *loop;
};

static void request_done(struct request *r)
{
	list_remove(&r->node);
	ev_io_stop(r->loop->ev, &r->io);
	ev_timer_stop(r->loop->ev, &r->timer);
	fd_close(r->io.fd);
	free(r);
}

/* Read what a trigger wants and do it: false when there is nothing to read. */
static bool run_trigger(struct loop *l, int fd, bool answer)
{
	char text[TRIGGER_MAX];
	ssize_t n;

	do {
		n = read(fd, text, sizeof text);
	} while (n < 0 && errno == EINTR);
	if (n <= 0)
		return false;
	if (answer)
		IGNORE(send(fd, "", 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0);
	l->run->def->trigger(&l->run->ctx, str_from(text, (size_t)n));
	count_use(l);
	return true;
}

static void on_request(struct ev_loop *ev, struct ev_io *io, int events)
{
	struct request *r = io->data;

	(void)events;
	if (run_trigger(r->loop, io->fd, true))
		ev_timer_again(ev, &r->timer);
	else
		request_done(r);
}

static void on_request_timeout(struct ev_loop *ev, struct ev_timer *timer, int events)
{
	struct request *r = timer->data;

	(void)ev;
	(void)events;
	/* From here on the client notices that it has to connect anew. */
	(void)shutdown(r->io.fd, SHUT_RD);
	(void)run_trigger(r->loop, r->io.fd, false);
	request_done(r);
}

/*
 * Tell the successor, by way of our own socket, of triggers that came too late for this process. What was
 * said a moment ago is not said again: the socket's queue may be full of it, and nobody empties that now.
 */
static void hand_over(struct loop *l)
{
	_cleanup_buf_ struct buf told = BUF_LOCAL(TRIGGER_MAX);
	usec_t deadline = clock_deadline(HANDOVER_TIME);
	struct sockaddr_un un = { 0 };
	socklen_t len = sizeof un - 1;
	bool named = getsockname(IPC_LISTEN_FD, (struct sockaddr *)&un, &len) == 0;

	LIST_FOREACH_SAFE(it, &l->requests) {
		struct request *r = list_entry(it, struct request, node);
		char text[TRIGGER_MAX];
		ssize_t n;

		(void)shutdown(r->io.fd, SHUT_RD);
		n = read(r->io.fd, text, sizeof text);
		if (n > 0 && !str_eq(buf_str(&told), str_from(text, (size_t)n))) {
			usec_t left = MAX(deadline - clock_now(), USEC_PER_MSEC);

			buf_clear(&told);
			buf_put(&told, str_from(text, (size_t)n));
			if (!named || ipc_trigger(un.sun_path, buf_str(&told), left) < 0)
				log_warn("a request came too late and was lost");
		}
		request_done(r);
	}
}

static void on_trigger(struct ev_loop *ev, struct ev_io *io, int events)
{
	struct loop *l = io->data;
	struct request *r;
	int fd = net_accept(io->fd, NULL);

	(void)events;
	if (fd < 0) {
		if (run_accept_failed(l->run, fd))
			pause_listening(l);
		return;
	}
	r = mem_new(struct request);
	r->loop = l;
	list_push(&l->requests, &r->node);
	ev_io_init(&r->io, on_request, fd, EV_READ);
	r->io.data = r;
	ev_io_start(ev, &r->io);
	ev_timer_init(&r->timer, on_request_timeout, 0., TRIGGER_SECONDS);
	r->timer.data = r;
	ev_timer_again(ev, &r->timer);
}

static void on_fifo(struct ev_loop *ev, struct ev_io *io, int events)
{
	(void)ev;
	(void)events;
	(void)run_trigger(io->data, io->fd, false);
}

static void on_datagram(struct ev_loop *ev, struct ev_io *io, int events)
{
	struct loop *l = io->data;

	(void)ev;
	(void)events;
	l->run->def->datagram(&l->run->ctx, io->fd);
	count_use(l);
}

/* The end of a datagram service: what peers sent before is still served (the last log lines). */
static void on_term(struct ev_loop *ev, struct ev_signal *sig, int events)
{
	struct loop *l = sig->data;

	(void)ev;
	(void)events;
	for (unsigned i = 0; i < l->n_listeners; i++)
		for (int n = 0; n < DRAIN_MAX; n++) {
			if (fd_wait(l->listeners[i].fd, POLLIN, clock_now()) < 0)
				break;
			l->run->def->datagram(&l->run->ctx, l->listeners[i].fd);
		}
	run_end(l->run);
}

typedef void (*io_fn)(struct ev_loop *ev, struct ev_io *io, int events);

static io_fn listener_fn(const struct run *run)
{
	switch (run->def->kind) {
	case SERVICE_EVENT:
		return on_accept;
	case SERVICE_TRIGGER:
		return str_eq(str_of(run->ctx.transport_type), STR("fifo")) ? on_fifo : on_trigger;
	case SERVICE_DGRAM:
		return on_datagram;
	case SERVICE_SINGLE:
	case SERVICE_THREADED:
		break;
	}
	check(!"no event server");
	return NULL;
}

static void start(struct loop *l)
{
	struct run *run = l->run;

	ev_io_init(&l->status, run->def->kind == SERVICE_DGRAM ? on_status_dgram : on_end,
		IPC_STATUS_FD, EV_READ);
	l->status.data = l;
	ev_timer_init(&l->orphan, on_orphan_look, ORPHAN_LOOK, ORPHAN_LOOK);
	l->orphan.data = l;
	ev_io_start(l->ev, &l->status);
	ev_io_init(&l->end, on_end, run->end_fd, EV_READ);
	l->end.data = l;
	ev_io_start(l->ev, &l->end);
	ev_timer_init(&l->pause, on_pause_end, 0., 0.);
	if (run->def->kind == SERVICE_DGRAM) {
		ev_signal_init(&l->term, on_term, SIGTERM);
		l->term.data = l;
		ev_signal_start(l->ev, &l->term);
	}
	l->n_listeners = run->opt.sockets;
	l->listeners = mem_array(l->n_listeners, sizeof *l->listeners);
	for (unsigned i = 0; i < l->n_listeners; i++) {
		ev_io_init(&l->listeners[i], listener_fn(run), IPC_LISTEN_FD + (int)i, EV_READ);
		l->listeners[i].data = l;
		ev_io_start(l->ev, &l->listeners[i]);
	}
}

/* Wait for events once, as long as everyone allows. */
static void wait_once(struct loop *l, bool idle)
{
	struct run *run = l->run;
	usec_t limit = run_before_wait(run, run_wait_limit(run, idle, l->idle_since));

	run_watchdog(run);
	if (run->ending && run->active == 0)
		return;
	ev_timer_stop(l->ev, &l->timer);
	ev_now_update(l->ev);
	ev_timer_set(&l->timer, (double)limit / (double)USEC_PER_SEC, 0.);
	ev_timer_start(l->ev, &l->timer);
	ev_run(l->ev, EVRUN_ONCE);
}

/* -S: one trigger comes on standard input, or the one client of an event server is there. */
static _noreturn_ void stand_alone(struct loop *l)
{
	struct run *run = l->run;
	char text[TRIGGER_MAX];
	ssize_t n;
	int fd;

	if (run->def->kind == SERVICE_TRIGGER) {
		do {
			n = read(STDIN_FILENO, text, sizeof text);
		} while (n < 0 && errno == EINTR);
		if (n < 0)
			log_fatal("read: %s", strerror(errno));
		run->def->trigger(&run->ctx, str_from(text, (size_t)n));
		run_exit(run);
	}
	fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, IPC_LISTEN_FD);
	if (fd < 0 || fd_nonblock(fd, true) < 0)
		log_fatal("standard input: %s", strerror(errno));
	run->active++;
	run->def->accept(&run->ctx, fd);
	while (run->active > 0)
		wait_once(l, false);
	run_exit(run);
}

void loop_event(struct run *run)
{
	struct loop l = { .run = run, .ev = run->ctx.loop, .idle_since = clock_now() };

	list_init(&l.requests);
	ev_timer_init(&l.timer, on_timer, 0., 0.);
	if (run->ctx.stand_alone)
		stand_alone(&l);
	start(&l);
	while (!run->ending) {
		bool idle = run->active == 0;

		if (run_is_over(run, idle, l.idle_since))
			break;
		wait_once(&l, idle);
		if (!idle)
			l.idle_since = clock_now();
	}
	stop_listening(&l);
	/* Who serves no clients any more does not keep the address from the next one. */
	for (unsigned i = 0; run->def->kind == SERVICE_EVENT && i < l.n_listeners; i++)
		fd_close(l.listeners[i].fd);
	/* Clients that are connected are served to their end. */
	while (run->active > 0)
		wait_once(&l, false);
	hand_over(&l);
	free(l.listeners);
	run_exit(run);
}
