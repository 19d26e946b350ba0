/* SPDX-License-Identifier: Apache-2.0 */
/*
 * master/children.c — who is available, who has ended, when to start another.
 */
#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "ipc/status.h"
#include "log/log.h"
#include "master.h"

static bool at_limit(const struct service_state *s)
{
	return s->limit > 0 && s->clients >= s->limit;
}

static void on_knock(struct ev_loop *ev, struct ev_io *io, int events);

static void watch(struct service_state *s, bool on)
{
	if (s->watching == on || s->listeners == NULL)
		return;
	s->watching = on;
	for (size_t i = 0; i < s->n_listeners; i++) {
		struct ev_io *io = &s->listeners[i];

		if (!on) {
			ev_io_stop(s->master->ev, io);
			continue;
		}
		ev_io_init(io, on_knock, io->fd, EV_READ);
		io->data = s;
		ev_io_start(s->master->ev, io);
	}
}

static void warn_limit(struct service_state *s)
{
	usec_t now = clock_now();

	if (!s->remote || now < s->warned_until)
		return;
	s->warned_until = now + WARN_LIMIT;
	log_warn("service \"%s\" (%s) has reached its process limit \"%lld\": new clients may "
		 "experience noticeable delays",
		s->shown, s->canonical, (long long)s->limit);
	log_warn("to avoid this condition, increase the process count in master.cf or reduce the "
		 "service time per client");
	log_warn("see the description of stress-dependent settings in postconf(5), parameter "
		 "stress");
}

void service_adjust(struct service_state *s)
{
	bool wanted = !s->throttled && s->n_available == 0 && !s->master->stopping;

	if (wanted && at_limit(s)) {
		warn_limit(s);
		wanted = false;
	}
	watch(s, wanted);
}

static void on_throttle_end(struct ev_loop *ev, struct ev_timer *timer, int events)
{
	struct service_state *s = timer->data;

	(void)ev;
	(void)events;
	s->throttled = false;
	service_adjust(s);
}

static void throttle(struct service_state *s)
{
	double seconds = (double)s->master->set.service_throttle_time / (double)USEC_PER_SEC;

	if (s->throttled)
		return;
	s->throttled = true;
	ev_timer_init(&s->throttle_timer, on_throttle_end, seconds, 0.);
	s->throttle_timer.data = s;
	ev_timer_start(s->master->ev, &s->throttle_timer);
}

static void set_available(struct child *c, bool available)
{
	if (c->available == available)
		return;
	c->available = available;
	if (available)
		c->owner->n_available++;
	else
		c->owner->n_available--;
}

static void set_clients(struct child *c, int64_t clients)
{
	c->owner->clients += clients - c->clients;
	c->clients = clients;
}

/* How many clients a new child may serve at once. */
static int64_t clients_for_new(const struct service_state *s)
{
	int64_t n = MAX(s->master->set.clients_per_process, (int64_t)1);

	return s->limit == 0 ? n : MAX(MIN(n, s->limit - s->clients), (int64_t)1);
}

/*
 * All clients that the limit allows are there, or will be with the next child: from now on
 * processes are told that the service is under stress, and those that do not know it yet leave
 * when they can.
 */
static void enter_stress(struct service_state *s)
{
	usec_t now = clock_now();

	if (!s->remote || s->limit <= 1)
		return;
	if (now >= s->stress_until) {
		s->stress_until = now + STRESS_TIME;
		service_restart(s);
	}
	s->stress_until = now + STRESS_TIME;
}

