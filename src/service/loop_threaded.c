/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service/loop_threaded.c — one thread a client: the main thread accepts, workers serve.
 *
 * Master hears from the process when it becomes full or free, and, while it drains, how many clients
 * are left. Workers that have nothing to do end after a while. The end of a client wakes the main
 * thread only when that changes something: see collect().
 *
 * Threads are many and mostly wait for a peer, so they are kept small: a stack is address space of
 * which only what a session touched takes memory.
 *
 * Invariant: what is in struct pool is behind its lock; everything else belongs to the main thread.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/spares.h"
#include "ipc/status.h"
#include "log/log.h"
#include "net/socket.h"
#include "service/run_priv.h"

/* A worker without work ends after this long. */
#define WORKER_IDLE_SECONDS 20
/* So many clients for each processor are a crowd. */
#define CROWD 4
/* Clients whose memory, some 35 KB, is kept for later ones: those that come as others go. */
#define SPARES 64
#ifdef POSTROAD_SANITIZED
#	define STACK_SIZE ((size_t)8 * 1024 * 1024)
#else
#	define STACK_SIZE ((size_t)1024 * 1024)
#endif

struct job {
	struct list node;
	int fd;
	struct net_addr peer;
	bool in_crowd;                /* many clients are served */
	struct service_client client; /* the memory of an earlier one, for this */
};

struct pool {
	struct run *run;
	pthread_mutex_t lock;
	pthread_cond_t work;
	struct list jobs;
	size_t waiting; /* jobs in the list */
	size_t idle;    /* workers that wait */
	size_t done;    /* clients served since the main thread looked */
	usec_t done_at; /* when the last of them left */
	bool tell;      /* the main thread waits for the end of clients */
	int epoll;
	bool listening;
	bool left;                /* the listeners are closed */
	uint64_t slots;           /* clients served at once */
	uint64_t crowd;           /* so many clients are one; UINT64_MAX: that matters to nobody */
	struct spares *jobs_done; /* struct job, for later clients */
};

/* Wait for a job; NULL when none came for a while. */
static struct job *next_job(struct pool *p)
{
	struct timespec until;
	struct job *j = NULL;
	int r = 0;

	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += WORKER_IDLE_SECONDS;
	(void)pthread_mutex_lock(&p->lock);
	p->idle++;
	while (list_is_empty(&p->jobs) && r == 0)
		r = pthread_cond_timedwait(&p->work, &p->lock, &until);
	p->idle--;
	if (!list_is_empty(&p->jobs)) {
		j = list_entry(p->jobs.next, struct job, node);
		list_remove(&j->node);
		p->waiting--;
	}
	(void)pthread_mutex_unlock(&p->lock);
	return j;
}

static void do_job(struct pool *p, struct job *j)
{
	struct run *run = p->run;
	uint64_t one = 1;
	bool tell;

	if (client_open(run, j->fd, &j->peer, &j->client) == 0) {
		run->def->serve(&run->ctx, &j->client);
		client_close(&j->client);
	}
	spares_put(p->jobs_done, j);
	(void)pthread_mutex_lock(&p->lock);
	p->done++;
	p->done_at = clock_now();
	tell = p->tell;
	(void)pthread_mutex_unlock(&p->lock);
	run_worked(run);
	if (tell && write(run->wake_fd, &one, sizeof one) < 0)
		log_warn("cannot wake the main thread: %s", strerror(errno));
}

/*
 * In a crowd a worker is batch work: when it wakes it waits until whoever runs has done, instead of
 * taking his place, which is a tenth less processor time a message. Few clients must not wait like that behind
 * the work of other programs: they would get a tenth of their rate (bench/README.md).
 */
static void set_policy(int policy)
{
	const struct sched_param none = { 0 };

	if (sched_setscheduler(0, policy, &none) < 0)
		log_debug("sched_setscheduler: %s", strerror(errno));
}

static void *worker(void *arg)
{
	struct pool *p = arg;
	bool is_batch = false;
	struct job *j;

	while ((j = next_job(p)) != NULL) {
		if (j->in_crowd != is_batch) {
			is_batch = j->in_crowd;
			set_policy(is_batch ? SCHED_BATCH : SCHED_OTHER);
		}
		do_job(p, j);
	}
	return NULL;
}

