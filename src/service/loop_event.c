/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service/loop_event.c — servers around a libev loop: event, trigger and datagram services.
 *
 * Invariant: a trigger connection lives at most TRIGGER_SECONDS, whoever made it.
 */
#include <errno.h>
#include <ev.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "ipc/status.h"
#include "log/log.h"
#include "net/socket.h"
#include "service/run_priv.h"

/* How long a trigger may take to say what it wants, and how much it may say. */
#define TRIGGER_SECONDS 10
#define TRIGGER_MAX     1024
/* Datagram calls at the end; each takes a batch. */
#define DRAIN_MAX 64

struct loop {
	struct run *run;
	struct ev_loop *ev;
	struct ev_io status;
	struct ev_io end;
	struct ev_timer timer;
	struct ev_timer pause;
	struct ev_signal term;
	struct ev_io *listeners;
	unsigned n_listeners;
	usec_t idle_since;
};

static void on_end(struct ev_loop *ev, struct ev_io *io, int events)
{
	struct loop *l = io->data;

	(void)events;
	ev_io_stop(ev, io);
	run_end(l->run);
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
	run_first_use(run);
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
	struct ev_io io;
	struct ev_timer timer;
	struct loop *loop;
};

static void request_done(struct request *r)
{
	ev_io_stop(r->loop->ev, &r->io);
	ev_timer_stop(r->loop->ev, &r->timer);
	fd_close(r->io.fd);
	free(r);
}

static void run_trigger(struct loop *l, int fd)
{
	char text[TRIGGER_MAX];
	ssize_t n;

	do {
		n = read(fd, text, sizeof text);
	} while (n < 0 && errno == EINTR);
	if (n > 0) {
		l->run->def->trigger(&l->run->ctx, str_from(text, (size_t)n));
		count_use(l);
	}
}

static void on_request(struct ev_loop *ev, struct ev_io *io, int events)
{
	struct request *r = io->data;

	(void)ev;
	(void)events;
	run_trigger(r->loop, io->fd);
	request_done(r);
}

static void on_request_timeout(struct ev_loop *ev, struct ev_timer *timer, int events)
{
	(void)ev;
	(void)events;
	request_done(timer->data);
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
	ev_io_init(&r->io, on_request, fd, EV_READ);
	r->io.data = r;
	ev_io_start(ev, &r->io);
	ev_timer_init(&r->timer, on_request_timeout, TRIGGER_SECONDS, 0.);
	r->timer.data = r;
	ev_timer_start(ev, &r->timer);
}

static void on_fifo(struct ev_loop *ev, struct ev_io *io, int events)
{
	(void)ev;
	(void)events;
	run_trigger(io->data, io->fd);
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

	ev_io_init(&l->status, on_end, IPC_STATUS_FD, EV_READ);
	l->status.data = l;
	ev_io_start(l->ev, &l->status);
	ev_io_init(&l->end, on_end, run->end_fd, EV_READ);
	l->end.data = l;
	ev_io_start(l->ev, &l->end);
	ev_timer_init(&l->timer, on_timer, 0., 0.);
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
	usec_t limit = run_wait_limit(run, idle, l->idle_since);

	if (run->def->before_wait != NULL) {
		int seconds = run->def->before_wait(&run->ctx);

		if (seconds >= 0)
			limit = MIN(limit, seconds * USEC_PER_SEC);
	}
	run_watchdog(run);
	if (run->ending && run->active == 0)
		return;
	ev_timer_stop(l->ev, &l->timer);
	ev_now_update(l->ev);
	ev_timer_set(&l->timer, (double)limit / (double)USEC_PER_SEC, 0.);
	ev_timer_start(l->ev, &l->timer);
	ev_run(l->ev, EVRUN_ONCE);
}

void loop_event(struct run *run)
{
	struct loop l = { .run = run, .ev = run->ctx.loop, .idle_since = clock_now() };

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
	/* Clients that are connected are served to their end. */
	while (run->active > 0)
		wait_once(&l, false);
	free(l.listeners);
	run_exit(run);
}
