/* SPDX-License-Identifier: Apache-2.0 */
/*
 * source — send numbers of like messages over many sessions at once, at little cost.
 *
 *   source ADDRESS PORT SESSIONS MESSAGES BYTES RECIPIENTS DOMAIN each|kept OPENING
 *
 * A client as mail servers are: commands in groups where the server announces PIPELINING (RFC 2920), one
 * at a time where not. each: a connection a message, with QUIT; kept: all messages of a session over
 * one connection. Any reply that is not the expected one ends it with exit status 1. With QUIT our side of the
 * connection is closed: Exim keeps its last reply back until then, for 0.2 s at most.
 *
 * OPENING: so many connections wait for their greeting at most; the next one begins when one of them has it.
 * A connection that finds the server's queue of new ones full is open here and unknown there, for a minute.
 *
 * Invariants: all that is ever sent lies in texts made before the first connection (struct texts);
 * a session is open, or among the idle ones.
 */
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/num.h"
#include "net/addr.h"

#define SESSIONS_MAX   ((uint64_t)1000)
#define RECIPIENTS_MAX ((uint64_t)10000)

enum step {
	STEP_GREETING,
	STEP_EHLO,
	STEP_ENVELOPE,
	STEP_CONTENT,
	STEP_QUIT,
};

struct session {
	int fd;
	enum step step;
	bool pipelining;
	size_t sent;     /* commands of the envelope that were sent */
	size_t answered; /* replies to them */
	struct str out;  /* what the socket did not take yet */
	size_t len;
	char in[4096];
};

struct texts {
	struct buf envelope; /* MAIL, RCPT..., DATA */
	size_t *ends;        /* where each of its commands ends */
	size_t commands;
	struct buf content; /* with the final dot */
};

static struct {
	struct net_addr to;
	uint64_t sessions;
	uint64_t messages;
	uint64_t bytes;
	uint64_t recipients;
	bool kept;
	uint64_t opening_max;
	struct texts texts;
	struct session **idle; /* sessions without a connection */
	size_t idle_count;
	size_t opening; /* connections without a greeting */
	uint64_t begun;
	uint64_t done;
	size_t open;
	int epoll;
} the_load = { .texts = { .envelope = BUF(1 << 20), .content = BUF(64 << 20) } };

static _noreturn_ void fail(const char *what, const char *why)
{
	(void)fprintf(stderr, "source: %s: %s\n", what, why);
	_exit(1);
}

static void watch(struct session *s, uint32_t events, int op)
{
	struct epoll_event ev = { .events = events, .data.ptr = s };

	if (epoll_ctl(the_load.epoll, op, s->fd, &ev) < 0)
		fail("epoll_ctl", strerror(errno));
}

static void push(struct session *s)
{
	ssize_t n = send(s->fd, s->out.ptr, s->out.len, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n < 0 && errno != EAGAIN)
		fail("send", strerror(errno));
	s->out = str_skip(s->out, n > 0 ? (size_t)n : 0);
	if (s->out.len > 0)
		watch(s, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
}

static void say(struct session *s, struct str text)
{
	s->out = text;
	push(s);
}

static void connect_one(struct session *s)
{
	int one = 1;

	*s = (struct session){ .fd = socket(the_load.to.sa.sa_family,
				       SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0) };
	if (s->fd < 0)
		fail("socket", strerror(errno));
	(void)setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (connect(s->fd, &the_load.to.sa, the_load.to.len) < 0 && errno != EINPROGRESS)
		fail("connect", strerror(errno));
	the_load.begun++;
	the_load.open++;
	the_load.opening++;
	watch(s, EPOLLIN, EPOLL_CTL_ADD);
}

static void connect_more(void)
{
	while (the_load.idle_count > 0 && the_load.opening < the_load.opening_max &&
		the_load.begun < the_load.messages)
		connect_one(the_load.idle[--the_load.idle_count]);
}

static void envelope(struct session *s)
{
	const struct texts *t = &the_load.texts;
	size_t from = s->sent == 0 ? 0 : t->ends[s->sent - 1];

	s->step = STEP_ENVELOPE;
	s->sent = s->pipelining ? t->commands : s->sent + 1;
	say(s, str_from(t->envelope.ptr + from, t->ends[s->sent - 1] - from));
}

static void next_message(struct session *s)
{
	s->sent = 0;
	s->answered = 0;
	envelope(s);
}

static void end(struct session *s)
{
	(void)close(s->fd);
	the_load.open--;
	the_load.idle[the_load.idle_count++] = s;
	connect_more();
}

/* A whole reply has come; false when the connection ended with it. */
static bool answer(struct session *s, struct str line)
{
	bool is_data = s->step == STEP_ENVELOPE && s->answered + 1 == the_load.texts.commands;

	if (line.ptr[0] != (is_data ? '3' : '2')) {
		(void)fprintf(stderr, "source: unexpected reply: " STR_FMT "\n", STR_ARG(line));
		_exit(1);
	}
	switch (s->step) {
	case STEP_GREETING:
		the_load.opening--;
		s->step = STEP_EHLO;
		say(s, STR("EHLO client.test.example\r\n"));
		connect_more();
		break;
	case STEP_EHLO:
		next_message(s);
		break;
	case STEP_ENVELOPE:
		s->answered++;
		if (s->answered == the_load.texts.commands) {
			s->step = STEP_CONTENT;
			say(s, buf_str(&the_load.texts.content));
		} else if (s->answered == s->sent) {
			envelope(s);
		}
		break;
	case STEP_CONTENT:
		the_load.done++;
		if (the_load.kept && the_load.begun < the_load.messages) {
			the_load.begun++;
			next_message(s);
		} else {
			s->step = STEP_QUIT;
			say(s, STR("QUIT\r\n"));
			(void)shutdown(s->fd, SHUT_WR);
		}
		break;
	case STEP_QUIT:
		end(s);
		return false;
	}
	return true;
}

static void take(struct session *s)
{
	ssize_t n = recv(s->fd, s->in + s->len, sizeof(s->in) - s->len, MSG_DONTWAIT);
	size_t at = 0;

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0 && s->step == STEP_QUIT) {
		end(s);
		return;
	}
	if (n <= 0)
		fail("connection", n < 0 ? strerror(errno) : "lost");
	s->len += (size_t)n;
	for (;;) {
		char *lf = memchr(s->in + at, '\n', s->len - at);
		struct str line;

		if (lf == NULL)
			break;
		line = str_from(s->in + at, (size_t)(lf - s->in) - at);
		at += line.len + 1;
		if (line.len < 4)
			fail("reply", "too short");
		if (s->step == STEP_EHLO && str_starts(str_skip(line, 4), STR("PIPELINING")))
			s->pipelining = true;
		if (line.ptr[3] != '-' && !answer(s, line))
			return;
	}
	s->len -= at;
	memmove(s->in, s->in + at, s->len);
	if (s->len == sizeof(s->in))
		fail("reply", "a line too long");
}

