/* SPDX-License-Identifier: Apache-2.0 */
/*
 * connect.c — a connection to one host, up to the point where mail can be sent: TCP or UNIX socket,
 * greeting, EHLO, HELO or LHLO.
 */
#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "client.h"
#include "log/log.h"
#include "net/socket.h"

/* A line of a reply is read in pieces of this size; only the first piece is looked at. */
#define REPLY_LINE 2048
/* Lines that a reply may have, and lines of garbage before it is given up (threats P5). */
#define REPLY_MAX_LINES 10000
#define GARBAGE_MAX     100
/* The bind address is enforced and cannot be used; no errno. */
#define BIND_FAILED (-100000)

void session_free(struct session *s)
{
	if (s == NULL)
		return;
	stream_free(s->s);
	smtp_reply_done(&s->reply);
	buf_done(&s->line);
	buf_done(&s->out);
	buf_done(&s->window);
	free(s->host);
	free(s->where);
	free(s->where_port);
	free(s->dest);
	strv_done(&s->history);
	free(s);
}

static struct session *session_new(struct stream *stream, const struct dns_host *h,
	const struct smtp_destination *to)
{
	struct session *s = mem_new(struct session);
	struct buf b = BUF(BUF_SMALL);
	char text[NET_ADDR_TEXT];

	net_addr_text(&h->addr, text);
	s->s = stream;
	s->addr = h->addr;
	s->best = h->best;
	s->owed = 2; /* the lines of a greeting may come one by one, too */
	s->host = str_dup(h->name);
	s->line = BUF(REPLY_LINE + 8);
	s->out = BUF(BUF_MEDIUM);
	smtp_reply_init(&s->reply);
	if (to->is_unix)
		buf_putf(&b, STR_FMT "[" STR_FMT "]", STR_ARG(h->name), STR_ARG(to->name));
	else
		buf_putf(&b, STR_FMT "[%s]", STR_ARG(h->name), text);
	s->where = str_dup(buf_str(&b));
	if (!to->is_unix)
		buf_putf(&b, ":%u", (unsigned)net_addr_port(&h->addr));
	s->where_port = buf_take(&b);
	return s;
}

/* ---- replies ---- */

static bool filter_line(const struct client *c, const struct session *s, struct str line,
	struct buf *ret)
{
	struct why why = { 0 };

	if (c->reply_filter.n == 0)
		return false;
	switch (tables_get(&c->reply_filter, line, false, ret, &why)) {
	case LOOKUP_FOUND:
		log_info("%s: replacing server reply \"" STR_FMT "\" with \"%s\"", s->where_port,
			STR_ARG(line), buf_cstr(ret));
		return true;
	case LOOKUP_TEMPFAIL:
		log_warn("%s: reply filter: %s", s->where_port, why.text);
		return false;
	case LOOKUP_NONE:
		break;
	}
	return false;
}

/* Read the rest of a long line and drop it: as stream_line(). */
static int skip_line(struct session *s)
{
	_cleanup_buf_ struct buf rest = BUF_LOCAL(REPLY_LINE + 8);
	int r;

	log_warn("%s: response longer than %d: %.30s...", s->where_port, REPLY_LINE,
		buf_cstr(&s->line));
	do {
		buf_clear(&rest);
		r = stream_line(s->s, REPLY_LINE, &rest);
	} while (r == 0);
	return r;
}

static bool is_plain(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.ptr[i] < 0x20 || (unsigned char)s.ptr[i] > 0x7e)
			return false;
	return true;
}

/*
 * One line without its end, in s->line. What should not be shown is replaced here, once: the text
 * goes to the log, to bounce and defer, and into mail.
 */
static int read_line(const struct client *c, struct session *s)
{
	int r;

	buf_clear(&s->line);
	r = stream_line(s->s, REPLY_LINE, &s->line);
	if (r == 0)
		r = skip_line(s);
	if (r < 0)
		return r;
	while (s->line.len > 0 &&
		(s->line.ptr[s->line.len - 1] == '\n' || s->line.ptr[s->line.len - 1] == '\r'))
		buf_truncate(&s->line, s->line.len - 1);
	if (!is_plain(buf_str(&s->line))) {
		struct buf shown = BUF(s->line.limit);

		text_printable(&shown, buf_str(&s->line), c->p.smtputf8_enable);
		buf_done(&s->line);
		s->line = shown;
	}
	return 0;
}

static void set_timeout(const struct client *c, struct session *s, usec_t timeout)
{
	stream_timeout(s->s, timeout);
	stream_deadline(s->s, c->p.per_request_deadline ? clock_deadline(timeout) : USEC_NEVER);
}