static void start_child(struct service_state *s)
{
	struct master *m = s->master;
	int64_t clients = clients_for_new(s);
	struct child *c;
	pid_t pid;

	if (s->n_children > 0 && s->limit > 0 && s->clients + clients >= s->limit)
		enter_stress(s);
	m->generation++;
	pid = spawn(s, m->generation, clients, clock_now() < s->stress_until);
	if (pid < 0) {
		log_warn("fork: %s -- throttling", strerror(-pid));
		throttle(s);
		service_adjust(s);
		return;
	}
	log_debug("spawn %s pid %d generation %u", s->path, (int)pid, m->generation);
	c = mem_new(struct child);
	c->owner = s;
	c->pid = pid;
	c->generation = m->generation;
	c->granted = clients;
	c->path = mem_strdup(s->path);
	list_push(&s->children, &c->node);
	s->n_children++;
	set_clients(c, 1);
	set_available(c, true);
	if (s->wakeup_if_used)
		wakeup_start(s, false);
	service_adjust(s);
}

static void on_knock(struct ev_loop *ev, struct ev_io *io, int events)
{
	struct service_state *s = io->data;

	(void)ev;
	(void)events;
	/* Another listener of the service may have been served in this turn of the loop. */
	if (s->watching && s->n_available == 0 && !s->throttled && !at_limit(s))
		start_child(s);
}

static struct child *find_child(const struct service_state *s, pid_t pid)
{
	LIST_FOREACH(it, &s->children) {
		struct child *c = list_entry(it, struct child, node);

		if (c->pid == pid)
			return c;
	}
	return NULL;
}

/* A process of before the last restart: all that counts is how many clients it has left. */
static void take_old_status(struct child *c, int64_t clients)
{
	if (clients > 0 && clients < c->clients)
		set_clients(c, clients);
}

static void take_status(struct service_state *s, const struct ipc_status *st)
{
	struct child *c = find_child(s, (pid_t)st->pid);
	int64_t clients = st->avail >> 8;
	bool available = (st->avail & 0xff) == IPC_AVAIL;

	if (c == NULL)
		return;
	if (c->generation != st->generation) {
		log_info("ignoring status update from child pid %d generation %u", (int)st->pid,
			st->generation);
		return;
	}
	if (clients > c->granted) {
		log_warn("service %s(%s): child pid %d claims %lld clients, not %lld", s->shown,
			s->canonical, (int)c->pid, (long long)clients, (long long)c->granted);
		clients = c->granted;
	}
	if (c->old) {
		take_old_status(c, clients);
		return;
	}
	/* The second announcement says that the process works. */
	if (clients > 0 && available && c->clients == clients && c->announced)
		c->uses++;
	if (clients > 0) {
		set_clients(c, clients);
		c->announced = true;
	}
	if (c->available != available) {
		set_available(c, available);
		if (available)
			c->uses++;
	}
	if (!available && clients == 0 && s->n_available == 0 && s->n_children > 0 && at_limit(s) &&
		s->limit > 1 && c->announced)
		enter_stress(s);
}

static void channel_free(struct channel *ch)
{
	ev_io_stop(ch->owner->master->ev, &ch->io);
	list_remove(&ch->node);
	fd_close(ch->ours);
	fd_close(ch->theirs);
	free(ch);
}

static void on_status(struct ev_loop *ev, struct ev_io *io, int events)
{
	struct channel *ch = io->data;
	struct service_state *s = ch->owner;
	struct ipc_status st;
	int r = 1;

	(void)ev;
	(void)events;
	while (r == 1) {
		r = ipc_status_recv(ch->ours, &st);
		if (r == 1)
			take_status(s, &st);
	}
	if (r == -ENODATA && ch != s->status) {
		channel_free(ch); /* the last process of before has gone */
	} else if (r == -EBADMSG) {
		log_warn("service %s(%s): child sent partial status update", s->shown,
			s->canonical);
	} else if (r < 0) {
		log_warn("service %s: read status: %s", s->canonical, strerror(-r));
	}
	service_adjust(s);
}

void service_open_status(struct service_state *s)
{
	struct channel *ch = mem_new(struct channel);
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		log_fatal("socketpair: %s", strerror(errno));
	if (fd_nonblock(ends[0], true) < 0)
		log_fatal("status channel of service %s", s->canonical);
	ch->owner = s;
	ch->ours = ends[0];
	ch->theirs = ends[1];
	list_push(&s->channels, &ch->node);
	s->status = ch;
	ev_io_init(&ch->io, on_status, ch->ours, EV_READ);
	ch->io.data = ch;
	ev_io_start(s->master->ev, &ch->io);
}