static int start_worker(struct pool *p)
{
	pthread_attr_t attr;
	pthread_t thread;
	sigset_t all;
	sigset_t old;
	int e;

	(void)sigfillset(&all);
	check(pthread_attr_init(&attr) == 0);
	(void)pthread_attr_setstacksize(&attr, STACK_SIZE);
	(void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	(void)pthread_sigmask(SIG_BLOCK, &all, &old);
	e = pthread_create(&thread, &attr, worker, p);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	(void)pthread_attr_destroy(&attr);
	return -e;
}

static void watch_listeners(struct pool *p, bool on)
{
	if (on == p->listening)
		return;
	p->listening = on;
	for (unsigned i = 0; i < p->run->opt.sockets; i++) {
		int fd = IPC_LISTEN_FD + (int)i;
		struct epoll_event ev = { .events = EPOLLIN | EPOLLEXCLUSIVE, .data.fd = fd };

		if (epoll_ctl(p->epoll, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, fd, &ev) < 0)
			log_fatal("cannot watch descriptor %d: %s", fd, strerror(errno));
	}
}

/*
 * The process is to end: whoever comes next needs the address. Master has its own descriptors, and when
 * that is gone the next one could not listen while we serve our last clients.
 */
static void leave_listeners(struct pool *p)
{
	watch_listeners(p, false);
	if (p->left)
		return;
	p->left = true;
	for (unsigned i = 0; i < p->run->opt.sockets; i++)
		fd_close(IPC_LISTEN_FD + (int)i);
}

static void free_job(void *object)
{
	struct job *j = object;

	client_done(&j->client);
	free(j);
}

static void submit(struct pool *p, int fd, const struct net_addr *peer)
{
	struct job *j = spares_take(p->jobs_done);
	bool need;
	bool wake;
	int r = 0;

	if (j == NULL)
		j = mem_new(struct job);
	j->fd = fd;
	j->peer = *peer;
	(void)pthread_mutex_lock(&p->lock);
	j->in_crowd = p->run->active - p->done >= p->crowd;
	list_push(&p->jobs, &j->node);
	p->waiting++;
	need = p->idle < p->waiting;
	wake = p->idle > 0;
	(void)pthread_mutex_unlock(&p->lock);
	/* Outside the lock, or who wakes up would wait for it at once. */
	if (wake)
		(void)pthread_cond_signal(&p->work);
	p->run->active++;
	if (need)
		r = start_worker(p);
	if (r < 0 && p->run->active == 1)
		log_fatal("cannot start a thread: %s", strerror(-r));
	if (r < 0)
		log_warn("cannot start a thread: %s: a client waits", strerror(-r));
}

static void accept_one(struct pool *p, int listener)
{
	struct run *run = p->run;
	uint64_t uses = run->ctx.max_use > 0 ? (uint64_t)run->ctx.max_use * p->slots : 0;
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
	submit(p, fd, &peer);
	run->served++;
	/* Said for each client, also for one that goes at once: master counts it as a use. */
	if (p->slots == 1)
		run_status(run, IPC_TAKEN);
	if (uses > 0 && run->served >= uses)
		run_end(run);
}

/*
 * Collect what workers have finished; returns how many.
 *
 * Whether they wake the main thread from now on is decided under the same lock, so no end is missed:
 * only when the process is full, on its way out or due to leave as soon as it is idle.
 */
static size_t collect(struct pool *p, usec_t *idle_since)
{
	struct run *run = p->run;
	usec_t now = clock_now();
	size_t done;

	(void)pthread_mutex_lock(&p->lock);
	done = p->done;
	p->done = 0;
	check(done <= run->active);
	run->active -= done;
	p->tell = run->ending || run->active >= p->slots || now >= run->retire_at;
	if (done > 0)
		*idle_since = MAX(*idle_since, p->done_at);
	(void)pthread_mutex_unlock(&p->lock);
	/* With one client at a time, taken and available say it. */
	if (p->slots > 1 && atomic_load(&run->worked) && !run->ending)
		run_prove(run);
	return done;
}

/* How long to wait: ends that nobody tells of are looked for in time to notice idleness. */
static usec_t wait_limit(const struct pool *p, bool idle, usec_t idle_since)
{
	const struct run *run = p->run;
	usec_t limit = run_wait_limit(run, idle, idle_since);
	usec_t now = clock_now();

	if (!idle && run->ctx.max_idle > 0)
		limit = MIN(limit, run->ctx.max_idle);
	if (!idle && now < run->retire_at)
		limit = MIN(limit, run->retire_at - now);
	return limit;
}

/* Bring the listeners and what master knows in line with how many clients there are. */
static void adjust(struct pool *p, bool changed)
{
	struct run *run = p->run;
	bool full = run->active >= p->slots;
	bool ending = run->ending; /* a worker may set it any time */
	bool open = !full && !ending;

	if (ending) {
		leave_listeners(p);
		if (run->announced && (changed || !run->status_taken))
			run_status(run, IPC_TAKEN | (int)(MAX(run->active, (uint64_t)1) << 8));
		else if (!run->announced && !run->status_taken && run->active > 0)
			run_status(run, IPC_TAKEN);
		return;
	}
	watch_listeners(p, open);
	if (open == run->status_taken)
		run_status(run, open ? IPC_AVAIL : IPC_TAKEN);
}

/* How many clients are a crowd here; under a policy that an administrator has chosen none are. */
static uint64_t crowd_size(void)
{
	cpu_set_t cpus;

	if (sched_getscheduler(0) != SCHED_OTHER || sched_getaffinity(0, sizeof cpus, &cpus) < 0)
		return UINT64_MAX;
	return CROWD * (uint64_t)CPU_COUNT(&cpus);
}

static void pool_init(struct pool *p, struct run *run)
{
	pthread_condattr_t attr;

	*p = (struct pool){ .run = run, .slots = run->ctx.clients };
	if (run->ctx.max_use > 0 && (run->def->flags & SERVICE_MULTI) == 0)
		p->slots = MIN(p->slots, (uint64_t)run->ctx.max_use);
	run->ctx.clients = (unsigned)p->slots;
	p->crowd = crowd_size();
	check(pthread_mutex_init(&p->lock, NULL) == 0);
	check(pthread_condattr_init(&attr) == 0);
	check(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0);
	check(pthread_cond_init(&p->work, &attr) == 0);
	list_init(&p->jobs);
	p->jobs_done = spares_new(SPARES, free_job);
	run->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	p->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (run->wake_fd < 0 || p->epoll < 0)
		log_fatal("eventfd or epoll: %s", strerror(errno));
}

static void watch(struct pool *p, int fd)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = fd };

	if (epoll_ctl(p->epoll, EPOLL_CTL_ADD, fd, &ev) < 0)
		log_fatal("cannot watch descriptor %d: %s", fd, strerror(errno));
}

