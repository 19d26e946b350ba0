/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_session.c — smtp(8) itself over a session that the input scripts: greeting to QUIT, content
 * included, without sockets (threats S11, P5).
 *
 * First byte: options; second: recipients, and the size of the pieces in which the server's words
 * arrive; the rest is what the server says. Invariants: no crash; what we say has no bare CR or LF and at
 * most one lone dot a transaction; every recipient is decided at the end, and none is both sent and not.
 */
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/mem.h"
#include "client.h"
#include "log/log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum option {
	OPT_LMTP = 1,
	OPT_KEEP = 2, /* a second transaction on the same session */
	OPT_PROBE = 4,
	OPT_XFORWARD = 8,
	OPT_7BIT = 16,
	OPT_UTF8 = 32,
	OPT_HELO = 64,
	OPT_ONE_BY_ONE = 128, /* wait for QUIT, no SIZE to speak of, short lines */
};

/* The server: input that arrives in pieces, and what we said to it. */
struct peer {
	struct str says;
	size_t piece;
	struct buf heard;
};

static ssize_t peer_read(void *ctx, char *p, size_t n, usec_t deadline)
{
	struct peer *peer = ctx;

	(void)deadline;
	n = MIN(n, peer->piece);
	n = MIN(n, peer->says.len);
	memcpy(p, peer->says.ptr, n);
	peer->says = str_skip(peer->says, n);
	return (ssize_t)n;
}

static ssize_t peer_write(void *ctx, const char *p, size_t n, usec_t deadline)
{
	struct peer *peer = ctx;

	(void)deadline;
	return buf_add(&peer->heard, str_from(p, n)) < 0 ? -EPIPE : (ssize_t)n;
}

static const struct stream_ops peer_ops = { .read = peer_read, .write = peer_write };

static void fill_params(struct client_params *p, unsigned options)
{
	*p = (struct client_params){
		.myhostname = "mx.test",
		.helo_name = "mx.test",
		.address_preference = "any",
		.address_verify_target = "rcpt",
		.discard_ehlo_keywords = "",
		.pix_workarounds = "disable_esmtp, delay_dotcrlf",
		.notify_classes = "",
		.always_send_ehlo = !(options & OPT_HELO),
		.skip_5xx_greeting = true,
		.skip_quit_response = !(options & OPT_ONE_BY_ONE),
		.quote_rfc821_envelope = true,
		.send_xforward_command = options & OPT_XFORWARD,
		.smtputf8_enable = true,
		.line_length_limit = options & OPT_ONE_BY_ONE ? 40 : 998,
		.mime_nesting_limit = 20,
		.mime_boundary_length_limit = 2048,
		.header_size_limit = 102400,
		.header_address_token_limit = 10240,
		.pix_workaround_threshold_time = USEC_NEVER,
	};
}

/* A message that would end the data early if it could. */
static struct queue_message *message(void)
{
	static const struct str lines[] = { STR("Subject: x"),
		STR("Content-Type: multipart/mixed; boundary=b"),
		STR("Content-Transfer-Encoding: 8bit"), STR(""), STR("--b"),
		STR("Content-Transfer-Encoding: 8bit"), STR(""), STR("."), STR(".."),
		STR("\xc3\xa4 = \t"), STR("a\rb\n.\nc\r"), STR("\r.\r"), STR("--b--"), STR(".") };
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	struct buf b = BUF(BUF_MEDIUM);

	for (size_t i = 0; i < ARRAY_LEN(lines); i++)
		check(rec_put(&b, REC_NORM, lines[i]) == 0);
	for (int i = 0; i < 50; i++)
		check(rec_put(&b, REC_CONT, STR(".long line that goes on")) == 0);
	check(rec_put(&b, REC_NORM, STR("")) == 0 && rec_put(&b, REC_XTRA, STR("")) == 0);
	check(fd >= 0 && write(fd, b.ptr, b.len) == (ssize_t)b.len);
	buf_done(&b);
	return queue_message_of_fd(fd);
}

