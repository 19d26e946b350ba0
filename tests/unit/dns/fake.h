/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A name server for tests: answers from a table, over UDP and TCP on one loopback port.
 */
#pragma once

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/num.h"
#include "dns/dns.h"

/* One record of an answer; `data`: "1.2.3.4", "10 host", "host", or "#" and hex digits. */
struct fake_rr {
	const char *owner;
	unsigned type;
	const char *data;
};

enum fake_flags {
	FAKE_TRUNCATE = 1 << 0, /* by UDP: TC and nothing else */
	FAKE_SILENT = 1 << 1,
	FAKE_WRONG_FIRST = 1 << 2, /* wrong id, wrong question and garbage come first */
	FAKE_AD = 1 << 3,
	FAKE_SOA = 1 << 4,
	FAKE_NO_EDNS = 1 << 5, /* FORMERR to queries with EDNS */
	FAKE_SHORT = 1 << 6,   /* the message is cut */
};

struct fake_zone {
	const char *name;
	unsigned type; /* 0 any */
	unsigned rcode, flags;
	struct fake_rr rr[6];
	unsigned repeat; /* send rr[0] this often */
};

struct fake {
	const struct fake_zone *zones;
	int udp, tcp, stop[2];
	uint16_t port;
	pthread_t thread;
	unsigned queries; /* read after fake_stop() */
};

static inline void fake_u16(struct buf *b, unsigned v)
{
	buf_putc(b, (char)(v >> 8));
	buf_putc(b, (char)v);
}

static inline void fake_name(struct buf *b, const char *name)
{
	struct str rest = str_of(name), label;

	while (str_word(&rest, ".", &label)) {
		buf_putc(b, (char)label.len);
		buf_put(b, label);
	}
	buf_putc(b, 0);
}

static inline void fake_data(struct buf *b, unsigned type, const char *data)
{
	struct str s = str_of(data), word;
	unsigned char addr[16];

	if (*data == '#') {
		for (size_t i = 1; i + 1 < s.len; i += 2) {
			uint64_t v = 0;

			assert_int_equal(num_hex(str_from(data + i, 2), 255, &v), 0);
			buf_putc(b, (char)v);
		}
	} else if (type == DNS_A || type == DNS_AAAA) {
		assert_int_equal(inet_pton(type == DNS_A ? AF_INET : AF_INET6, data, addr), 1);
		buf_put(b, str_from((const char *)addr, type == DNS_A ? 4 : 16));
	} else if (type == DNS_TXT) {
		buf_putc(b, (char)s.len);
		buf_put(b, s);
	} else {
		for (unsigned n = type == DNS_MX ? 1 : type == DNS_SRV ? 3 : 0; n > 0; n--) {
			uint64_t v = 0;

			assert_true(str_word(&s, " ", &word));
			assert_int_equal(num_u64(word, 65535, &v), 0);
			fake_u16(b, (unsigned)v);
		}
		fake_name(b, s.ptr);
	}
}

static inline void fake_rr(struct buf *b, const struct fake_rr *rr)
{
	struct buf d = BUF(BUF_SMALL);

	fake_data(&d, rr->type, rr->data);
	fake_name(b, rr->owner);
	fake_u16(b, rr->type);
	fake_u16(b, 1);
	fake_u16(b, 0);
	fake_u16(b, 300);
	fake_u16(b, (unsigned)d.len);
	buf_put(b, buf_str(&d));
	buf_done(&d);
}

/* An answer with the question (name, type) and the records of a zone. */
static inline void fake_answer(struct buf *b, unsigned id, const char *name, unsigned type,
	const struct fake_zone *z, bool truncate)
{
	static const struct fake_rr soa = { "soa", DNS_SOA, "#00" };
	unsigned n = 0;

	while (n < ARRAY_LEN(z->rr) && z->rr[n].owner != NULL)
		n++;
	fake_u16(b, id);
	fake_u16(b, 0x8180 | z->rcode | (truncate ? 0x200 : 0) | (z->flags & FAKE_AD ? 0x20 : 0));
	fake_u16(b, 1);
	fake_u16(b, truncate ? 0 : z->repeat > 0 ? z->repeat : n);
	fake_u16(b, z->flags & FAKE_SOA ? 1 : 0);
	fake_u16(b, 0);
	fake_name(b, name);
	fake_u16(b, type);
	fake_u16(b, 1);
	for (unsigned i = 0; i < MAX(n, z->repeat) && !truncate; i++)
		fake_rr(b, &z->rr[z->repeat > 0 ? 0 : i]);
	if (z->flags & FAKE_SOA)
		fake_rr(b, &soa);
	if (z->flags & FAKE_SHORT)
		buf_truncate(b, b->len - 3);
}