static void make_texts(const char *domain)
{
	struct texts *t = &the_load.texts;
	size_t body = 0;

	t->commands = the_load.recipients + 2;
	t->ends = mem_array(t->commands, sizeof(*t->ends));
	buf_puts(&t->envelope, "MAIL FROM:<a@test.example>\r\n");
	t->ends[0] = t->envelope.len;
	for (size_t i = 0; i < the_load.recipients; i++) {
		buf_putf(&t->envelope, "RCPT TO:<b%zu@%s>\r\n", i, domain);
		t->ends[i + 1] = t->envelope.len;
	}
	buf_puts(&t->envelope, "DATA\r\n");
	t->ends[t->commands - 1] = t->envelope.len;
	buf_puts(&t->content, "From: <a@test.example>\r\nTo: <b@test.example>\r\n"
			      "Date: Sat, 21 Nov 2026 12:00:00 +0000\r\n"
			      "Message-Id: <load@test.example>\r\nSubject: load\r\n\r\n");
	while (t->content.len + 5 < the_load.bytes) {
		buf_putc(&t->content, 'X');
		if (++body % 70 == 0)
			buf_puts(&t->content, "\r\n");
	}
	buf_puts(&t->content, "\r\n.\r\n");
}

static void options(int argc, char **argv)
{
	uint64_t port;

	if (argc != 10 || num_u64(str_of(argv[2]), UINT16_MAX, &port) < 0 ||
		net_addr_parse(str_of(argv[1]), (uint16_t)port, &the_load.to) < 0 ||
		num_u64(str_of(argv[3]), SESSIONS_MAX, &the_load.sessions) < 0 ||
		num_u64(str_of(argv[4]), UINT32_MAX, &the_load.messages) < 0 ||
		num_u64(str_of(argv[5]), 32 << 20, &the_load.bytes) < 0 ||
		num_u64(str_of(argv[6]), RECIPIENTS_MAX, &the_load.recipients) < 0 ||
		num_u64(str_of(argv[9]), SESSIONS_MAX, &the_load.opening_max) < 0 ||
		the_load.sessions == 0 || the_load.recipients == 0 || the_load.opening_max == 0) {
		(void)fprintf(stderr, "usage: source address port sessions messages bytes "
				      "recipients domain each|kept opening\n");
		_exit(2);
	}
	the_load.kept = strcmp(argv[8], "kept") == 0;
	make_texts(argv[7]);
}

int main(int argc, char **argv)
{
	struct session *all;

	options(argc, argv);
	the_load.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (the_load.epoll < 0)
		fail("epoll_create1", strerror(errno));
	all = mem_array(the_load.sessions, sizeof(*all));
	the_load.idle = mem_array(the_load.sessions, sizeof(struct session *));
	for (size_t i = 0; i < the_load.sessions; i++)
		the_load.idle[the_load.idle_count++] = &all[i];
	connect_more();
	while (the_load.open > 0) {
		struct epoll_event ev[64];
		int n = epoll_wait(the_load.epoll, ev, ARRAY_LEN(ev), 60000);

		if (n == 0)
			fail("server", "silent for a minute");
		for (int i = 0; i < n; i++) {
			struct session *s = ev[i].data.ptr;

			if ((ev[i].events & EPOLLOUT) != 0) {
				watch(s, EPOLLIN, EPOLL_CTL_MOD);
				push(s);
			}
			if ((ev[i].events & ~(uint32_t)EPOLLOUT) != 0)
				take(s);
		}
	}
	return the_load.done == the_load.messages ? 0 : 1;
}