static void complain(struct delivery *d, struct session *s, int n)
{
	s->protocol_error = true;
	/* Without pipelining, replies cannot get out of step. */
	if ((s->f.have & SMTP_F_PIPELINING) == 0)
		return;
	log_warn(STR_FMT ": non-%s response from %s: %.100s", STR_ARG(d->rq->queue_id),
		d->c->lmtp ? "LMTP" : "ESMTP", s->where_port, buf_cstr(&s->line));
	if (n == 1) {
		char text[NET_ADDR_TEXT];

		net_addr_text(&s->addr, text);
		log_warn("to prevent loss of mail, turn off command pipelining for %s with the "
			 "%s parameter",
			text,
			d->c->lmtp ? "lmtp_discard_lhlo_keyword_address_maps"
				   : "smtp_discard_ehlo_keyword_address_maps");
	}
}

/*
 * A server that writes each of several replies by itself, with Nagle's algorithm, waits for our
 * acknowledgement of the one before; the kernel would delay that by 40 ms. The option lasts for one
 * exchange. Servers that answer a batch in one piece, as far as was seen, do not need it.
 */
static void acknowledge_at_once(const struct session *s)
{
	int one = 1;

	if (s->addr.sa.sa_family != AF_UNIX && s->owed > 1 && !s->answers_at_once)
		(void)setsockopt(stream_fd(s->s), IPPROTO_TCP, TCP_QUICKACK, &one, sizeof(one));
}

int session_reply(struct delivery *d, struct session *s, usec_t timeout)
{
	int garbage = 0;

	smtp_reply_clear(&s->reply);
	set_timeout(d->c, s, timeout);
	if (stream_buffered(s->s).len == 0) {
		acknowledge_at_once(s);
		s->pieces++;
	}
	for (int lines = 0; lines < REPLY_MAX_LINES && garbage < GARBAGE_MAX; lines++) {
		_cleanup_buf_ struct buf other = BUF_LOCAL(BUF_SMALL);
		struct str line;
		int r = read_line(d->c, s);

		if (r < 0)
			return r;
		notice_in(d->c, s, buf_str(&s->line));
		line = filter_line(d->c, s, buf_str(&s->line), &other) ? buf_str(&other)
								       : buf_str(&s->line);
		r = smtp_reply_line(&s->reply, line);
		if (r > 0)
			return 0;
		if (r < 0)
			complain(d, s, ++garbage);
	}
	return -EPROTO;
}

int session_send(struct session *s, struct str data, usec_t timeout, bool deadline)
{
	int e;

	stream_timeout(s->s, timeout);
	stream_deadline(s->s, deadline ? clock_deadline(timeout) : USEC_NEVER);
	e = stream_write(s->s, data);
	return e == 0 ? stream_flush(s->s) : e;
}

/* ---- connecting ---- */

