/* SPDX-License-Identifier: Apache-2.0 */
/*
 * io/stream.c — buffered byte streams; see stream.h.
 *
 * The plain transport of a socket waits in recv(2) with SO_RCVTIMEO where only the timeout limits
 * it: one system call a read. With a deadline, and for what is left of a long timeout, it polls.
 */
#include "io/stream.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"

#define IN_SIZE  ((size_t)16 * 1024)
#define OUT_SIZE ((size_t)16 * 1024)
/* A pipe that polls writable takes this much without blocking. */
#define PIPE_CHUNK ((size_t)4096)

struct stream {
	const struct stream_ops *ops;
	void *ctx;
	int rfd;
	int wfd;
	bool owned;
	bool is_socket;
	bool eof;
	int error;
	usec_t timeout;
	usec_t deadline;
	size_t rate;
	usec_t last_write;
	usec_t rcvtimeo; /* what SO_RCVTIMEO is set to */
	char *in;
	size_t pos;
	size_t len;
	char *out;
	size_t out_len;
};

/* Set the receive timeout of the socket; it is remembered. */
static void set_rcvtimeo(struct stream *s, usec_t timeout)
{
	struct timeval tv;

	if (s->rcvtimeo == timeout)
		return;
	tv.tv_sec = timeout / USEC_PER_SEC;
	tv.tv_usec = timeout % USEC_PER_SEC;
	if (setsockopt(s->rfd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv) == 0)
		s->rcvtimeo = timeout;
}

/*
 * The kernel may wake us before `timeout` is over, not later. A protocol whose steps have different
 * limits need not change the option at each of them; but neither is a long wait cut to bits.
 */
static void limit_rcvtimeo(struct stream *s, usec_t timeout)
{
	if (s->rcvtimeo == 0 || s->rcvtimeo > timeout || s->rcvtimeo < timeout / 64)
		set_rcvtimeo(s, timeout);
}

static ssize_t socket_read(struct stream *s, char *p, size_t n, usec_t deadline)
{
	bool simple = s->deadline == USEC_NEVER;

	if (simple && s->timeout == 0)
		set_rcvtimeo(s, 0);
	else if (simple)
		limit_rcvtimeo(s, s->timeout);
	for (;;) {
		ssize_t got = recv(s->rfd, p, n, simple ? 0 : MSG_DONTWAIT);
		int r;

		if (got >= 0)
			return got;
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return -errno;
		r = fd_wait(s->rfd, POLLIN, deadline);
		if (r < 0)
			return r;
	}
}

static ssize_t plain_read(void *ctx, char *p, size_t n, usec_t deadline)
{
	struct stream *s = ctx;

	if (s->is_socket)
		return socket_read(s, p, n, deadline);
	for (;;) {
		int r = fd_wait(s->rfd, POLLIN, deadline);
		ssize_t got;

		if (r < 0)
			return r;
		got = read(s->rfd, p, n);
		if (got >= 0)
			return got;
		if (errno != EINTR && errno != EAGAIN)
			return -errno;
	}
}

static ssize_t plain_write(void *ctx, const char *p, size_t n, usec_t deadline)
{
	struct stream *s = ctx;
	bool by_socket = s->is_socket && s->wfd == s->rfd;

	for (;;) {
		ssize_t done;
		int r;

		if (by_socket) {
			done = send(s->wfd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT);
		} else {
			r = fd_wait(s->wfd, POLLOUT, deadline);
			if (r < 0)
				return r;
			done = write(s->wfd, p, MIN(n, PIPE_CHUNK));
		}
		if (done >= 0)
			return done;
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return -errno;
		r = fd_wait(s->wfd, POLLOUT, deadline);
		if (r < 0)
			return r;
	}
}

static const struct stream_ops plain_ops = { plain_read, plain_write, NULL, NULL };

struct stream *stream_new(int fd)
{
	struct stream *s = stream_new_pair(fd, fd);

	s->owned = true;
	return s;
}

/* The beginning of a connection; only the memory of buffers may be older. */
static void begin(struct stream *s, int rfd, int wfd)
{
	struct stat st;

	*s = (struct stream){
		.ops = &plain_ops,
		.ctx = s,
		.rfd = rfd,
		.wfd = wfd,
		.deadline = USEC_NEVER,
		.is_socket = fstat(rfd, &st) == 0 && S_ISSOCK(st.st_mode),
		.in = s->in,
		.out = s->out,
	};
}

