/* SPDX-License-Identifier: Apache-2.0 */
/*
 * qmgr/conn.c — non-blocking attribute conversations.
 *
 * The timer is left alone while requests come and go: it fires seldom, looks at the deadline, and goes on.
 */
#include "conn.h"

#include <errno.h>
#include <ev.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"

/* Most bytes of a list that a service may send. */
#define LIST_LIMIT ((size_t)1024 * 1024)
#define READ_SIZE  ((size_t)4096)

struct conn {
	struct ev_loop *loop;
	const struct conn_ops *ops;
	void *user;
	int fd;
	ev_io io;
	ev_timer timer;
	usec_t deadline; /* 0: none */
	usec_t fires;    /* when the timer does, if it is active */
	struct arena *arena;
	struct buf in;
	struct buf out;
	usec_t answer;    /* time limit once everything was sent */
	bool send_failed; /* the peer has gone without reading what was sent */
	bool freed;       /* while a callback is on the stack */
	bool in_call;
};

void *conn_user(const struct conn *c)
{
	return c->user;
}

static void destroy(struct conn *c)
{
	arena_free(c->arena);
	buf_done(&c->in);
	buf_done(&c->out);
	free(c);
}

static void shut(struct conn *c)
{
	ev_io_stop(c->loop, &c->io);
	ev_timer_stop(c->loop, &c->timer);
	fd_close(TAKE_FD(c->fd));
}

void conn_free(struct conn *c)
{
	if (c == NULL || c->freed)
		return;
	shut(c);
	c->freed = true;
	if (!c->in_call)
		destroy(c);
}

static void fail(struct conn *c, int err)
{
	shut(c);
	c->in_call = true;
	c->freed = true; /* the callback need not free it */
	c->ops->closed(c, err);
	destroy(c);
}

static void watch(struct conn *c, int events)
{
	if ((c->io.events & (EV_READ | EV_WRITE)) == events && ev_is_active(&c->io))
		return;
	ev_io_stop(c->loop, &c->io);
	ev_io_set(&c->io, c->fd, events);
	ev_io_start(c->loop, &c->io);
}

static void start_timer(struct conn *c, usec_t now)
{
	ev_timer_stop(c->loop, &c->timer);
	c->fires = c->deadline;
	ev_timer_set(&c->timer, (double)MAX(c->deadline - now, USEC_PER_MSEC) / USEC_PER_SEC, 0);
	ev_now_update(c->loop);
	ev_timer_start(c->loop, &c->timer);
}

static void set_timer(struct conn *c, usec_t timeout)
{
	usec_t now;

	c->deadline = 0;
	if (timeout <= 0)
		return;
	now = clock_now();
	c->deadline = now + timeout;
	if (!ev_is_active(&c->timer) || c->fires > c->deadline)
		start_timer(c, now);
}