static void fill_request(struct delivery_request *rq, unsigned options, size_t n, struct arena *a)
{
	*rq = (struct delivery_request){
		.flags = options & OPT_PROBE ? REQUEST_USR_VRFY : 0,
		.queue_name = STR("active"),
		.queue_id = STR("ABC"),
		.data_size = 1234,
		.nexthop = STR("x.test"),
		.encoding = options & OPT_7BIT ? STR("7bit") : STR("8bit"),
		.sendopts = options & OPT_UTF8
				    ? SENDOPT_SMTPUTF8_REQUESTED | SENDOPT_SMTPUTF8_HEADER
				    : 0,
		.sender = STR("s@x.test"),
		.dsn_envid = STR("e+1"),
		.client_name = STR("c.test"),
		.client_addr = STR("192.0.2.1"),
		.rewrite_context = STR("local"),
		.log_ident = STR("ABC"),
		.rcpt = arena_array(a, n, sizeof(struct recipient)),
		.n_rcpt = n,
		.msg = message(),
	};
	for (size_t i = 0; i < n; i++)
		rq->rcpt[i] = (struct recipient){ .address = STR("a b\xc3\xa4@y.test"),
			.offset = -1,
			.dsn_notify = DSN_NOTIFY_FAILURE };
}

static void check_heard(const struct peer *peer, int transactions)
{
	struct str s = buf_str(&peer->heard);
	int dots = 0;

	for (size_t i = 0; i < s.len; i++) {
		check(s.ptr[i] != '\r' || (i + 1 < s.len && s.ptr[i + 1] == '\n'));
		check(s.ptr[i] != '\n' || (i > 0 && s.ptr[i - 1] == '\r'));
		check(s.ptr[i] != '\0');
		if (s.ptr[i] == '.' && i + 1 < s.len && s.ptr[i + 1] == '\r' &&
			(i == 0 || s.ptr[i - 1] == '\n'))
			dots++;
	}
	check(dots <= transactions);
}

static void check_decided(const struct delivery *d)
{
	check(d->left == 0);
	for (size_t i = 0; i < d->rq->n_rcpt; i++)
		check(d->rq->rcpt[i].status == 1);
}

static void play(const struct client *c, struct peer *peer, unsigned options, size_t n)
{
	const struct smtp_destination to = { .text = STR("x.test"), .name = STR("x.test") };
	struct dns_host h = { .name = STR("x.test"), .best = true };
	struct stream *stream = stream_new_pair(-1, -1);
	struct session *s = NULL;
	int rounds = options & OPT_KEEP ? 2 : 1;

	check(net_addr_parse(STR("192.0.2.1"), 25, &h.addr) == 0);
	(void)stream_push(stream, &peer_ops, peer);
	for (int i = 0; i < rounds; i++) {
		_cleanup_arena_ struct arena *a = arena_new(0);
		struct delivery_request rq;
		struct delivery d = { .c = c, .rq = &rq, .a = a, .left = n, .last = i == 0 };

		fill_request(&rq, options, n, a);
		if (i == 0)
			s = session_begin(&d, &h, &to, stream);
		else
			s->reuse_count++;
		if (s != NULL && transfer(&d, s, rounds > 1) == TRANSFER_STALE)
			check(s->broken && d.left == n);
		finish(&d);
		check_decided(&d);
		queue_message_close(rq.msg);
		if (s == NULL || s->broken)
			break;
	}
	session_free(s);
	check_heard(peer, rounds);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct table_settings tables;
	const struct report_settings rs = { .delivery_status_filter = "",
		.fast_flush_domains = "",
		.tables = &tables };
	struct peer peer = { .heard = BUF(BUF_MEDIUM) };
	struct client *c;

	if (size < 2)
		return 0;
	log_init(&(struct log_settings){ .tag = "fuzz", .file = "/dev/null", .no_syslog = true });
	c = mem_new(struct client);
	c->lmtp = data[0] & OPT_LMTP;
	fill_params(&c->p, data[0]);
	check(report_conf_new(&rs, &c->agent.report, NULL) == 0);
	peer.says = str_from((const char *)data + 2, size - 2);
	peer.piece = (size_t)(data[1] >> 3) * 8 + 1;
	play(c, &peer, data[0], (size_t)(data[1] & 7) + 1);
	report_conf_free(c->agent.report);
	free(c);
	buf_done(&peer.heard);
	log_done();
	return 0;
}
