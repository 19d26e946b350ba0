/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dns/exchange.c — one query over UDP, and over TCP when the answer is long.
 *
 * Each try has a socket of its own: the port is random and late answers to earlier tries go nowhere.
 * What does not answer the question is ignored.
 */
#include "dns/exchange_priv.h"

#include <errno.h>
#include <poll.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"

#define MAX_ANSWER 65535

struct
try {
	struct dns_question *q;
	unsigned flags;
	const struct notes *notes;
	struct arena *arena;
	char *space; /* MAX_ANSWER bytes */
};

static uint16_t random_id(void)
{
	uint16_t id = 0;

	while (getrandom(&id, sizeof(id), 0) != (ssize_t)sizeof(id))
		;
	return id;
}

static int open_socket(const struct net_addr *server, int type, usec_t deadline)
{
	int fd = socket(server->sa.sa_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), err, r;
	socklen_t len = sizeof(err);

	if (fd < 0)
		return -errno;
	r = connect(fd, &server->sa, server->len) < 0 ? -errno : 0;
	if (r == -EINPROGRESS) {
		r = fd_wait(fd, POLLOUT, deadline);
		if (r == 0)
			r = getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) < 0 ? -errno : -err;
	}
	if (r < 0) {
		fd_close(fd);
		return r;
	}
	return fd;
}

static int ask_udp(struct try *t, const struct net_addr *server, struct str query, usec_t deadline,
	struct dns_packet *ret)
{
	_cleanup_close_ int fd = open_socket(server, SOCK_DGRAM, deadline);

	if (fd < 0)
		return fd;
	if (send(fd, query.ptr, query.len, MSG_NOSIGNAL) < 0)
		return -errno;
	for (;;) {
		int r = fd_wait(fd, POLLIN, deadline);
		ssize_t n;

		if (r < 0)
			return r;
		n = recv(fd, t->space, MAX_ANSWER, 0);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n < 0)
			return -errno;
		r = dns_packet_parse(str_from(t->space, (size_t)n), t->q, t->notes, t->arena, ret);
		if (r != -ENOMSG)
			return r;
	}
}

static int read_all(int fd, char *p, size_t len, usec_t deadline)
{
	while (len > 0) {
		int r = fd_wait(fd, POLLIN, deadline);
		ssize_t n;

		if (r < 0)
			return r;
		n = read(fd, p, len);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EPIPE;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

static int ask_tcp(struct try *t, const struct net_addr *server, struct str query, usec_t deadline,
	struct dns_packet *ret)
{
	_cleanup_close_ int fd = open_socket(server, SOCK_STREAM, deadline);
	struct buf b = BUF(BUF_SMALL);
	unsigned char len[2];
	ssize_t n;
	int r;

	if (fd < 0)
		return fd;
	buf_putc(&b, (char)(query.len >> 8));
	buf_putc(&b, (char)query.len);
	buf_put(&b, query);
	/* A query is far shorter than a socket's buffer. */
	n = send(fd, b.ptr, b.len, MSG_NOSIGNAL);
	r = n < 0 ? -errno : (size_t)n < b.len ? -EPIPE : 0;
	buf_done(&b);
	if (r == 0)
		r = read_all(fd, (char *)len, sizeof(len), deadline);
	if (r == 0)
		r = read_all(fd, t->space, (size_t)(len[0] << 8 | len[1]), deadline);
	if (r < 0)
		return r;
	r = dns_packet_parse(str_from(t->space, (size_t)(len[0] << 8 | len[1])), t->q, t->notes,
		t->arena, ret);
	return r == 0 && ret->truncated ? -EBADMSG : r;
}

/* One server: UDP, then TCP when needed; without EDNS when the server does not know it. */
static int ask_server(struct try *t, const struct net_addr *server, bool tcp, usec_t timeout,
	struct dns_packet *ret)
{
	unsigned flags = t->flags;
	int r;

	for (;;) {
		struct buf query = BUF(BUF_SMALL);

		t->q->id = random_id();
		r = dns_query_build(&query, t->q, flags);
		if (r == 0 && !tcp)
			r = ask_udp(t, server, buf_str(&query), clock_deadline(timeout), ret);
		if (r == 0 && (tcp || ret->truncated))
			r = ask_tcp(t, server, buf_str(&query), clock_deadline(timeout), ret);
		buf_done(&query);
		if (r < 0 || ret->rcode != DNS_RCODE_FORMERR || (flags & DNS_QUERY_EDNS) == 0)
			return r;
		flags = 0;
	}
}

static bool is_answer(const struct dns_packet *p)
{
	return p->rcode == DNS_RCODE_NOERROR || p->rcode == DNS_RCODE_NXDOMAIN;
}

static usec_t try_timeout(const struct dns_config *c, unsigned attempt)
{
	usec_t t = c->timeout << MIN(attempt, 5u);

	if (attempt > 0)
		t /= (usec_t)c->n_servers;
	return MAX(t, USEC_PER_SEC);
}

int dns_exchange(const struct dns_config *c, struct dns_question *q, unsigned flags, unsigned turn,
	const struct notes *notes, struct arena *a, struct dns_packet *ret)
{
	struct try t = { q, flags, notes, a, mem_alloc(MAX_ANSWER) };
	struct dns_packet last;
	int result = -ETIMEDOUT;

	for (unsigned attempt = 0; attempt < c->attempts && result != -EINVAL; attempt++) {
		for (size_t i = 0; i < c->n_servers; i++) {
			const struct net_addr *server = &c->server[(i + turn) % c->n_servers];
			int r = ask_server(&t, server, c->tcp, try_timeout(c, attempt), &last);

			if (r == 0) {
				*ret = last;
				result = 0;
				if (is_answer(&last))
					goto out;
			} else if (r == -EINVAL || (r == -EBADMSG && result != 0)) {
				result = r;
			}
		}
		if (result == 0 || result == -EBADMSG)
			break; /* every server that works has refused: asking again is of no use */
	}
out:
	free(t.space);
	return result;
}
