/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sink — take messages by SMTP and forget them, at little cost.
 *
 *   sink ADDRESS PORT >COUNTS
 *
 * Standard output is a file whose first sixteen bytes are the numbers of messages and of their recipients taken
 * so far, each 64 bits in the machine's byte order. All replies to one read go in one write; the EHLO reply
 * announces PIPELINING and 8BITMIME.
 */
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/num.h"
#include "net/socket.h"

struct session {
	int fd;
	bool in_data;
	bool ended;
	size_t matched; /* bytes of CR LF . CR LF */
	uint64_t recipients;
	size_t len; /* of an unfinished command */
	char command[2048];
	size_t out_len;
	char out[16384];
};

static struct {
	uint64_t messages;
	uint64_t recipients;
} the_counts;

static _noreturn_ void fail(const char *what)
{
	(void)fprintf(stderr, "sink: %s: %s\n", what, strerror(errno));
	_exit(1);
}

static void say(struct session *s, struct str text)
{
	if (s->out_len + text.len > sizeof(s->out)) {
		s->ended = true;
		return;
	}
	memcpy(s->out + s->out_len, text.ptr, text.len);
	s->out_len += text.len;
}

static void command(struct session *s)
{
	struct str verb = str_from(s->command, MIN(s->len, (size_t)4));

	if (str_ieq(verb, STR("EHLO"))) {
		say(s, STR("250-sink\r\n250-PIPELINING\r\n250 8BITMIME\r\n"));
	} else if (str_ieq(verb, STR("DATA"))) {
		s->in_data = true;
		s->matched = 2;
		say(s, STR("354 go\r\n"));
	} else if (str_ieq(verb, STR("QUIT"))) {
		s->ended = true;
		say(s, STR("221 bye\r\n"));
	} else {
		if (str_ieq(verb, STR("RCPT")))
			s->recipients++;
		else
			s->recipients = 0;
		say(s, STR("250 2.0.0 Ok\r\n"));
	}
	s->len = 0;
}

/* Returns how much of the text was content, the end included. */
static size_t content(struct session *s, const char *p, size_t n)
{
	static const char mark[] = "\r\n.\r\n";
	size_t i = 0;

	while (i < n && s->matched < 5) {
		if (s->matched == 0) {
			const char *cr = memchr(p + i, '\r', n - i);

			i = cr == NULL ? n : (size_t)(cr - p) + 1;
			s->matched = cr != NULL;
		} else {
			s->matched = p[i] == mark[s->matched] ? s->matched + 1 : p[i] == '\r';
			i++;
		}
	}
	if (s->matched == 5) {
		s->in_data = false;
		the_counts.messages++;
		the_counts.recipients += s->recipients;
		say(s, STR("250 2.0.0 Ok\r\n"));
	}
	return i;
}

static void take(struct session *s, const char *p, size_t n)
{
	for (size_t i = 0; i < n && !s->ended;) {
		const char *lf;
		size_t piece;

		if (s->in_data) {
			i += content(s, p + i, n - i);
			continue;
		}
		lf = memchr(p + i, '\n', n - i);
		piece = lf == NULL ? n - i : (size_t)(lf - p) + 1 - i;
		if (s->len + piece > sizeof(s->command)) {
			s->ended = true;
			return;
		}
		memcpy(s->command + s->len, p + i, piece);
		s->len += piece;
		i += piece;
		if (lf != NULL)
			command(s);
	}
}

static void serve(struct session *s)
{
	static char in[256 * 1024];
	ssize_t n = recv(s->fd, in, sizeof(in), MSG_DONTWAIT);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n > 0)
		take(s, in, (size_t)n);
	if (s->out_len > 0 && send(s->fd, s->out, s->out_len, MSG_NOSIGNAL) < 0)
		s->ended = true;
	s->out_len = 0;
	if (n <= 0 || s->ended) {
		(void)close(s->fd);
		free(s);
	}
}

static void accept_all(int epoll, int listener)
{
	struct net_addr peer;
	int one = 1;
	int fd;

	while ((fd = net_accept(listener, &peer)) >= 0) {
		struct session *s = mem_new(struct session);
		struct epoll_event ev = { .events = EPOLLIN, .data.ptr = s };

		s->fd = fd;
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &ev) < 0 ||
			send(fd, "220 sink ESMTP\r\n", 16, MSG_NOSIGNAL) < 0) {
			(void)close(fd);
			free(s);
		}
	}
}

int main(int argc, char **argv)
{
	struct epoll_event ev = { .events = EPOLLIN };
	struct net_addr at;
	struct why why;
	uint64_t port;
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	int listener;

	if (argc != 3 || num_u64(str_of(argv[2]), UINT16_MAX, &port) < 0 ||
		net_addr_parse(str_of(argv[1]), (uint16_t)port, &at) < 0) {
		(void)fprintf(stderr, "usage: sink address port\n");
		return 2;
	}
	listener = net_listen(&at, 1000, &why);
	if (listener < 0 || epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &ev) < 0)
		fail("listen");
	for (;;) {
		struct epoll_event events[64];
		uint64_t before = the_counts.messages;
		int n = epoll_wait(epoll, events, ARRAY_LEN(events), -1);

		for (int i = 0; i < n; i++) {
			if (events[i].data.ptr == NULL)
				accept_all(epoll, listener);
			else
				serve(events[i].data.ptr);
		}
		if (the_counts.messages != before &&
			pwrite(STDOUT_FILENO, &the_counts, sizeof(the_counts), 0) !=
				sizeof(the_counts))
			fail("standard output");
	}
}