void service_retire_status(struct service_state *s)
{
	if (s->status == NULL)
		return;
	(void)shutdown(s->status->ours, SHUT_WR);
	fd_close(TAKE_FD(s->status->theirs));
	s->status = NULL;
	LIST_FOREACH(it, &s->children) {
		struct child *c = list_entry(it, struct child, node);

		set_available(c, false);
		c->old = true;
	}
}

void service_close_status(struct service_state *s)
{
	service_retire_status(s);
	LIST_FOREACH_SAFE(it, &s->channels)
		channel_free(list_entry(it, struct channel, node));
}

void service_restart(struct service_state *s)
{
	wakeup_stop(s);
	service_retire_status(s);
	service_open_status(s);
	if (!s->wakeup_if_used)
		wakeup_start(s, true);
	else if (s->n_children > 0)
		wakeup_start(s, false);
	service_adjust(s);
}

static void unlink_child(struct child *c)
{
	struct service_state *s = c->owner;

	list_remove(&c->node);
	if (s != NULL) {
		set_available(c, false);
		set_clients(c, 0);
		s->n_children--;
	}
}

static void log_end(const struct child *c, int status)
{
	if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
		log_warn("process %s pid %d exit status %d", c->path, (int)c->pid,
			WEXITSTATUS(status));
	else if (WIFSIGNALED(status) && !(c->terminated && WTERMSIG(status) == SIGTERM))
		log_warn("process %s pid %d killed by signal %d", c->path, (int)c->pid,
			WTERMSIG(status));
}

static void child_ended(struct master *m, struct child *c, int status)
{
	struct service_state *s = c->owner;

	/* The last words of the child come before its end. */
	if (s != NULL && !c->old && s->status != NULL)
		on_status(m->ev, &s->status->io, EV_READ);
	unlink_child(c);
	if (!m->stopping)
		log_end(c, status);
	if (s != NULL && status != 0 && c->uses == 0 && !m->stopping && !c->terminated) {
		log_warn("%s: bad command startup -- throttling", c->path);
		throttle(s);
	}
	free(c->path);
	free(c);
	if (s != NULL)
		service_adjust(s);
}

static struct child *find_any(struct master *m, pid_t pid)
{
	LIST_FOREACH(it, &m->services) {
		struct child *c = find_child(list_entry(it, struct service_state, node), pid);

		if (c != NULL)
			return c;
	}
	LIST_FOREACH(it, &m->orphans) {
		struct child *c = list_entry(it, struct child, node);

		if (c->pid == pid)
			return c;
	}
	return NULL;
}

void children_reap(struct master *m)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		struct child *c = find_any(m, pid);

		/* As process 1 master inherits the children of others. */
		if (c != NULL)
			child_ended(m, c, status);
	}
}

void children_kill(struct master *m, int sig)
{
	LIST_FOREACH(it, &m->services) {
		struct service_state *s = list_entry(it, struct service_state, node);

		LIST_FOREACH(jt, &s->children)
			(void)kill(list_entry(jt, struct child, node)->pid, sig);
	}
	LIST_FOREACH(it, &m->orphans)
		(void)kill(list_entry(it, struct child, node)->pid, sig);
}

size_t children_count(const struct master *m)
{
	size_t n = 0;

	LIST_FOREACH(it, &m->services)
		n += list_entry(it, struct service_state, node)->n_children;
	LIST_FOREACH(it, &m->orphans)
		n++;
	return n;
}

void children_orphan(struct service_state *s)
{
	LIST_FOREACH_SAFE(it, &s->children) {
		struct child *c = list_entry(it, struct child, node);

		unlink_child(c);
		c->owner = NULL;
		c->terminated = true;
		(void)kill(c->pid, SIGTERM);
		list_push(&s->master->orphans, &c->node);
	}
}
