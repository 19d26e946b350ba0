/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ipc/client.c — pools of connections to internal services; see client.h.
 *
 * Invariants: an idle connection has nothing to read and its greeting was taken; the idle list is
 * ordered by time of last use, newest first. Only the list is behind the lock.
 */
#include "ipc/client.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/list.h"
#include "base/mem.h"
#include "net/socket.h"

/* Connections that a trigger makes when its server goes before it has read. */
#define TRIGGER_TRIES 5

struct conn {
	struct list node;
	struct stream *stream;
	usec_t since; /* made */
	usec_t used;  /* last reply */
};

struct ipc_client {
	struct ipc_client_settings set;
	char *path;
	char *protocol;
	pthread_mutex_t lock;
	pthread_cond_t turn; /* a call has ended, when max_busy is set */
	struct list idle;
	size_t n_idle;
	size_t n_busy;
};

struct ipc_client *ipc_client_new(const struct ipc_client_settings *s)
{
	struct ipc_client *c = mem_new(struct ipc_client);
	pthread_condattr_t attr;

	c->set = *s;
	c->path = mem_strdup(s->path);
	c->protocol = mem_strdup(s->protocol);
	check(pthread_condattr_init(&attr) == 0);
	check(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0);
	check(pthread_mutex_init(&c->lock, NULL) == 0);
	check(pthread_cond_init(&c->turn, &attr) == 0);
	(void)pthread_condattr_destroy(&attr);
	list_init(&c->idle);
	return c;
}

static void conn_free(struct conn *n)
{
	stream_free(n->stream);
	free(n);
}

void ipc_client_free(struct ipc_client *c)
{
	if (c == NULL)
		return;
	LIST_FOREACH_SAFE(it, &c->idle)
		conn_free(list_entry(it, struct conn, node));
	(void)pthread_cond_destroy(&c->turn);
	(void)pthread_mutex_destroy(&c->lock);
	free(c->path);
	free(c->protocol);
	free(c);
}

/* Wait until fewer than max_busy calls are under way: 0 or -ETIMEDOUT. */
static int take_turn(struct ipc_client *c)
{
	struct timespec until;
	int r = 0;

	if (c->set.max_busy == 0)
		return 0;
	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += c->set.timeout / USEC_PER_SEC;
	(void)pthread_mutex_lock(&c->lock);
	while (c->n_busy >= c->set.max_busy && r == 0)
		r = pthread_cond_timedwait(&c->turn, &c->lock, &until);
	if (c->n_busy < c->set.max_busy) {
		c->n_busy++;
		r = 0;
	}
	(void)pthread_mutex_unlock(&c->lock);
	return -r;
}

static void end_turn(struct ipc_client *c)
{
	if (c->set.max_busy == 0)
		return;
	(void)pthread_mutex_lock(&c->lock);
	c->n_busy--;
	(void)pthread_mutex_unlock(&c->lock);
	(void)pthread_cond_signal(&c->turn);
}

/* Too old, or the service hung up or sent what nobody asked for. */
static bool is_stale(const struct ipc_client *c, const struct conn *n, usec_t now)
{
	return (c->set.idle > 0 && now - n->used >= c->set.idle) ||
	       (c->set.ttl > 0 && now - n->since >= c->set.ttl) || stream_readable(n->stream);
}

/* An idle connection that still stands, or NULL. */
static struct conn *take_idle(struct ipc_client *c)
{
	usec_t now = clock_now();

	for (;;) {
		struct conn *n = NULL;

		(void)pthread_mutex_lock(&c->lock);
		if (!list_is_empty(&c->idle)) {
			n = list_entry(c->idle.next, struct conn, node);
			list_remove(&n->node);
			c->n_idle--;
		}
		(void)pthread_mutex_unlock(&c->lock);
		if (n == NULL || !is_stale(c, n, now))
			return n;
		conn_free(n);
	}
}

/* Keep a connection for the next call; the oldest goes when there are too many or it idled out. */
static void put_idle(struct ipc_client *c, struct conn *n)
{
	struct conn *old = NULL;

	n->used = clock_now();
	(void)pthread_mutex_lock(&c->lock);
	list_push_front(&c->idle, &n->node);
	c->n_idle++;
	if (!list_is_empty(&c->idle)) {
		struct conn *last = list_entry(c->idle.prev, struct conn, node);

		if (c->n_idle > c->set.max_idle ||
			(c->set.idle > 0 && n->used - last->used >= c->set.idle)) {
			old = last;
			list_remove(&old->node);
			c->n_idle--;
		}
	}
	(void)pthread_mutex_unlock(&c->lock);
	if (old != NULL)
		conn_free(old);
}

