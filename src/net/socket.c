/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net/socket.c — listening, connecting, accepting; see socket.h.
 */
#include "net/socket.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "base/fd.h"

/* Append an address unless it is there or the array is full; the new count. */
static size_t add_addr(struct net_addr *v, size_t n, size_t max, const struct sockaddr *sa,
	socklen_t len)
{
	struct net_addr a;

	if (n == max || len > sizeof a.ss)
		return n;
	memset(&a, 0, sizeof a);
	memcpy(&a.ss, sa, len);
	a.len = len;
	for (size_t i = 0; i < n; i++) {
		if (net_addr_eq(&v[i], &a, true))
			return n;
	}
	v[n] = a;
	return n + 1;
}

static bool family_in_use(int family, unsigned families)
{
	return (family == AF_INET && (families & NET_IPV4) != 0) ||
	       (family == AF_INET6 && (families & NET_IPV6) != 0);
}

/* A copy of a short text with NUL; -EINVAL when it does not fit. */
static int short_text(struct str s, char *ret, size_t size)
{
	if (s.len >= size || str_chr(s, '\0') >= 0)
		return -EINVAL;
	if (s.len > 0)
		memcpy(ret, s.ptr, s.len);
	ret[s.len] = '\0';
	return 0;
}

static int resolve_error(int e, const char *host, const char *service, struct why *why)
{
	switch (e) {
	case EAI_AGAIN:
		return why_set(why, -EAGAIN, "%s: %s", host, gai_strerror(e));
	case EAI_SERVICE:
		return why_set(why, -EINVAL, "unknown service: %s", service);
	case EAI_SYSTEM:
		return why_errno(why, -errno, "%s", host);
	default:
		return why_set(why, -ENOENT, "%s: %s", host, gai_strerror(e));
	}
}

int net_resolve(struct str host, struct str service, unsigned families, struct net_addr *ret,
	size_t max, struct why *why)
{
	struct addrinfo hints = { .ai_flags = AI_PASSIVE, .ai_socktype = SOCK_STREAM };
	struct addrinfo *list = NULL;
	char name[NI_MAXHOST];
	char port[NI_MAXSERV];
	size_t n = 0;
	int e;

	if (short_text(host, name, sizeof name) < 0)
		return why_set(why, -ENOENT, "bad host name");
	if (short_text(service, port, sizeof port) < 0)
		return why_set(why, -EINVAL, "bad service name");
	if (families == NET_IPV4)
		hints.ai_family = AF_INET;
	else if (families == NET_IPV6)
		hints.ai_family = AF_INET6;
	e = getaddrinfo(name[0] == '\0' ? NULL : name, port, &hints, &list);
	if (e != 0)
		return resolve_error(e, name, port, why);
	for (const struct addrinfo *i = list; i != NULL; i = i->ai_next) {
		if (family_in_use(i->ai_family, families))
			n = add_addr(ret, n, max, i->ai_addr, i->ai_addrlen);
	}
	freeaddrinfo(list);
	return n > 0 ? (int)n : why_set(why, -ENOENT, "%s: no usable address", name);
}

int net_interfaces(unsigned families, struct net_addr *ret, size_t max, struct why *why)
{
	struct ifaddrs *list = NULL;
	size_t n = 0;

	if (getifaddrs(&list) < 0)
		return why_errno(why, -errno, "cannot list the network interfaces");
	for (const struct ifaddrs *i = list; i != NULL; i = i->ifa_next) {
		const struct sockaddr *sa = i->ifa_addr;

		if (sa == NULL || (i->ifa_flags & IFF_UP) == 0 ||
			!family_in_use(sa->sa_family, families))
			continue;
		n = add_addr(ret, n, max, sa,
			sa->sa_family == AF_INET ? sizeof(struct sockaddr_in)
						 : sizeof(struct sockaddr_in6));
	}
	freeifaddrs(list);
	return (int)n;
}