/* Question of a query: name without final dot, type. */
static inline bool fake_question(const unsigned char *p, size_t len, char *name, unsigned *type)
{
	size_t i = 12, n = 0;

	while (i < len && p[i] != 0) {
		for (size_t k = p[i++]; k > 0 && i < len; k--)
			name[n++] = (char)p[i++];
		name[n++] = '.';
	}
	if (n > 0)
		n--;
	name[n] = '\0';
	if (i + 3 > len)
		return false;
	*type = (unsigned)(p[i + 1] << 8 | p[i + 2]);
	return true;
}

static inline const struct fake_zone *fake_find(const struct fake *f, const char *name,
	unsigned type)
{
	static const struct fake_zone none = { .rcode = 3 };

	for (const struct fake_zone *z = f->zones; z->name != NULL; z++)
		if (str_ieq(str_of(z->name), str_of(name)) && (z->type == 0 || z->type == type))
			return z;
	return &none;
}

static inline void fake_serve(struct fake *f, const unsigned char *p, size_t len, bool tcp, int fd,
	const struct sockaddr_in *peer)
{
	struct buf b = BUF(1 << 20), bad = BUF(1 << 20);
	char name[1024];
	unsigned type, id = (unsigned)(p[0] << 8 | p[1]);
	const struct fake_zone *z;
	struct fake_zone formerr = { .rcode = 1 };

	f->queries++;
	if (!fake_question(p, len, name, &type))
		return;
	z = fake_find(f, name, type);
	if (z->flags & FAKE_SILENT)
		return;
	if ((z->flags & FAKE_NO_EDNS) && p[11] != 0)
		z = &formerr;
	if (z->flags & FAKE_WRONG_FIRST) {
		static const struct fake_zone lie = { .rr = { { "x", DNS_A, "6.6.6.6" } } };

		fake_answer(&bad, id ^ 1, name, type, &lie, false);
		(void)sendto(fd, bad.ptr, bad.len, 0, (const void *)peer, sizeof(*peer));
		buf_clear(&bad);
		fake_answer(&bad, id, "other.test", type, &lie, false);
		(void)sendto(fd, bad.ptr, bad.len, 0, (const void *)peer, sizeof(*peer));
		(void)sendto(fd, "xyz", 3, 0, (const void *)peer, sizeof(*peer));
	}
	if (tcp)
		fake_u16(&b, 0);
	fake_answer(&b, id, name, type, z, (z->flags & FAKE_TRUNCATE) && !tcp);
	if (tcp) {
		b.ptr[0] = (char)((b.len - 2) >> 8);
		b.ptr[1] = (char)(b.len - 2);
		(void)send(fd, b.ptr, b.len, MSG_NOSIGNAL);
	} else {
		(void)sendto(fd, b.ptr, b.len, 0, (const void *)peer, sizeof(*peer));
	}
	buf_done(&b);
	buf_done(&bad);
}

static inline void *fake_run(void *arg)
{
	struct fake *f = arg;
	struct pollfd p[] = { { f->udp, POLLIN, 0 }, { f->tcp, POLLIN, 0 },
		{ f->stop[0], POLLIN, 0 } };
	unsigned char in[2048];

	while (poll(p, 3, -1) > 0 && p[2].revents == 0) {
		if (p[0].revents != 0) {
			struct sockaddr_in peer;
			socklen_t len = sizeof(peer);
			ssize_t n = recvfrom(f->udp, in, sizeof(in), 0, (void *)&peer, &len);

			if (n >= 12)
				fake_serve(f, in, (size_t)n, false, f->udp, &peer);
		}
		if (p[1].revents != 0) {
			int fd = accept(f->tcp, NULL, NULL);
			ssize_t n = recv(fd, in, sizeof(in), 0);

			if (n >= 14)
				fake_serve(f, in + 2, (size_t)n - 2, true, fd, NULL);
			close(fd);
		}
	}
	return NULL;
}

static inline void fake_start(struct fake *f, const struct fake_zone *zones)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);

	*f = (struct fake){ .zones = zones };
	f->tcp = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(f->tcp, (void *)&a, sizeof(a)), 0);
	assert_int_equal(listen(f->tcp, 10), 0);
	assert_int_equal(getsockname(f->tcp, (void *)&a, &len), 0);
	f->udp = socket(AF_INET, SOCK_DGRAM, 0);
	assert_int_equal(bind(f->udp, (void *)&a, sizeof(a)), 0);
	f->port = ntohs(a.sin_port);
	assert_int_equal(pipe(f->stop), 0);
	assert_int_equal(pthread_create(&f->thread, NULL, fake_run, f), 0);
}

static inline void fake_stop(struct fake *f)
{
	assert_int_equal(write(f->stop[1], "x", 1), 1);
	pthread_join(f->thread, NULL);
	close(f->udp);
	close(f->tcp);
	close(f->stop[0]);
	close(f->stop[1]);
}

/* Setting for dns_servers. */
static inline const char *fake_servers(const struct fake *f, char *text, size_t size)
{
	(void)snprintf(text, size, "[127.0.0.1]:%d", f->port);
	return text;
}