/* Connect and take the greeting. */
static int connect_new(struct ipc_client *c, struct conn **ret, struct why *why)
{
	struct conn *n;
	int fd = net_connect_unix(c->path, clock_deadline(c->set.timeout), why);
	int r = 0;

	if (fd < 0)
		return fd;
	n = mem_new(struct conn);
	list_init(&n->node);
	n->stream = stream_new(fd);
	n->since = clock_now();
	stream_timeout(n->stream, c->set.timeout);
	if (c->protocol != NULL)
		r = attr_expect_greeting(n->stream, c->set.enc, c->protocol);
	if (r < 0) {
		conn_free(n);
		return r == -EPROTO ? why_set(why, r, "service %s does not speak %s", c->path,
					      c->protocol)
				    : why_errno(why, r, "read greeting of service %s", c->path);
	}
	*ret = n;
	return 0;
}

/* One request and reply on a connection. */
static int exchange(struct ipc_client *c, struct conn *n, struct str request, size_t limit,
	struct arena *a, struct attr_list *ret)
{
	int r = stream_write(n->stream, request);

	if (r == 0)
		r = stream_flush(n->stream);
	if (r == 0)
		r = attr_list_read(n->stream, c->set.enc, limit, a, ret);
	return r;
}

/* After a reply: may the connection serve another request? */
static bool is_reusable(const struct ipc_client *c, struct conn *n)
{
	if (c->set.max_idle == 0)
		return false;
	if (c->set.persistent)
		return true;
	/* The fresh greeting comes in the same write as the reply, so it is here or never. */
	return c->protocol != NULL && stream_buffered(n->stream).len > 0 &&
	       attr_expect_greeting(n->stream, c->set.enc, c->protocol) == 0;
}

/* Errors that a service which left between two requests causes. */
static bool is_hangup(int error)
{
	return error == -EPIPE || error == -ECONNRESET || error == -ENODATA;
}

static int call(struct ipc_client *c, struct str request, size_t limit, struct arena *a,
	struct attr_list *ret, struct why *why)
{
	struct conn *n = take_idle(c);
	bool fresh = n == NULL;
	int r;

	if (!fresh) {
		r = exchange(c, n, request, limit, a, ret);
		if (is_hangup(r)) {
			conn_free(n);
			fresh = true;
		}
	}
	if (fresh) {
		r = connect_new(c, &n, why);
		if (r < 0)
			return r;
		r = exchange(c, n, request, limit, a, ret);
	}
	if (r == 0 && is_reusable(c, n))
		put_idle(c, n);
	else
		conn_free(n);
	if (r == -EBADMSG || r == -EMSGSIZE)
		return why_set(why, -EPROTO, "malformed reply from service %s", c->path);
	return r < 0 ? why_errno(why, r, "talk to service %s", c->path) : 0;
}

int ipc_call(struct ipc_client *c, struct str request, size_t limit, struct arena *a,
	struct attr_list *ret, struct why *why)
{
	int r = take_turn(c);

	if (r < 0)
		return why_errno(why, r, "wait for service %s", c->path);
	r = call(c, request, limit, a, ret, why);
	end_turn(c);
	return r;
}

bool ipc_client_has_idle(struct ipc_client *c)
{
	bool has;

	(void)pthread_mutex_lock(&c->lock);
	has = c->n_idle > 0;
	(void)pthread_mutex_unlock(&c->lock);
	return has;
}

static int trigger_fifo(const char *path, struct str request)
{
	int fd = fd_open(path, O_WRONLY | O_NONBLOCK, 0);
	int r;

	if (fd < 0)
		return fd;
	r = fd_write_all(fd, request);
	fd_close(fd);
	return r;
}

static int trigger_socket(const char *path, struct str request, usec_t timeout)
{
	_cleanup_stream_ struct stream *s = NULL;
	usec_t deadline = clock_deadline(timeout);
	int fd = net_connect_unix(path, deadline, NULL);
	int r;

	if (fd < 0)
		return fd;
	s = stream_new(fd);
	stream_deadline(s, deadline);
	r = stream_write(s, request);
	if (r == 0)
		r = stream_write(s, str_from("", 1));
	/* What is written stays readable for the service after we have closed. */
	return r < 0 ? r : stream_flush(s);
}

int ipc_trigger(const char *path, struct str request, usec_t timeout)
{
	struct stat st;
	int r = -EPIPE;

	if (stat(path, &st) < 0)
		return -errno;
	if (S_ISFIFO(st.st_mode))
		return trigger_fifo(path, request);
	if (!S_ISSOCK(st.st_mode))
		return -ENOTSOCK;
	/* Who accepted may be on its way out; its successor is asked then. */
	for (int i = 0; i < TRIGGER_TRIES && (r == -EPIPE || r == -ECONNRESET); i++)
		r = trigger_socket(path, request, timeout);
	return r;
}