/* Can a socket be bound to this address? */
static int try_bind(const struct net_addr *from)
{
	int fd = socket(from->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int e = 0;

	if (fd < 0)
		return -errno;
	if (bind(fd, &from->sa, from->len) < 0)
		e = -errno;
	close(fd);
	return e;
}

/* The local address to use: *ret NULL for none; BIND_FAILED. */
static int choose_from(const struct client *c, const struct net_addr *to,
	const struct net_addr **ret)
{
	const struct net_addr *from = to->sa.sa_family == AF_INET6 ? &c->from6 : &c->from4;
	char text[NET_ADDR_TEXT];
	int e;

	*ret = NULL;
	if (from->len == 0)
		return 0;
	e = try_bind(from);
	if (e == 0) {
		*ret = from;
		return 0;
	}
	net_addr_text(from, text);
	log_warn("smtp_connect_addr: bind %s: %s", text, strerror(-e));
	return c->p.bind_address_enforce ? BIND_FAILED : 0;
}

static void connect_failed(struct delivery *d, const struct session *s, int err)
{
	if (err == BIND_FAILED)
		set_why(d, "4.4.0", "server configuration error");
	else
		set_why(d, "4.4.1", "connect to %s: %s", s->where_port, strerror(-err));
	if (s->addr.sa.sa_family != AF_UNIX)
		log_info(STR_FMT, STR_ARG(d->why.reason));
}

static int do_connect(struct delivery *d, const struct dns_host *h,
	const struct smtp_destination *to)
{
	const struct client *c = d->c;
	const struct net_addr *from = NULL;
	usec_t deadline = clock_deadline(c->p.connect_timeout);
	int fd;

	if (to->is_unix) {
		_cleanup_buf_ struct buf path = BUF_LOCAL(BUF_SMALL);

		buf_put(&path, to->name);
		return net_connect_unix(buf_cstr(&path), deadline, NULL);
	}
	fd = choose_from(c, &h->addr, &from);
	if (fd == 0)
		fd = net_connect(&h->addr, from, deadline, NULL);
	return fd;
}

/* ---- greeting ---- */

static unsigned discard_mask(const struct client *c, const struct session *s)
{
	_cleanup_buf_ struct buf v = BUF_LOCAL(BUF_SMALL);
	struct why why = { 0 };
	struct str bad;
	unsigned mask = c->discard_keywords;
	char text[NET_ADDR_TEXT];

	net_addr_text(&s->addr, text);
	switch (tables_get(&c->ehlo_maps, str_of(text), false, &v, &why)) {
	case LOOKUP_FOUND:
		mask = smtp_keyword_mask(buf_str(&v), &bad);
		if (bad.len > 0)
			log_warn("unknown EHLO keyword \"" STR_FMT "\"", STR_ARG(bad));
		break;
	case LOOKUP_TEMPFAIL:
		log_warn("%s", why.text);
		break;
	case LOOKUP_NONE:
		break;
	}
	return mask;
}

enum pix {
	PIX_DISABLE_ESMTP = 1,
	PIX_DELAY_DOTCRLF = 2,
};

static unsigned pix_mask(const struct client *c, const struct session *s)
{
	_cleanup_buf_ struct buf v = BUF_LOCAL(BUF_SMALL);
	struct why why = { 0 };
	struct str list = str_of(c->p.pix_workarounds), word;
	char text[NET_ADDR_TEXT];
	unsigned mask = 0;

	net_addr_text(&s->addr, text);
	if (tables_get(&c->pix_maps, str_of(text), false, &v, &why) == LOOKUP_FOUND)
		list = buf_str(&v);
	while (str_word(&list, ", \t\r\n", &word)) {
		if (str_ieq(word, STR("disable_esmtp")))
			mask |= PIX_DISABLE_ESMTP;
		else if (str_ieq(word, STR("delay_dotcrlf")))
			mask |= PIX_DELAY_DOTCRLF;
		else
			log_warn("unknown PIX workaround \"" STR_FMT "\"", STR_ARG(word));
	}
	return mask;
}

static unsigned pix_workarounds(struct delivery *d, struct session *s)
{
	unsigned mask = pix_mask(d->c, s);
	int64_t age = clock_wall() - (int64_t)d->rq->stats.incoming_arrival.tv_sec * USEC_PER_SEC;

	if (age <= d->c->p.pix_workaround_threshold_time)
		mask &= ~(unsigned)PIX_DELAY_DOTCRLF;
	if (mask != 0)
		log_info(STR_FMT ": enabling PIX workarounds: %s%s%s for %s",
			STR_ARG(d->rq->queue_id), mask & PIX_DISABLE_ESMTP ? "disable_esmtp" : "",
			mask == (PIX_DISABLE_ESMTP | PIX_DELAY_DOTCRLF) ? " " : "",
			mask & PIX_DELAY_DOTCRLF ? "delay_dotcrlf" : "", s->where_port);
	return mask;
}

static bool refused(struct delivery *d, struct session *s, bool skip_5xx)
{
	set_why_reply(d, s, &s->reply, skip_5xx, "host %s refused to talk to me: ", s->where);
	return false;
}

static bool lost(struct delivery *d, struct session *s, int e, const char *what)
{
	s->broken = true;
	if (e == -ETIMEDOUT)
		set_why(d, "4.4.2", "conversation with %s timed out while %s", s->where, what);
	else
		set_why(d, "4.4.2", "lost connection with %s while %s", s->where, what);
	return false;
}

/* Does the server have our own name? */
static bool is_own_name(struct delivery *d, struct session *s, struct str name, const char *how)
{
	const char *own = d->c->p.myhostname;

	if (d->c->lmtp || net_addr_port(&s->addr) != 25 || !str_ieq(name, str_of(own)))
		return false;
	log_warn("host %s %s my own hostname %s", s->where_port, how, own);
	return true;
}

/* Are we talking to ourselves? Where a better exchanger exists, waiting for it may help. */
static bool is_loop(struct delivery *d, struct session *s, struct str name)
{
	if (!is_own_name(d, s, name, "replied to HELO/EHLO with"))
		return false;
	set_why(d, s->best ? "5.4.6" : "4.4.6", "mail for " STR_FMT " loops back to myself",
		STR_ARG(d->rq->nexthop));
	return true;
}

/* Send "VERB name" and read the reply into s->reply. */
static int hello_command(struct delivery *d, struct session *s, const char *verb)
{
	int e;

	buf_clear(&s->out);
	buf_putf(&s->out, "%s %s\r\n", verb, d->c->p.helo_name);
	notice_out(d->c, s, buf_str(&s->out));
	e = session_send(s, buf_str(&s->out), d->c->p.helo_timeout, d->c->p.per_request_deadline);
	buf_clear(&s->out);
	return e == 0 ? session_reply(d, s, d->c->p.helo_timeout) : e;
}

static void log_discarded(struct delivery *d, const struct session *s, unsigned mask)
{
	_cleanup_buf_ struct buf b = BUF_LOCAL(BUF_SMALL);

	(void)d;
	if (s->f.discarded == 0 || (mask & SMTP_F_SILENT_DISCARD))
		return;
	smtp_keyword_names(&b, s->f.discarded);
	log_info("discarding EHLO keywords: %s", buf_cstr(&b));
}

static void take_features(struct delivery *d, struct session *s)
{
	unsigned mask = discard_mask(d->c, s);
	struct smtp_features f;

	smtp_features_parse(buf_str(&s->reply.text), mask, &f);
	if (f.bad_size.len > 0)
		log_warn("bad %s SIZE limit \"" STR_FMT "\" from %s", d->c->lmtp ? "LHLO" : "EHLO",
			STR_ARG(f.bad_size), s->where_port);
	/* Borrowed from the reply, which the next one overwrites. */
	f.auth = f.name = f.bad_size = STR_EMPTY;
	s->f = f;
	if (f.implied_8bitmime)
		log_info("host %s offers SMTPUTF8 support, but not 8BITMIME", s->where);
	log_discarded(d, s, mask);
}

static bool hello(struct delivery *d, struct session *s, const struct smtp_greeting *g)
{
	const struct client *c = d->c;
	unsigned pix = g->pix ? pix_workarounds(d, s) : 0;
	bool esmtp = c->lmtp || ((g->esmtp || c->p.always_send_ehlo) && !c->p.never_send_ehlo &&
					!(pix & PIX_DISABLE_ESMTP));
	const char *verb = c->lmtp ? "LHLO" : "EHLO";
	const char *what = c->lmtp ? "performing the LHLO handshake"
				   : "performing the EHLO handshake";
	int e;

	s->pix_dotcrlf = (pix & PIX_DELAY_DOTCRLF) != 0;
	if (esmtp) {
		e = hello_command(d, s, verb);
		if (e < 0)
			return lost(d, s, e, what);
		if (s->reply.code / 100 == 2) {
			struct smtp_greeting own;

			smtp_greeting_parse(buf_str(&s->reply.text), &own);
			if (is_loop(d, s, own.name))
				return false;
			take_features(d, s);
			return true;
		}
		if (s->reply.code == 421)
			s->broken = true;
		if (c->lmtp || s->reply.code == 421)
			return refused(d, s, false);
	}
	e = hello_command(d, s, "HELO");
	if (e < 0)
		return lost(d, s, e, "performing the HELO handshake");
	if (s->reply.code / 100 != 2)
		return refused(d, s, false);
	return true;
}

/* From the greeting on; false with d->why set. */
static bool greet(struct delivery *d, struct session *s)
{
	struct smtp_greeting g;
	struct buf text = BUF(SMTP_REPLY_MAX);
	bool ok;
	int e = session_reply(d, s, d->c->p.helo_timeout);

	if (e < 0)
		return lost(d, s, e, "receiving the initial server greeting");
	if (s->reply.code / 100 != 2)
		return refused(d, s, d->c->p.skip_5xx_greeting);
	/* The name is compared after the reply was overwritten. */
	buf_put(&text, buf_str(&s->reply.text));
	smtp_greeting_parse(buf_str(&text), &g);
	(void)is_own_name(d, s, g.name, "greeted me with");
	ok = hello(d, s, &g);
	buf_done(&text);
	return ok;
}

struct session *session_begin(struct delivery *d, const struct dns_host *h,
	const struct smtp_destination *to, struct stream *stream)
{
	struct session *s = session_new(stream, h, to);

	s->expires = clock_deadline(d->c->p.connection_reuse_time_limit);
	d->relay = arena_str(d->a, str_of(s->where_port));
	if (greet(d, s))
		return s;
	d->setup_done = msg_stats_now();
	host_unusable(d);
	if (!s->broken)
		session_quit(d, s);
	notice_send(d->c, s);
	session_free(s);
	return NULL;
}

struct session *session_open(struct delivery *d, const struct dns_host *h,
	const struct smtp_destination *to)
{
	int fd = do_connect(d, h, to);
	struct session *s;

	d->relay = STR("none");
	d->reuse_count = 0;
	if (fd >= 0)
		return session_begin(d, h, to, stream_new(fd));
	s = session_new(NULL, h, to);
	connect_failed(d, s, fd);
	session_free(s);
	return NULL;
}

void session_quit(struct delivery *d, struct session *s)
{
	usec_t timeout = d->c->p.quit_timeout;
	int e = session_send(s, STR("QUIT\r\n"), timeout, d->c->p.per_request_deadline);

	notice_out(d->c, s, STR("QUIT\r\n"));
	if (e == 0 && !d->c->p.skip_quit_response)
		e = session_reply(d, s, timeout);
	(void)e; /* nothing depends on it any more */
	s->broken = true;
}