/* One event of the main loop; true when clients came or went. */
static bool handle(struct pool *p, int fd)
{
	struct run *run = p->run;
	uint64_t drop;

	if (fd == run->wake_fd) {
		IGNORE(read(run->wake_fd, &drop, sizeof drop) < 0);
		return false; /* collect() comes next */
	}
	if (fd == IPC_STATUS_FD || fd == run->end_fd) {
		/* Master is gone or wants us to go, or a worker said so: nothing more to hear. */
		(void)epoll_ctl(p->epoll, EPOLL_CTL_DEL, fd, NULL);
		run_end(run);
		return false;
	}
	if (!run->ending && run->active < p->slots)
		accept_one(p, fd);
	return true;
}

void loop_threaded(struct run *run)
{
	usec_t idle_since = clock_now();
	struct pool p;

	if (run->ctx.stand_alone)
		loop_single(run);
	pool_init(&p, run);
	watch(&p, run->wake_fd);
	watch(&p, IPC_STATUS_FD);
	watch(&p, run->end_fd);
	run->announced = p.slots > 1 && (run->def->flags & SERVICE_MULTI) == 0;
	if (run->announced)
		run_status(run, IPC_AVAIL | (int)p.slots << 8);
	watch_listeners(&p, true);
	for (;;) {
		struct epoll_event ev;
		bool changed = false;
		usec_t limit;
		bool idle;
		int n;

		idle = run->active == 0;
		if (idle && (run->ending || run_is_over(run, idle, idle_since)))
			break;
		limit = run_before_wait(run, wait_limit(&p, idle, idle_since));
		run_watchdog(run);
		n = epoll_wait(p.epoll, &ev, 1, (int)((limit + 999) / USEC_PER_MSEC));
		if (n > 0)
			changed = handle(&p, ev.data.fd);
		if (changed)
			idle_since = clock_now();
		changed = collect(&p, &idle_since) > 0 || changed;
		adjust(&p, changed);
	}
	run_exit(run);
}