/* Send as much as the peer takes: count, or the error. */
static ssize_t send_some(const struct conn *c, struct str data)
{
	size_t done = 0;

	while (done < data.len) {
		ssize_t n = send(c->fd, data.ptr + done, data.len - done, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0)
			return -errno;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

/* Send what waits: 0, or the error. */
static int flush(struct conn *c)
{
	ssize_t n = send_some(c, buf_str(&c->out));

	if (n < 0)
		return (int)n;
	buf_consume(&c->out, (size_t)n);
	watch(c, c->out.len > 0 ? EV_READ | EV_WRITE : EV_READ);
	return 0;
}

/* Bytes of the first whole list in `s`, or 0; counts its attributes. */
static size_t list_end(struct str s, size_t *ret_n)
{
	size_t pos = 0;
	size_t n = 0;

	for (;;) {
		ptrdiff_t name = str_chr(str_skip(s, pos), '\0');
		ptrdiff_t value;

		if (name < 0)
			return 0;
		if (name == 0) {
			*ret_n = n;
			return pos + 1;
		}
		pos += (size_t)name + 1;
		value = str_chr(str_skip(s, pos), '\0');
		if (value < 0)
			return 0;
		pos += (size_t)value + 1;
		n++;
	}
}

static void parse_list(struct str s, size_t n, struct arena *a, struct attr_list *ret)
{
	*ret = (struct attr_list){ .v = arena_array(a, MAX(n, (size_t)1), sizeof(*ret->v)) };
	s = arena_str(a, s);
	while (ret->n < n) {
		struct attr *at = &ret->v[ret->n++];

		at->name = str_of(s.ptr);
		s = str_skip(s, at->name.len + 1);
		at->value = str_of(s.ptr);
		s = str_skip(s, at->value.len + 1);
	}
}

/* Deliver whole lists: false when the connection is gone. */
static bool deliver(struct conn *c)
{
	size_t n = 0;
	size_t len;

	while ((len = list_end(buf_str(&c->in), &n)) > 0) {
		struct attr_list l;

		if (n > ATTR_MAX) {
			fail(c, -EMSGSIZE);
			return false;
		}
		arena_clear(c->arena);
		parse_list(str_head(buf_str(&c->in), len), n, c->arena, &l);
		buf_consume(&c->in, len);
		c->deadline = 0;
		c->in_call = true;
		c->ops->list(c, &l, c->arena);
		c->in_call = false;
		if (c->freed) {
			destroy(c);
			return false;
		}
	}
	return true;
}

static void tell_drained(struct conn *c)
{
	if (c->ops->drained == NULL)
		return;
	c->in_call = true;
	c->ops->drained(c);
	c->in_call = false;
	if (c->freed)
		destroy(c);
}

static void on_readable(struct conn *c)
{
	for (;;) {
		ssize_t n;

		if (buf_reserve(&c->in, READ_SIZE) < 0) {
			fail(c, -EMSGSIZE);
			return;
		}
		n = recv(c->fd, c->in.ptr + c->in.len, READ_SIZE, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			tell_drained(c);
			return;
		}
		if (n <= 0) {
			fail(c, c->send_failed ? -EPIPE : n == 0 ? -ENODATA : -errno);
			return;
		}
		c->in.len += (size_t)n;
		c->in.ptr[c->in.len] = '\0';
		if (!deliver(c))
			return;
		if ((size_t)n < READ_SIZE) {
			tell_drained(c);
			return;
		}
	}
}

static void on_io(struct ev_loop *loop, ev_io *w, int events)
{
	struct conn *c = w->data;

	(void)loop;
	if ((events & EV_WRITE) != 0) {
		int r = flush(c);

		if (r < 0) {
			fail(c, r);
			return;
		}
		if (c->out.len == 0)
			set_timer(c, c->answer);
	}
	if ((events & EV_READ) != 0)
		on_readable(c);
}

static void on_timer(struct ev_loop *loop, ev_timer *w, int events)
{
	struct conn *c = w->data;
	usec_t now = clock_now();

	(void)loop;
	(void)events;
	if (c->deadline == 0)
		return;
	if (now < c->deadline)
		start_timer(c, now);
	else
		fail(c, -ETIMEDOUT);
}

int conn_open(struct ev_loop *loop, const char *path, const struct conn_ops *ops, void *user,
	struct conn **ret)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct conn *c;
	size_t len = strlen(path);
	int fd;

	if (len >= sizeof(un.sun_path))
		return -ENAMETOOLONG;
	memcpy(un.sun_path, path, len);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&un, sizeof(un)) < 0) {
		int r = -errno;

		fd_close(fd);
		return r;
	}
	c = mem_new(struct conn);
	c->loop = loop;
	c->ops = ops;
	c->user = user;
	c->fd = fd;
	c->in = BUF(LIST_LIMIT);
	c->out = BUF(SIZE_MAX / 2);
	c->arena = arena_new(8 * LIST_LIMIT);
	ev_io_init(&c->io, on_io, fd, EV_READ);
	c->io.data = c;
	ev_init(&c->timer, on_timer);
	c->timer.data = c;
	ev_io_start(loop, &c->io);
	*ret = c;
	return 0;
}

void conn_send(struct conn *c, struct str data)
{
	ssize_t n = c->out.len > 0 ? 0 : send_some(c, data);

	/* An error shows up when the loop reads; closed() must not be called from here. */
	if (n < 0) {
		c->send_failed = true;
		return;
	}
	if ((size_t)n == data.len)
		return;
	buf_put(&c->out, str_skip(data, (size_t)n));
	watch(c, EV_READ | EV_WRITE);
}

void conn_timeout(struct conn *c, usec_t take, usec_t answer)
{
	c->answer = answer;
	set_timer(c, c->out.len > 0 ? take : answer);
}

bool conn_is_greeting(struct attr_list *l, const char *protocol)
{
	struct str value;

	return l->n == 1 && attr_str(l, "protocol", &value) == 0 && str_eq(value, str_of(protocol));
}
