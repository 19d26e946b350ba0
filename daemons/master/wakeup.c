/* SPDX-License-Identifier: Apache-2.0 */
/*
 * master/wakeup.c — services that want to be called from time to time.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/fd.h"
#include "ipc/client.h"
#include "log/log.h"
#include "master.h"
#include "net/socket.h"

/* Master must not wait longer for a service to take its call. */
#define WAKEUP_LIMIT USEC_PER_SEC

static int wake_inet(const struct service_state *s)
{
	int fd = net_connect(&s->addrs[0], NULL, clock_deadline(WAKEUP_LIMIT), NULL);
	int r;

	if (fd < 0)
		return fd;
	r = fd_write_all(fd, str_from("W", 2));
	fd_close(fd);
	return r;
}

/* The service gets the read end of a pipe in which the call lies already. */
static int wake_pass(const struct service_state *s)
{
	usec_t deadline = clock_deadline(WAKEUP_LIMIT);
	int ends[2];
	int fd;
	int r;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	fd = net_connect_unix(s->canonical, deadline, NULL);
	r = fd;
	if (r >= 0)
		r = fd_write_all(ends[1], str_from("W", 2));
	if (r >= 0)
		r = net_send_fd(fd, ends[0], deadline);
	fd_close(fd);
	fd_close(ends[0]);
	fd_close(ends[1]);
	return r;
}

static int wake(const struct service_state *s)
{
	switch (s->type) {
	case MASTER_INET:
		return wake_inet(s);
	case MASTER_PASS:
		return wake_pass(s);
	case MASTER_UNIX_DGRAM:
		return -EOPNOTSUPP;
	case MASTER_UNIX:
	case MASTER_FIFO:
		break;
	}
	return ipc_trigger(s->canonical, STR("W"), WAKEUP_LIMIT);
}

static void on_wakeup(struct ev_loop *ev, struct ev_timer *timer, int events)
{
	struct service_state *s = timer->data;
	int r;

	(void)ev;
	(void)events;
	if (s->throttled)
		return;
	r = wake(s);
	/* A full backlog means that the service has work enough. */
	if (r < 0 && r != -ETIMEDOUT && r != -EAGAIN)
		log_warn("wake up service %s(%s): %s", s->canonical, s->shown, strerror(-r));
}

void wakeup_start(struct service_state *s, bool now)
{
	double every = (double)s->wakeup;

	if (s->wakeup == 0 || s->wakeup_running)
		return;
	s->wakeup_running = true;
	ev_timer_init(&s->wakeup_timer, on_wakeup, now ? 0. : every, every);
	s->wakeup_timer.data = s;
	ev_timer_start(s->master->ev, &s->wakeup_timer);
}

void wakeup_stop(struct service_state *s)
{
	if (s->wakeup_running)
		ev_timer_stop(s->master->ev, &s->wakeup_timer);
	s->wakeup_running = false;
}
