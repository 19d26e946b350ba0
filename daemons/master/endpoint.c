/* SPDX-License-Identifier: Apache-2.0 */
/*
 * master/endpoint.c — from a service name to listening descriptors.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "log/log.h"
#include "master.h"
#include "net/socket.h"
#include "service/derive.h"
#include "service/known_ports.h"

/* Split "host:port" at the last colon; a bracketed or IPv6 host is allowed. */
static void split_name(struct str name, struct str *ret_host, struct str *ret_port)
{
	ptrdiff_t at = str_rchr(name, ':');

	*ret_host = at < 0 ? STR_EMPTY : str_head(name, (size_t)at);
	*ret_port = at < 0 ? name : str_skip(name, (size_t)at + 1);
	if (str_starts(*ret_host, STR("[")) && str_ends(*ret_host, STR("]")))
		*ret_host = str_from(ret_host->ptr + 1, ret_host->len - 2);
}

/* The wildcard addresses, without the families that this host lacks. */
static int wildcard(unsigned families, uint16_t port, struct net_addr *v)
{
	static const struct {
		unsigned family;
		const char *addr;
		int domain;
	} all[] = { { NET_IPV4, "0.0.0.0", AF_INET }, { NET_IPV6, "::", AF_INET6 } };
	int n = 0;

	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		int fd;

		if ((families & all[i].family) == 0)
			continue;
		fd = socket(all[i].domain, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (fd < 0 && errno == EAFNOSUPPORT)
			continue;
		fd_close(fd);
		check(net_addr_parse(str_of(all[i].addr), port, &v[n++]) == 0);
	}
	return n;
}

/* The number of a port given by number or service name. */
static int find_port(struct str port, uint16_t *ret, struct why *why)
{
	struct net_addr any[4];
	int n = net_resolve(STR("127.0.0.1"), port, NET_IPV4, any, ARRAY_LEN(any), why);

	if (n < 0)
		return n;
	*ret = net_addr_port(&any[0]);
	return 0;
}

static int inet_addresses(struct master *m, struct str host, struct str port, struct net_addr *v,
	struct why *why)
{
	int families = derive_families(m->conf, why);
	uint16_t number = 0;
	int n;

	port = known_port(str_of(m->set.known_tcp_ports), port);
	n = find_port(port, &number, why);

	if (families < 0 || n < 0)
		return families < 0 ? families : n;
	if (host.len > 0)
		return net_resolve(host, port, (unsigned)families, v, MAX_ENDPOINTS, why);
	if (str_ieq(str_trim(str_of(m->set.inet_interfaces)), STR("all")))
		return wildcard((unsigned)families, number, v);
	n = derive_own_addrs(m->conf, "inet_interfaces", v, MAX_ENDPOINTS, why);
	for (int i = 0; i < n; i++)
		net_addr_set_port(&v[i], number);
	return n;
}

static int resolve_inet(struct master *m, const struct master_entry *e, struct service_state *ret,
	struct why *why)
{
	_cleanup_free_ struct net_addr *v = mem_array(MAX_ENDPOINTS, sizeof *v);
	_cleanup_buf_ struct buf name = BUF_LOCAL(BUF_SMALL);
	struct str host;
	struct str port;
	struct why cause = { "no address to listen on" };
	char text[NET_ADDR_TEXT];
	int n;

	split_name(str_of(e->name), &host, &port);
	n = inet_addresses(m, host, port, v, &cause);
	if (n <= 0)
		return why_set(why, -EINVAL, "bad hostname or network address: %s: %s", e->name,
			cause.text);
	ret->n_listeners = (size_t)n;
	ret->addrs = mem_array(ret->n_listeners, sizeof *v);
	memcpy(ret->addrs, v, ret->n_listeners * sizeof *v);
	for (int i = 0; i < n; i++)
		ret->remote = ret->remote || !net_addr_is_loopback(&v[i]);
	net_addr_text(&v[0], text);
	if (host.len == 0)
		buf_putf(&name, "%u", (unsigned)net_addr_port(&v[0]));
	else
		buf_putf(&name, "[%s]:%u", text, (unsigned)net_addr_port(&v[0]));
	ret->canonical = buf_take(&name);
	return 0;
}