/* Bind and listen; the descriptor is closed on failure. */
static int bind_and_listen(int fd, const struct net_addr *a, int backlog)
{
	int r = 0;

	if (bind(fd, &a->sa, a->len) < 0 || (backlog > 0 && listen(fd, backlog) < 0)) {
		r = -errno;
		fd_close(fd);
	}
	return r < 0 ? r : fd;
}

int net_listen(const struct net_addr *a, int backlog, struct why *why)
{
	char text[NET_ADDR_TEXT];
	int one = 1;
	int fd = socket(a->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int r;

	net_addr_text(a, text);
	if (fd < 0)
		return why_errno(why, -errno, "socket for %s", text);
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (a->sa.sa_family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
	r = bind_and_listen(fd, a, backlog);
	return r < 0 ? why_errno(why, r, "bind %s port %u", text, (unsigned)net_addr_port(a)) : r;
}

/* The socket address of a path. */
static int unix_addr(const char *path, struct net_addr *ret, struct why *why)
{
	size_t len = strlen(path);

	memset(ret, 0, sizeof *ret);
	if (len >= sizeof ret->un.sun_path)
		return why_set(why, -ENAMETOOLONG, "socket path is too long: %s", path);
	ret->un.sun_family = AF_UNIX;
	memcpy(ret->un.sun_path, path, len + 1);
	ret->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + 1);
	return 0;
}

static int bind_unix(const char *path, mode_t mode, int type, int backlog, struct why *why)
{
	struct net_addr a;
	int fd;
	int r = unix_addr(path, &a, why);

	if (r < 0)
		return r;
	if (unlink(path) < 0 && errno != ENOENT)
		return why_errno(why, -errno, "remove %s", path);
	fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return why_errno(why, -errno, "socket for %s", path);
	fd = bind_and_listen(fd, &a, backlog);
	if (fd < 0)
		return why_errno(why, fd, "bind %s", path);
	if (chmod(path, mode) < 0) {
		r = -errno;
		fd_close(fd);
		return why_errno(why, r, "chmod %s", path);
	}
	return fd;
}

int net_listen_unix(const char *path, mode_t mode, int backlog, struct why *why)
{
	return bind_unix(path, mode, SOCK_STREAM, MAX(backlog, 1), why);
}

int net_bind_dgram(const char *path, mode_t mode, struct why *why)
{
	return bind_unix(path, mode, SOCK_DGRAM, 0, why);
}

/* Finish a connect(2) that is in progress. */
static int await_connect(int fd, usec_t deadline)
{
	socklen_t len = sizeof(int);
	int error = 0;
	int r = fd_wait(fd, POLLOUT, deadline);

	if (r < 0)
		return r;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		return -errno;
	return -error;
}

/* The kernel counts connect(2) as sending; it takes 0 and less as no limit. */
static void limit_send(int fd, int ms)
{
	const struct timeval limit = { .tv_sec = MAX(ms, 0) / 1000,
		.tv_usec = MAX(ms, 0) % 1000 * 1000 };

	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

static int connect_inet(int fd, const struct net_addr *to, const struct net_addr *from,
	usec_t deadline)
{
	int one = 1;
	int r;

	if (from != NULL) {
		if (net_addr_port(from) == 0)
			(void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
		if (bind(fd, &from->sa, from->len) < 0)
			return -errno;
	}
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	limit_send(fd, clock_poll_ms(deadline));
	r = connect(fd, &to->sa, to->len) < 0 ? -errno : 0;
	if (r == -EINTR)
		r = await_connect(fd, deadline);
	else if (r == -EINPROGRESS)
		r = -ETIMEDOUT;
	limit_send(fd, 0);
	return r;
}

int net_connect(const struct net_addr *to, const struct net_addr *from, usec_t deadline,
	struct why *why)
{
	char text[NET_ADDR_TEXT];
	int fd;
	int r;

	net_addr_text(to, text);
	if (to->sa.sa_family == AF_UNIX)
		return net_connect_unix(text, deadline, why);
	if (clock_poll_ms(deadline) == 0)
		return why_errno(why, -ETIMEDOUT, "connect to [%s]:%u", text,
			(unsigned)net_addr_port(to));
	fd = socket(to->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return why_errno(why, -errno, "socket for %s", text);
	r = connect_inet(fd, to, from, deadline);
	if (r < 0) {
		fd_close(fd);
		return why_errno(why, r, "connect to [%s]:%u", text, (unsigned)net_addr_port(to));
	}
	return fd;
}

/* Give a UNIX socket an unused name. */
static int bind_any(int fd)
{
	const struct sockaddr any = { .sa_family = AF_UNIX };

	return bind(fd, &any, sizeof(any.sa_family)) < 0 ? -errno : 0;
}

/*
 * The kernel makes a UNIX connect wait while the backlog is full; the send timeout bounds it.
 */
static int connect_unix(const char *path, bool named, usec_t deadline, struct why *why)
{
	struct net_addr a;
	int ms = clock_poll_ms(deadline);
	int fd;
	int r = unix_addr(path, &a, why);

	if (r < 0)
		return r;
	if (ms == 0)
		return why_errno(why, -ETIMEDOUT, "connect to %s", path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return why_errno(why, -errno, "socket for %s", path);
	limit_send(fd, ms);
	r = named ? bind_any(fd) : 0;
	if (r == 0) {
		do {
			r = connect(fd, &a.sa, a.len) < 0 ? -errno : 0;
		} while (r == -EINTR);
	}
	if (r < 0) {
		fd_close(fd);
		return why_errno(why, r == -EAGAIN ? -ETIMEDOUT : r, "connect to %s", path);
	}
	limit_send(fd, 0);
	return fd;
}

int net_connect_unix(const char *path, usec_t deadline, struct why *why)
{
	return connect_unix(path, false, deadline, why);
}

int net_connect_unix_named(const char *path, usec_t deadline, struct why *why)
{
	return connect_unix(path, true, deadline, why);
}

bool net_is_named(const struct net_addr *peer)
{
	return peer->sa.sa_family == AF_UNIX && peer->len > sizeof(peer->sa.sa_family);
}

/* Errors of accept(2) that concern one connection only. */
static bool is_transient(int error)
{
	return error == ECONNABORTED || error == EPROTO || error == ENETDOWN ||
	       error == ENOPROTOOPT || error == EHOSTDOWN || error == ENONET ||
	       error == EHOSTUNREACH || error == EOPNOTSUPP || error == ENETUNREACH;
}

int net_accept(int listener, struct net_addr *ret_peer)
{
	struct net_addr peer;
	int one = 1;
	int fd;

	memset(&peer, 0, sizeof peer);
	peer.len = sizeof peer.ss;
	do {
		fd = accept4(listener, &peer.sa, &peer.len, SOCK_CLOEXEC);
	} while (fd < 0 && errno == EINTR);
	if (fd < 0)
		return is_transient(errno) ? -EAGAIN : -errno;
	if (peer.sa.sa_family == AF_INET || peer.sa.sa_family == AF_INET6) {
		(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	}
	if (ret_peer != NULL)
		*ret_peer = peer;
	return fd;
}

bool net_peer(int fd, struct net_addr *ret)
{
	struct net_addr a;

	memset(&a, 0, sizeof a);
	a.len = sizeof a.ss;
	if (getpeername(fd, &a.sa, &a.len) < 0)
		return false;
	*ret = a;
	return true;
}

bool net_local(int fd, struct net_addr *ret)
{
	struct net_addr a;

	memset(&a, 0, sizeof a);
	a.len = sizeof a.ss;
	if (getsockname(fd, &a.sa, &a.len) < 0)
		return false;
	*ret = a;
	return true;
}
