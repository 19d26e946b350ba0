/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ipc/bell.c — triggers over a connection that lasts; see client.h.
 *
 * Invariants: on the connection at most one request is unanswered. It counts as lasting once an
 * answer came, for only then the service is known to answer before it acts. Only the connection is
 * behind the lock, and nothing blocks with the lock held.
 */
#include <errno.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/mem.h"
#include "ipc/client.h"
#include "net/socket.h"

struct ipc_bell {
	char *path;
	struct buf request; /* with a NUL at the end */
	usec_t timeout;
	pthread_mutex_t lock;
	int fd; /* -1: none */
	bool lasting;
};

struct ipc_bell *ipc_bell_new(const char *path, struct str request, usec_t timeout)
{
	struct ipc_bell *b = mem_new(struct ipc_bell);

	b->path = mem_strdup(path);
	b->request = BUF(BUF_SMALL);
	buf_put(&b->request, request);
	buf_putc(&b->request, '\0');
	b->timeout = timeout;
	b->fd = -1;
	check(pthread_mutex_init(&b->lock, NULL) == 0);
	return b;
}

void ipc_bell_free(struct ipc_bell *b)
{
	if (b == NULL)
		return;
	fd_close(b->fd);
	(void)pthread_mutex_destroy(&b->lock);
	buf_done(&b->request);
	free(b->path);
	free(b);
}

/* One request, which is far smaller than what a socket takes without waiting. */
static bool send_request(const struct ipc_bell *b, int fd)
{
	ssize_t n;

	do {
		n = send(fd, b->request.ptr, b->request.len, MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	return n == (ssize_t)b->request.len;
}

/* Ring over the connection that stands; false: there is none, or it is of no use any more. */
static bool ring_again(struct ipc_bell *b)
{
	bool done = false;
	char answer;
	ssize_t n;

	(void)pthread_mutex_lock(&b->lock);
	if (b->fd >= 0) {
		n = recv(b->fd, &answer, 1, MSG_DONTWAIT);
		if (n == 1) {
			b->lasting = true;
			done = send_request(b, b->fd);
		} else if (n < 0 && errno == EAGAIN) {
			/* The last request was not read yet, and what follows it is still to come. */
			done = b->lasting;
		}
		if (!done)
			fd_close(TAKE_FD(b->fd));
	}
	(void)pthread_mutex_unlock(&b->lock);
	return done;
}

int ipc_bell_ring(struct ipc_bell *b)
{
	struct stat st;
	int old;
	int fd;

	if (ring_again(b))
		return 0;
	if (stat(b->path, &st) < 0)
		return -errno;
	if (!S_ISSOCK(st.st_mode))
		return ipc_trigger(b->path, str_head(buf_str(&b->request), b->request.len - 1),
			b->timeout);
	fd = net_connect_unix(b->path, clock_deadline(b->timeout), NULL);
	if (fd < 0)
		return fd;
	if (!send_request(b, fd)) {
		fd_close(fd);
		return -EPIPE;
	}
	(void)pthread_mutex_lock(&b->lock);
	old = b->fd;
	b->fd = fd;
	b->lasting = false;
	(void)pthread_mutex_unlock(&b->lock);
	fd_close(old);
	return 0;
}