/*
 * Users other than the mail owner and the set-gid group can enter neither private/ nor public/: what
 * they may talk to, the submission service, has a directory of its own.
 */
static const char *directory(const struct master *m, const struct master_entry *e)
{
	if (e->private)
		return "private";
	return e->type == MASTER_UNIX && strcmp(e->name, m->set.submission_service_name) == 0
		       ? "open"
		       : "public";
}

int endpoint_resolve(struct master *m, const struct master_entry *e, struct service_state *ret,
	struct why *why)
{
	_cleanup_buf_ struct buf name = BUF_LOCAL(BUF_SMALL);

	if (e->type == MASTER_INET)
		return resolve_inet(m, e, ret, why);
	if (buf_addf(&name, "%s/%s", directory(m, e), e->name) < 0)
		return why_set(why, -EINVAL, "service name is too long");
	ret->canonical = buf_take(&name);
	ret->n_listeners = 1;
	ret->remote = e->type == MASTER_PASS;
	return 0;
}

static int open_fifo(const char *path, struct why *why)
{
	int fd;

	if (unlink(path) < 0 && errno != ENOENT)
		return why_errno(why, -errno, "remove %s", path);
	if (mkfifo(path, 0622) < 0)
		return why_errno(why, -errno, "create fifo %s", path);
	/* Open for writing too: the end of one writer is not the end of the fifo. */
	fd = fd_open(path, O_RDWR | O_NONBLOCK, 0);
	if (fd < 0)
		return why_errno(why, fd, "open fifo %s", path);
	if (fchmod(fd, 0622) < 0) {
		int r = -errno;

		fd_close(fd);
		return why_errno(why, r, "chmod fifo %s", path);
	}
	return fd;
}

static int open_inet(const struct service_state *s, const struct net_addr *a, int backlog,
	struct why *why)
{
	struct timespec pause = { .tv_nsec = 20 * 1000 * 1000 };
	bool told = false;

	for (;;) {
		int fd = net_listen(a, backlog, why);

		if (fd != -EADDRINUSE || clock_now() >= s->master->bind_deadline)
			return fd;
		if (!told)
			log_info("service %s: %s: waiting for it to become free", s->canonical,
				why->text);
		told = true;
		(void)nanosleep(&pause, NULL);
	}
}

static int open_one(const struct service_state *s, size_t number, struct why *why)
{
	int backlog = (int)MIN(MAX(s->limit, s->master->set.default_process_limit), (int64_t)65535);

	switch (s->type) {
	case MASTER_INET:
		return open_inet(s, &s->addrs[number], backlog, why);
	case MASTER_UNIX:
	case MASTER_PASS:
		return net_listen_unix(s->canonical, 0666, backlog, why);
	case MASTER_UNIX_DGRAM:
		return net_bind_dgram(s->canonical, 0666, why);
	case MASTER_FIFO:
		break;
	}
	return open_fifo(s->canonical, why);
}

int endpoint_open(struct service_state *s, struct why *why)
{
	bool as_owner = geteuid() == 0 && s->type != MASTER_INET;
	int r = 0;

	s->listeners = mem_array(s->n_listeners, sizeof *s->listeners);
	for (size_t i = 0; i < s->n_listeners; i++)
		s->listeners[i].fd = -1;
	/* Sockets in the queue directory belong to the mail owner. */
	if (as_owner && (setegid(s->master->owner_gid) < 0 || seteuid(s->master->owner_uid) < 0))
		log_fatal("cannot act as the mail owner: %s", strerror(errno));
	for (size_t i = 0; i < s->n_listeners && r >= 0; i++) {
		r = open_one(s, i, why);
		s->listeners[i].fd = r;
	}
	if (as_owner && (seteuid(0) < 0 || setegid(getgid()) < 0))
		log_fatal("cannot act as root again: %s", strerror(errno));
	return r < 0 ? r : 0;
}

void endpoint_close(struct service_state *s)
{
	for (size_t i = 0; s->listeners != NULL && i < s->n_listeners; i++) {
		if (s->watching)
			ev_io_stop(s->master->ev, &s->listeners[i]);
		fd_close(s->listeners[i].fd);
	}
	s->watching = false;
	free(TAKE(s->listeners));
}