struct stream *stream_new_pair(int rfd, int wfd)
{
	struct stream *s = mem_new(struct stream);

	begin(s, rfd, wfd);
	return s;
}

struct stream *stream_again(struct stream *ended, int fd)
{
	if (ended == NULL)
		return stream_new(fd);
	check(ended->rfd < 0);
	begin(ended, fd, fd);
	ended->owned = true;
	return ended;
}

/* Close what is beneath the buffers; the first error. */
static int close_transport(struct stream *s)
{
	int r = 0;

	if (s->ops->close != NULL)
		r = s->ops->close(s->ctx);
	if (s->owned && s->rfd >= 0) {
		int r2 = fd_close_checked(s->rfd);

		r = r < 0 ? r : r2;
	}
	s->ops = &plain_ops;
	s->ctx = s;
	s->rfd = s->wfd = -1;
	return r;
}

static void free_memory(struct stream *s)
{
	free(s->in);
	free(s->out);
	free(s);
}

void stream_free(struct stream *s)
{
	if (s == NULL)
		return;
	(void)close_transport(s);
	free_memory(s);
}

int stream_end(struct stream *s)
{
	int r = stream_flush(s);
	int r2 = close_transport(s);

	s->error = -EBADF;
	return r < 0 ? r : r2;
}

int stream_close(struct stream *s)
{
	int r = stream_end(s);

	free_memory(s);
	return r;
}

size_t stream_push(struct stream *s, const struct stream_ops *ops, void *ctx)
{
	size_t lost = s->len - s->pos;

	check(s->out_len == 0);
	if (s->is_socket)
		set_rcvtimeo(s, 0);
	s->pos = s->len = 0;
	s->eof = false;
	s->ops = ops;
	s->ctx = ctx;
	return lost;
}

int stream_fd(const struct stream *s)
{
	return s->rfd;
}

int stream_detach(struct stream *s)
{
	int fd = s->rfd;

	if (s->is_socket)
		set_rcvtimeo(s, 0);
	s->rfd = s->wfd = -1;
	s->owned = false;
	s->error = -EBADF;
	return fd;
}

void stream_timeout(struct stream *s, usec_t timeout)
{
	s->timeout = timeout < 0 ? 0 : timeout;
}

void stream_deadline(struct stream *s, usec_t deadline)
{
	s->deadline = deadline;
}

void stream_data_rate(struct stream *s, size_t rate)
{
	s->rate = rate;
}

void stream_last_word(struct stream *s, usec_t timeout)
{
	if (s->error == -ETIMEDOUT)
		s->error = 0;
	s->deadline = USEC_NEVER;
	s->rate = 0;
	s->timeout = timeout;
}

void stream_read_on(struct stream *s)
{
	if (s->error == -EPIPE || s->error == -ECONNRESET) {
		s->error = 0;
		s->out_len = 0;
	}
}

int stream_error(const struct stream *s)
{
	return s->error;
}

/* The limit of the next operation. */
static usec_t limit_of(const struct stream *s)
{
	usec_t at = clock_deadline(s->timeout);

	return MIN(at, s->deadline);
}

/* n bytes went over: with a data rate they buy time, up to the timeout. */
static void buy_time(struct stream *s, size_t n)
{
	usec_t at;

	if (s->rate == 0 || s->deadline == USEC_NEVER)
		return;
	at = s->deadline + (usec_t)n * USEC_PER_SEC / (usec_t)s->rate;
	s->deadline = MIN(at, clock_deadline(s->timeout));
}

static int fail(struct stream *s, int error)
{
	s->error = error;
	return error;
}

/* Write all of a text to the transport. */
static int push_out(struct stream *s, struct str data)
{
	while (data.len > 0) {
		ssize_t n = s->ops->write(s->ctx, data.ptr, data.len, limit_of(s));

		if (n <= 0)
			return fail(s, n == 0 ? -EPIPE : (int)n);
		buy_time(s, (size_t)n);
		s->last_write = clock_now();
		data = str_skip(data, (size_t)n);
	}
	return 0;
}

bool stream_readable(struct stream *s)
{
	if (s->pos < s->len)
		return true;
	if (s->rfd < 0)
		return false;
	if (s->ops->pending != NULL && s->ops->pending(s->ctx))
		return true;
	return fd_wait(s->rfd, POLLIN, 0) == 0;
}

struct str stream_buffered(const struct stream *s)
{
	return s->in == NULL ? STR_EMPTY : str_from(s->in + s->pos, s->len - s->pos);
}

int stream_fill(struct stream *s)
{
	ssize_t n;

	if (s->pos < s->len)
		return 0;
	if (s->error < 0)
		return s->error;
	if (s->eof)
		return -ENODATA;
	if (s->out_len > 0) {
		int r = stream_flush(s);

		if (r < 0)
			return r;
	}
	if (s->in == NULL)
		s->in = mem_resize(NULL, IN_SIZE, 1);
	s->pos = s->len = 0;
	n = s->ops->read(s->ctx, s->in, IN_SIZE, limit_of(s));
	if (n < 0)
		return fail(s, (int)n);
	if (n == 0) {
		s->eof = true;
		return -ENODATA;
	}
	buy_time(s, (size_t)n);
	s->len = (size_t)n;
	return 0;
}

void stream_skip(struct stream *s, size_t n)
{
	check(n <= s->len - s->pos);
	s->pos += n;
}

int stream_read(struct stream *s, char *p, size_t n)
{
	size_t done = 0;

	while (done < n) {
		int r = stream_fill(s);
		size_t part;

		if (r < 0)
			return r == -ENODATA && done > 0 ? -EPIPE : r;
		part = MIN(n - done, s->len - s->pos);
		memcpy(p + done, s->in + s->pos, part);
		s->pos += part;
		done += part;
	}
	return 0;
}

int stream_getc(struct stream *s)
{
	int r = stream_fill(s);

	return r < 0 ? r : (unsigned char)s->in[s->pos++];
}

int stream_line(struct stream *s, size_t max, struct buf *ret)
{
	size_t got = 0;

	while (got < max) {
		int r = stream_fill(s);
		struct str have;
		ptrdiff_t at;

		if (r == -ENODATA && got > 0)
			return 0;
		if (r < 0)
			return r;
		have = str_head(stream_buffered(s), max - got);
		at = str_chr(have, '\n');
		if (at >= 0)
			have.len = (size_t)at + 1;
		r = buf_add(ret, have);
		if (r < 0)
			return r;
		stream_skip(s, have.len);
		got += have.len;
		if (at >= 0)
			return 1;
	}
	return 0;
}

int stream_until(struct stream *s, char end, struct buf *ret)
{
	bool some = false;

	for (;;) {
		int r = stream_fill(s);
		struct str have;
		ptrdiff_t at;

		if (r < 0)
			return r == -ENODATA && some ? -EPIPE : r;
		some = true;
		have = stream_buffered(s);
		at = str_chr(have, end);
		if (at >= 0)
			have.len = (size_t)at;
		r = buf_add(ret, have);
		if (r < 0)
			return r;
		stream_skip(s, at >= 0 ? have.len + 1 : have.len);
		if (at >= 0)
			return 0;
	}
}

int stream_write(struct stream *s, struct str data)
{
	if (s->error < 0)
		return s->error;
	if (s->out == NULL)
		s->out = mem_resize(NULL, OUT_SIZE, 1);
	if (data.len > OUT_SIZE - s->out_len) {
		int r = stream_flush(s);

		if (r < 0)
			return r;
	}
	if (data.len >= OUT_SIZE)
		return push_out(s, data);
	if (data.len > 0)
		memcpy(s->out + s->out_len, data.ptr, data.len);
	s->out_len += data.len;
	return 0;
}

int stream_printf(struct stream *s, const char *fmt, ...)
{
	_cleanup_buf_ struct buf text = BUF_LOCAL(BUF_MEDIUM);
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = buf_addv(&text, fmt, ap);
	va_end(ap);
	return r < 0 ? r : stream_write(s, buf_str(&text));
}

size_t stream_pending_out(const struct stream *s)
{
	return s->out_len;
}

int stream_flush(struct stream *s)
{
	size_t n = s->out_len;

	if (s->error < 0)
		return s->error;
	s->out_len = 0;
	return n == 0 ? 0 : push_out(s, str_from(s->out, n));
}

usec_t stream_last_write(const struct stream *s)
{
	return s->last_write;
}
